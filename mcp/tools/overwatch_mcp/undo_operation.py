"""The tool that undoes an operation: it carries out the inverse that the journal has held since before the operation ran."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, get_args

from overwatch_mcp.config import WriteTool
from overwatch_mcp.errors import RequestError
from overwatch_mcp.journal_retention import GONE
from overwatch_mcp.models import Inverse, OperationRecord

_EXPECTED = {
    "switch_traffic": ("expected_weights", "weights"),
    "scale_service": ("expected_replicas", "replicas_desired"),
    "deploy_container": ("expected_image", "image"),
    "rollback_revision": ("expected_revision", "revision"),
    "restart_service": ("expected_revision", "revision"),
}
"""What the inverse may expect of the state, and where the operation's own state after it says that."""


def undoing(record: OperationRecord) -> tuple[WriteTool, str, Mapping[str, Any]]:
    """The tool, target and arguments that undo an operation.

    Where the operation succeeded, the state that it left is a precondition: what somebody else has changed since is not undone.

    Raises:
        RequestError: There is nothing to undo, or no way to.
    """
    name = record.operation_id
    if not record.known:
        raise RequestError(f"{name!r} was never begun here: there is nothing to undo")
    if record.status == "started":
        raise RequestError(f"{name!r} is not at its end yet: wait for it, then undo it")
    if record.status == "refused":
        raise RequestError(f"{name!r} was refused: there is nothing to undo")
    if record.inverse is None and record.result is not None and record.result.summary.endswith(f"({GONE})"):
        raise RequestError(f"{name!r} ended long ago and {GONE}: it can't be undone any more")
    if record.inverse is None:
        raise RequestError(f"{name!r} ({record.tool}) has no inverse: it can't be undone")
    arguments = dict(record.inverse.arguments)
    target = arguments.pop("target")
    return _tool(record.inverse), target, {**arguments, **_preconditions(record)}


def _tool(inverse: Inverse) -> WriteTool:
    tools: tuple[WriteTool, ...] = get_args(WriteTool)
    for tool in tools:
        if tool == inverse.tool:
            return tool
    raise RequestError(f"the inverse is {inverse.tool!r}, which is no tool of this server: do it by hand")


def _preconditions(record: OperationRecord) -> dict[str, Any]:
    after = record.result.state_after if record.result is not None else None
    if record.status != "succeeded" or after is None or record.inverse is None:
        return {}
    expected, fact = _EXPECTED[_tool(record.inverse)]
    return {expected: after[fact]} if after.get(fact) is not None else {}


if __name__ == "__main__":
    from overwatch_mcp.by_hand import undo

    sys.exit(undo())
