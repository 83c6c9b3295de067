"""The client side of the MCP server: one long-lived client in one owner task, for as long as the swarm lives.

Any failure means that the outcome is unknown: the call raises, the client is built anew, and whoever called observes before
it acts again. Nothing here ever repeats a call.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.sanitize import clean
from agents.seams import Clock, ToolError, ToolsUnavailableError

READ_SECONDS = 10.0
WRITE_SECONDS = 180.0
ALIVE_SECONDS = 5.0
"""How long a server that left a call unanswered has to show that it is alive; a slow platform is no reason to start it anew."""
FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 10.0


@dataclass(frozen=True, slots=True)
class ServerCommand:
    """How the MCP server is started: argument list and environment, and the file that takes its stderr."""

    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path


@dataclass(slots=True)
class _Request:
    tool: str
    arguments: Mapping[str, Any]
    seconds: float
    answer: asyncio.Future[Mapping[str, Any]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class McpTools:
    """Implements `seams.Tools` over stdio. `run` owns the client; calls may come from any task of the same loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._queue: asyncio.Queue[_Request] = asyncio.Queue()
        self._up = asyncio.Event()
        self._backoff = FIRST_BACKOFF
        self.problem = ""
        """Why the tools are away, with the remedy; empty while they are there, or not wanted yet."""

    async def read(self, tool: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Call a read tool. Raises ToolsUnavailableError at once while the server is away, ToolError for its own errors."""
        return await self._call(tool, arguments, READ_SECONDS)

    async def write(self, tool: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Call a write tool; as `read`, but given the time that an operation takes."""
        return await self._call(tool, arguments, WRITE_SECONDS)

    async def wait_up(self, seconds: float) -> bool:
        """Whether the server answers within `seconds`."""
        try:
            await asyncio.wait_for(self._up.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def run(self, server: ServerCommand) -> None:
        """Own the client until cancelled: start the server, serve calls, start it anew when it goes away."""
        self.problem = "the MCP server is starting"
        while True:
            try:
                await self._serve(server)
            except asyncio.CancelledError:
                raise
            except BaseException as error:
                if _is_cancelled():
                    raise
                self.problem = f"the MCP server went away ({_first_line(error)}); its log is {server.log}"
            await self._clock.sleep(self._backoff)
            self._backoff = min(self._backoff * 2, LONGEST_BACKOFF)

    async def _call(self, tool: str, arguments: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
        if not self._up.is_set():
            raise ToolsUnavailableError(self.problem or "the MCP server is not started")
        request = _Request(tool, arguments, seconds)
        self._queue.put_nowait(request)
        return await request.answer

    async def _serve(self, server: ServerCommand) -> None:
        await asyncio.to_thread(importlib.import_module, "mcp.client.stdio")
        from mcp.client import Client  # noqa: PLC0415 - a second of imports, done in a thread after the first paint
        from mcp.client.stdio import StdioServerParameters, stdio_client  # noqa: PLC0415

        command, *arguments = server.command
        parameters = StdioServerParameters(command=command, args=arguments, env=dict(server.environment))
        server.log.parent.mkdir(parents=True, exist_ok=True)
        with server.log.open("a", encoding="utf-8") as log:
            async with Client(stdio_client(parameters, errlog=log)) as client, asyncio.TaskGroup() as group:
                self.problem = ""
                self._up.set()
                try:
                    await self._answer_all(client, group)
                finally:
                    self._up.clear()
                    self._fail_queued()

    async def _answer_all(self, client: Any, group: asyncio.TaskGroup) -> None:
        while True:
            request = await self._queue.get()
            if request.answer.done():
                continue
            task = group.create_task(self._answer(client, request))
            task.add_done_callback(lambda _, r=request: _settle(r, _cut_off(r, "the MCP server went away")))  # type: ignore[misc]

    async def _answer(self, client: Any, request: _Request) -> None:
        try:
            result = await asyncio.wait_for(client.call_tool(request.tool, dict(request.arguments)), request.seconds)
        except TimeoutError:
            _settle(request, ToolsUnavailableError(f"{request.tool!r} did not answer within {request.seconds:.0f} s"))
            await asyncio.wait_for(client.list_tools(), ALIVE_SECONDS)
        except BaseException as error:
            _settle(request, _cut_off(request, _first_line(error)))
            raise
        else:
            self._backoff = FIRST_BACKOFF
            if result.is_error:
                text = " ".join(getattr(part, "text", "") for part in result.content)
                _settle(request, ToolError(clean(text)))
            elif not request.answer.done():
                request.answer.set_result(result.structured_content or {})

    def _fail_queued(self) -> None:
        while not self._queue.empty():
            request = self._queue.get_nowait()
            _settle(request, _cut_off(request, "the MCP server went away"))


def _settle(request: _Request, error: Exception) -> None:
    with contextlib.suppress(asyncio.InvalidStateError):
        request.answer.set_exception(error)


def _cut_off(request: _Request, why: str) -> ToolsUnavailableError:
    return ToolsUnavailableError(f"{request.tool!r} was cut off: {why}")


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _first_line(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    return clean(str(error) or type(error).__name__, 200)
