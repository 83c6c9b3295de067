"""One pure ASGI layer around the app: faults, who answered, the bound of a body, and the measurement of user requests."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import MutableMapping
from typing import Any

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mini_app.backend.faults import Faults
from mini_app.backend.telemetry import METHODS, Metrics, route_of

INTERNAL = frozenset({"health", "metrics", "status", "admin"})
LARGEST_BODY = 64 * 1024
SLOW_SECONDS = 1.0

log = logging.getLogger(__name__)


class Replica:
    """Marks each answer with the region and the replica, suffers the active faults, and counts what users ask."""

    def __init__(self, app: ASGIApp, *, faults: Faults, metrics: Metrics, region: str, replica: str) -> None:
        self._app = app
        self._faults = faults
        self._metrics = metrics
        self._headers = [
            (b"x-region", region.encode()),
            (b"x-replica", replica.encode()),
            (b"x-content-type-options", b"nosniff"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        first = path.split("/")[1] if "/" in path else ""
        began = time.perf_counter()
        status = 0

        async def marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), *self._headers]
            await send(message)

        try:
            if first == "admin" or not await self._suffer(first, marked):
                await self._app(scope, bounded(receive), marked)
        except Exception:
            if not status:
                await _answer(marked, 500, {"detail": "the app failed: its log says why"})
            raise
        finally:
            if first not in INTERNAL:
                self._note(scope["method"], path, status or 500, time.perf_counter() - began)

    def _note(self, method: str, path: str, status: int, seconds: float) -> None:
        self._metrics.count(method, path, status, seconds)
        if status >= 500 or seconds > SLOW_SECONDS:
            # Neither the path nor the method as they came: a line of the log must stay one line.
            named = method if method in METHODS else "OTHER"
            log.warning("%s %s was answered with %d in %.0f ms", named, route_of(path), status, seconds * 1000)

    async def _suffer(self, first: str, send: Send) -> bool:
        """Apply the faults; whether the request was answered by one."""
        if self._faults.stale():
            await asyncio.to_thread(self._faults.refresh)
        internal = first in INTERNAL
        for fault in self._faults.active():
            if fault.kind == "outage":
                await _answer(send, 503, {"detail": "this region is out of order"})
                return True
            if internal and first != "health":
                continue
            await asyncio.sleep(fault.latency_ms / 1000)
            if not internal and self._faults.fails(fault):
                await _answer(send, 500, {"detail": "this process is degraded"})
                return True
        return False


def bounded(receive: Receive) -> Receive:
    """The body of a request, refused with 413 where it is larger than any that the app takes."""
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > LARGEST_BODY:
            raise HTTPException(413, f"the body is larger than {LARGEST_BODY} bytes")
        return message

    return counted


async def _answer(send: Send, status: int, body: MutableMapping[str, Any]) -> None:
    content = json.dumps(body).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
