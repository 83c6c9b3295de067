"""What one caller, or all of them together, may ask of the HTTP door: so many at once, so many a second, and not for ever."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from dataclasses import dataclass

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from overwatch_mcp.clock import Clock


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """The bounds of the HTTP transport. `per_second` is for each token; `burst` is what it may save up."""

    requests: int = 32
    streams: int = 64
    connections: int = 256
    sessions: int = 64
    session_idle_s: float = 600.0
    per_second: float = 50.0
    burst: int = 100
    body_bytes: int = 1024 * 1024
    body_s: float = 10.0
    header_s: float = 10.0
    unread_s: float = 30.0


class Gate:
    """Lets so many requests in at once, and none once it is closed. Event streams, which stay, are counted by themselves."""

    def __init__(self, app: ASGIApp, limits: HttpLimits) -> None:
        self._app = app
        self._most = {True: limits.streams, False: limits.requests}
        self._inside = {True: 0, False: 0}
        self._closed = False

    def close(self) -> None:
        """Turn all further requests away; those inside go on."""
        self._closed = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 503."""
        stream = scope["method"] == "GET" or _listens(scope)
        if self._closed:
            await _later("the server is ending", 503, 5, scope, receive, send)
        elif self._inside[stream] >= self._most[stream]:
            await _later("too many requests at once", 503, 1, scope, receive, send)
        else:
            self._inside[stream] += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._inside[stream] -= 1


class Pace:
    """A token bucket for each caller that has shown its token: beyond it, 429."""

    MOST_CALLERS = 1024

    def __init__(self, app: ASGIApp, limits: HttpLimits, clock: Clock) -> None:
        self._app = app
        self._limits = limits
        self._clock = clock
        self._buckets: OrderedDict[tuple[str, str | None], tuple[float, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or say when to come again."""
        wait = self._take(_caller(scope))
        if wait > 0:
            await _later("too many requests", 429, math.ceil(wait), scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _take(self, caller: tuple[str, str | None]) -> float:
        now = self._clock.monotonic()
        left, at = self._buckets.pop(caller, (float(self._limits.burst), now))
        left = min(float(self._limits.burst), left + (now - at) * self._limits.per_second)
        enough = left >= 1
        self._buckets[caller] = (left - 1 if enough else left, now)
        while len(self._buckets) > self.MOST_CALLERS:
            self._buckets.popitem(last=False)
        return 0.0 if enough else (1 - left) / self._limits.per_second


class Patience:
    """Waits so long for the whole body of a request: then 408. What comes after the body may take its time."""

    def __init__(self, app: ASGIApp, limits: HttpLimits) -> None:
        self._app = app
        self._seconds = limits.body_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with an eye on its body."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._seconds
        whole = answered = False

        async def in_time() -> Message:
            nonlocal whole
            if whole:
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError as error:
                raise _TooSlowError from error
            whole = message["type"] != "http.request" or not message.get("more_body", False)
            return message

        async def noted(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            await self._app(scope, in_time, noted)
        except _TooSlowError:
            if not answered:
                slow = PlainTextResponse("the request's body did not come in time", 408, {"connection": "close"})
                await slow(scope, receive, send)


class _TooSlowError(Exception):
    pass


def _listens(scope: Scope) -> bool:
    """Whether it says of itself that it stays open; the SDK refuses a header that does not fit the body, in newer revisions."""
    headers = dict(reversed(scope["headers"]))  # of two, the first one counts, as for the SDK
    revision = headers.get(b"mcp-protocol-version", b"").decode("latin-1")
    return headers.get(b"mcp-method") == b"subscriptions/listen" and revision in MODERN_PROTOCOL_VERSIONS


def _caller(scope: Scope) -> tuple[str, str | None]:
    user = scope.get("user")
    return (user.access_token.client_id, user.access_token.subject) if isinstance(user, AuthenticatedUser) else ("", None)


async def _later(text: str, status: int, seconds: int, scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(text, status, {"retry-after": str(seconds)})(scope, receive, send)
