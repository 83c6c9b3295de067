"""A real MCP server that does what its client has to survive. Started by tests, never imported by them.

Its argument is a file that gets a line for every call, so that a repeated one shows. With a port and a token as further
arguments it serves HTTP, else stdio.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

calls = Path(sys.argv[1])
server = MCPServer("tiny")


def note(what: str) -> None:
    with calls.open("a", encoding="utf-8") as file:
        file.write(f"{what}\n")


@server.tool()
async def who() -> dict[str, int]:
    """The process that answers."""
    note("who")
    return {"pid": os.getpid()}


@server.tool()
async def fail() -> dict[str, int]:
    """An error with escape sequences in its text."""
    note("fail")
    raise ToolError("no such \x1b[31mapp")


@server.tool()
async def hang(name: str = "hang") -> dict[str, int]:
    """No answer."""
    note(name)
    await asyncio.Event().wait()
    return {}


@server.tool()
async def die() -> dict[str, int]:
    """The end, as by kill -9, in the middle of a call."""
    note("die")
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


@server.tool()
async def freeze() -> dict[str, int]:
    """A process that lives and never answers anything again."""
    note("freeze")
    os.kill(os.getpid(), signal.SIGSTOP)
    return {}


def serve_http(port: int, token: str) -> None:
    import uvicorn
    from starlette.responses import Response

    app = server.streamable_http_app()

    async def guarded(scope, receive, send):
        if scope["type"] == "http" and (b"authorization", f"Bearer {token}".encode()) not in scope["headers"]:
            await Response(status_code=401)(scope, receive, send)
        else:
            await app(scope, receive, send)

    uvicorn.run(guarded, host="127.0.0.1", port=port, log_level="error")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        serve_http(int(sys.argv[2]), sys.argv[3])
    else:
        server.run(transport="stdio")
