"""The real server's parts as the agents' tools: same journal, same envelope, same effects, no process in between."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from platform_support import Bench

from agents.seams import ToolBusyError, ToolError, ToolsUnavailableError
from overwatch_mcp.errors import BusyError, JournalError, OverwatchToolError
from overwatch_mcp.operations import Call


class ServerTools:
    """Implements `seams.Tools` over a bench. `cut` names where the connection is lost next: `before` or `after` a write."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.cut: str | None = None
        self.written: list[Mapping[str, Any]] = []

    async def read(self, tool: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        workshop = self.bench.workshop
        platform = self.bench.platform
        match tool:
            case "get_operation":
                answer: Any = await workshop.operations.get(arguments["operation_id"])
            case "list_targets":
                answer = await workshop.targets()
            case "get_traffic":
                answer = await platform.traffic()
            case _:
                answer = await platform.service(arguments["region"])
        return answer.model_dump(mode="json")

    async def write(self, tool: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        self._lose("before")
        self.written.append(arguments)
        given = dict(arguments)
        target, operation, epoch = (given.pop(name) for name in ("target", "operation_id", "epoch"))
        try:
            effect = await self.bench.workshop.effect(tool, target, given, operation)
            result = await self.bench.workshop.operations.execute(effect, Call(operation, epoch))
        except (BusyError, JournalError) as error:
            raise ToolBusyError(str(error)) from error
        except OverwatchToolError as error:
            raise ToolError(str(error)) from error
        self._lose("after")
        return result.model_dump(mode="json")

    def _lose(self, where: str) -> None:
        if self.cut == where:
            self.cut = None
            raise ToolsUnavailableError(f"cut off {where} the write")
