"""An MCP server in memory that counts what really happens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.seams import ToolError, ToolsUnavailableError


class CountingTools:
    """An MCP server in memory: journals by operation id, as the real one does, and can be cut off at any point."""

    def __init__(self) -> None:
        self.world: list[str] = []
        """Every effect that really happened."""
        self.operations: dict[str, dict[str, Any]] = {}
        self.cut: str | None = None
        """Where the connection is lost next: `before`, `between`, `after` the effect, or on `read`."""
        self.refuse: str | None = None
        self.epochs: list[int] = []
        self.arguments: list[Mapping[str, Any]] = []
        """What the writes that arrived were called with."""

    async def read(self, tool: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._cut("read"):
            raise ToolsUnavailableError("cut off")
        if tool != "get_operation":
            return {"weights": {"east": 100, "west": 0}}
        known = self.operations.get(arguments["operation_id"])
        return known or {"operation_id": arguments["operation_id"], "status": "absent"}

    async def write(self, tool: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._cut("before"):
            raise ToolsUnavailableError("cut off before the server heard of it")
        if self.refuse is not None:
            raise ToolError(self.refuse)
        self.arguments.append(arguments)
        id_ = arguments["operation_id"]
        self.epochs.append(arguments["epoch"])
        operation = self.operations.setdefault(id_, {"status": "started", "tool": tool})
        if operation["status"] == "started" and id_ not in self.world:
            if self._cut("between"):
                raise ToolsUnavailableError("cut off between journal and effect")
            self.world.append(id_)
        operation.update(status="succeeded", summary=f"{tool} done", command=f"az {tool}")
        if self._cut("after"):
            raise ToolsUnavailableError("cut off before the answer arrived")
        return operation

    def _cut(self, where: str) -> bool:
        if self.cut == where:
            self.cut = None
            return True
        return False
