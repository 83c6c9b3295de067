"""The client side of the MCP server: one long-lived client in one owner task, for as long as the swarm lives.

Any failure means that the outcome is unknown: the call raises, the client is built anew, and whoever called observes before
it acts again. Nothing here ever repeats a call.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.sanitize import clean
from agents.seams import Clock, ToolBusyError, ToolError, ToolsUnavailableError
from agents.tool_server import ServerRefusedError, ToolServer

READ_SECONDS = 10.0
WRITE_SECONDS = 180.0
ALIVE_SECONDS = 5.0
"""How long a server that left a call unanswered has to show that it is alive; a slow platform is no reason to start it anew."""
FIRST_BACKOFF = 0.5
LONGEST_BACKOFF = 10.0
CUT = "the connection broke"
RETRY = "overwatch/retry"
"""The key in an error's `_meta` with which the server says that it did nothing, and may be asked again later."""


@dataclass(slots=True)
class _Request:
    tool: str
    arguments: Mapping[str, Any]
    seconds: float
    answer: asyncio.Future[Mapping[str, Any]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class McpTools:
    """Implements `seams.Tools`, over stdio or HTTP. `run` owns the client; calls may come from any task of the same loop."""

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
            async with asyncio.timeout(seconds):
                await self._up.wait()
        except TimeoutError:
            return False
        return True

    async def run(self, server: ToolServer) -> None:
        """Own the client until cancelled: connect, serve calls, connect anew when the server goes away.

        The client lives in a task of its own: over HTTP the SDK cancels that task when a server dies, and nothing tells such a
        cancellation from one that is meant.
        """
        self.problem = "the MCP server is starting"
        while True:
            serving = asyncio.create_task(self._serve(server), name="tools client")
            try:
                await asyncio.wait({serving})
            finally:
                serving.cancel()
                await asyncio.gather(serving, return_exceptions=True)
            self.problem = server.away(_why(serving))
            await self._clock.sleep(self._backoff)
            self._backoff = min(self._backoff * 2, LONGEST_BACKOFF)

    async def _call(self, tool: str, arguments: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
        if not self._up.is_set():
            raise ToolsUnavailableError(self.problem or "the MCP server is not started: no target has a platform")
        request = _Request(tool, arguments, seconds)
        self._queue.put_nowait(request)
        return await request.answer

    async def _serve(self, server: ToolServer) -> None:
        async with server.connected() as client, asyncio.TaskGroup() as group:
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
            if isinstance(error, asyncio.CancelledError) and not _is_cancelled():
                raise ConnectionError(CUT) from error
            raise
        else:
            self._backoff = FIRST_BACKOFF
            if result.is_error:
                text = " ".join(getattr(part, "text", "") for part in result.content)
                busy = (result.meta or {}).get(RETRY) is True
                _settle(request, ToolBusyError(clean(text)) if busy else ToolError(clean(text)))
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


def _why(serving: asyncio.Task[None]) -> str:
    return CUT if serving.cancelled() else _first_line(serving.exception() or ConnectionError(CUT))


def _first_line(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup) and (refused := error.subgroup(ServerRefusedError)) is not None:
        error = refused
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    return clean(str(error) or (CUT if isinstance(error, asyncio.CancelledError) else type(error).__name__), 200)
