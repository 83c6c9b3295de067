"""The arguments that tools share, and how a tool's errors reach whoever called."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Annotated, ParamSpec, TypeVar, cast

from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, TextContent
from pydantic import Field

from overwatch_mcp.errors import BusyError, JournalError, OverwatchToolError

P = ParamSpec("P")
R = TypeVar("R")

Target = Annotated[str, Field(description="The name of a configured target.")]
Region = Annotated[str, Field(description="The name of one of the target's regions.")]
OperationId = Annotated[str, Field(description="1 to 128 of [A-Za-z0-9._:>-]; the same id never acts twice.")]
Epoch = Annotated[int, Field(strict=True, ge=0, description="The epoch of the caller's lease; a stale one is refused.")]
DryRun = Annotated[bool, Field(strict=True, description="Say what would be done, and do nothing.")]
ApprovalToken = Annotated[str, Field(max_length=2_000, description="What a target may demand before it is written to.")]
Whole = Annotated[int, Field(strict=True)]
Weights = Annotated[dict[str, Whole], Field(description="Percent for every region of the target; 100 in all.")]

RETRY = "overwatch/retry"
"""The key in an error's `_meta` that says that nothing was done, and that asking again later may well work."""


def said(tool: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Let the caller see the text of an error that is meant for it, and whether to ask again; the SDK hides all others."""

    @wraps(tool)
    async def saying(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await tool(*args, **kwargs)
        except (BusyError, JournalError) as error:
            text = [TextContent(type="text", text=str(error))]
            return cast("R", CallToolResult(content=[*text], is_error=True, _meta={RETRY: True}))
        except OverwatchToolError as error:
            raise ToolError(str(error)) from error

    return saying
