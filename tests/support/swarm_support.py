"""Telemetry that can be waited for, and regions on loopback, for tests over a whole swarm."""

from __future__ import annotations

import asyncio
import contextlib

from tests_support import SpyTelemetry


class Told(SpyTelemetry):
    """Telemetry that can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self._news = asyncio.Event()

    def publish(self, item) -> None:
        super().publish(item)
        self._news.set()

    async def until(self, holds) -> None:
        async with asyncio.timeout(20):
            while not holds(self.items):
                self._news.clear()
                await self._news.wait()

    def first(self, kind) -> int:
        return next(n for n, item in enumerate(self.items) if isinstance(getattr(item, "data", item), kind))


def holds_a(kind):
    return lambda items: any(isinstance(getattr(item, "data", item), kind) for item in items)


@contextlib.asynccontextmanager
async def answering(status: str):
    """A region on loopback that always answers the same."""

    async def answer(_reader, writer) -> None:
        writer.write(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()
