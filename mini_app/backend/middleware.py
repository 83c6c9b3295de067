"""One pure ASGI layer around the app: faults, who answered, and the measurement of user requests."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import MutableMapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mini_app.backend.faults import Faults
from mini_app.backend.telemetry import Metrics

INTERNAL = ("/health", "/metrics", "/status", "/admin")
_ID = re.compile(r"/\d+")


class Replica:
    """Marks each answer with the region and the replica, suffers the active faults, and counts what users ask."""

    def __init__(self, app: ASGIApp, *, faults: Faults, metrics: Metrics, region: str, replica: str) -> None:
        self._app = app
        self._faults = faults
        self._metrics = metrics
        self._headers = [(b"x-region", region.encode()), (b"x-replica", replica.encode())]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        internal = path.startswith(INTERNAL)
        began = time.perf_counter()
        status = 500

        async def marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), *self._headers]
            await send(message)

        if not path.startswith("/admin") and await self._suffer(path, internal=internal, send=marked):
            pass
        else:
            await self._app(scope, receive, marked)
        if not internal:
            self._metrics.count(scope["method"], _ID.sub("/{id}", path), status, time.perf_counter() - began)

    async def _suffer(self, path: str, *, internal: bool, send: Send) -> bool:
        """Apply the faults; whether the request was answered by one."""
        if self._faults.stale():
            await asyncio.to_thread(self._faults.refresh)
        for fault in self._faults.active():
            if fault.kind == "outage":
                await _answer(send, 503, {"detail": "this region is out of order"})
                return True
            if internal and path != "/health":
                continue
            await asyncio.sleep(fault.latency_ms / 1000)
            if not internal and self._faults.fails(fault):
                await _answer(send, 500, {"detail": "this process is degraded"})
                return True
        return False


async def _answer(send: Send, status: int, body: MutableMapping[str, Any]) -> None:
    content = json.dumps(body).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
