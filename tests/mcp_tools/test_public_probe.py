"""The probe through the public address: whoever answers there is a stranger."""

from __future__ import annotations

import asyncio
import json

import pytest

from overwatch_mcp.config import DockerTarget
from overwatch_mcp.public_probe import PublicProbe


async def answered(header: bytes):
    """What the probe makes of an answer with this region."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nx-region: " + header + b"\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        probe = PublicProbe(
            DockerTarget.model_validate(
                {
                    "platform": "docker",
                    "project": "demo",
                    "regions": {"east": {"service": "east"}},
                    "public_url": f"http://127.0.0.1:{port}",
                    "images": ["mini-app:"],
                }
            )
        )
        try:
            return await probe.ask()
        finally:
            await probe.close()


async def test_the_region_that_answered_is_told_as_it_said():
    assert (await answered(b"east")).region == "east"


@pytest.mark.parametrize(
    "header", [b"we\xc2\x9b31mst", b"we\xe2\x80\xaest", b"we\xffst", b"we\xed\xa0\x80st"], ids=["colour", "bidi", "byte", "half"]
)
async def test_a_region_holds_nothing_that_a_terminal_obeys_or_a_record_can_not_hold(header):
    region = (await answered(header)).region
    assert region == "west"
    assert json.dumps(region, ensure_ascii=False).encode()
