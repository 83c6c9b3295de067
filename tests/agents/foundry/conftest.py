"""A stand-in for an OpenAI-compatible endpoint, on loopback, that misbehaves as real ones do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web


@dataclass
class Endpoint:
    """What the next answers are. Each is a text to stream, or a status to answer with, or a behaviour by name."""

    url: str = ""
    script: list[Any] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    respond: Callable[[dict[str, Any]], Any] | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        step = self.respond(body) if self.respond is not None else self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(step, int):
            return web.json_response({"error": {"message": "no", "type": "error", "code": "x"}}, status=step)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        if step == "hang":
            await asyncio.sleep(30)
            return response
        text = step[:20] if step == "disconnect" else step
        for start in range(0, len(text), 7):
            chunk = {"choices": [{"index": 0, "delta": {"content": text[start : start + 7]}, "finish_reason": None}]}
            await response.write(self._event(chunk))
        if step == "disconnect":
            request.transport.abort()
            return response
        await response.write(self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}))
        usage = {"prompt_tokens": 900, "completion_tokens": 100, "total_tokens": 1000}
        await response.write(self._event({"choices": [], "usage": usage}))
        await response.write(b"data: [DONE]\n\n")
        return response

    def _event(self, content: dict[str, Any]) -> bytes:
        whole = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", **content}
        return f"data: {json.dumps(whole)}\n\n".encode()


@pytest.fixture
async def endpoint():
    here = Endpoint()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", here.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    here.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield here
    await runner.cleanup()
