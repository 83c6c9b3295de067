"""A proxy on loopback that adds a bearer token, for test programs that can send none. Everything else passes as it came.

Each connection carries one request: its head is read, the header is put in, and from there bytes are passed on.
"""

from __future__ import annotations

import asyncio
import contextlib
import re


class TokenProxy:
    """Listens on `port` once entered; `server` is where it passes on to, and may be set later."""

    def __init__(self, token: str, server: int | None = None) -> None:
        self._header = f"\r\nauthorization: Bearer {token}\r\nconnection: close".encode()
        self.server = server
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> TokenProxy:
        self._listening = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._listening.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listening.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        there = None
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            first, _, rest = head.partition(b"\r\n")
            rest = re.sub(rb"(?im)^connection:[^\r\n]*\r\n", b"", rest)
            back, there = await asyncio.open_connection("127.0.0.1", self.server)
            there.write(first + self._header + b"\r\n" + rest)
            await _first_of(_pass(reader, there), _pass(back, writer))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            for end in (writer, there):
                if end is not None:
                    end.close()
                    with contextlib.suppress(OSError):
                        await end.wait_closed()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def _first_of(*ways) -> None:
    """Until one side has ended: a request or an answer that breaks off ends the other."""
    tasks = [asyncio.create_task(way) for way in ways]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
