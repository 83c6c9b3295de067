"""What a bearer token may do: one scope lets it look, another lets it act. Without the second, the write tools don't exist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mcp import MCPError
from mcp.server import MCPServer
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp_types import INVALID_PARAMS


@dataclass(frozen=True, slots=True)
class Scopes:
    """The names of the two scopes. Every call needs `read`; `write` is asked for on top of it."""

    read: str = "overwatch.read"
    write: str = "overwatch.write"


class ScopeGuard:
    """Middleware of the MCP server, for HTTP alone. A tool that does not say of itself that it only reads, writes.

    A message whose request can't be found has no scopes.
    """

    def __init__(self, server: MCPServer[Any], scopes: Scopes) -> None:
        self._server = server
        self._scopes = scopes

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Hide the write tools from whoever may not use them, and refuse their calls."""
        if ctx.method not in {"tools/list", "tools/call"} or self._scopes.write in _scopes(ctx):
            return await call_next(ctx)
        reads = {tool.name for tool in await self._server.list_tools() if tool.annotations and tool.annotations.read_only_hint}
        if ctx.method == "tools/call" and (ctx.params or {}).get("name") not in reads:
            raise MCPError(INVALID_PARAMS, f"no tool of that name for a token without the scope {self._scopes.write!r}")
        answer = await call_next(ctx)
        if ctx.method == "tools/list":
            if not isinstance(answer, dict) or not isinstance(answer.get("tools"), list):
                raise TypeError("tools/list was answered in another form than expected: nothing of it is shown")
            return answer | {"tools": [tool for tool in answer["tools"] if tool.get("name") in reads]}
        return answer


def _scopes(ctx: ServerRequestContext[Any, Any]) -> list[str]:
    user = ctx.request.scope.get("user") if ctx.request is not None else None
    return user.scopes if isinstance(user, AuthenticatedUser) else []
