"""The real prober against real sockets that are slow, hostile, huge or gone."""

from __future__ import annotations

import asyncio
import contextlib
import gc

import pytest

from agents.clock import SystemClock
from agents.sentry import Sentry
from agents.sentry.asking import LARGE, SMALL, HttpTransport
from agents.sentry.documents import read_health
from agents.sentry.looks import Looker
from agents.sentry.series import Book
from agents.settings import SentrySettings, TargetSettings
from agents.world import UnknownTargetError


@contextlib.asynccontextmanager
async def serving(reply):
    """A raw server on loopback; `reply(reader, writer, request_line)` writes whatever it wants."""
    tasks = set()

    async def client(reader, writer):
        tasks.add(asyncio.current_task())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = await reader.readuntil(b"\r\n\r\n")
            await reply(reader, writer, head.decode())
        with contextlib.suppress(ConnectionError):
            writer.close()

    server = await asyncio.start_server(client, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def transport():
    http = HttpTransport(SystemClock())
    try:
        yield http
    finally:
        await http.close()


def saying(raw: bytes):
    async def reply(_reader, writer, _head):
        writer.write(raw)
        await writer.drain()

    return reply


async def met(raw: bytes, *, limit: int = SMALL, timeout_s: float = 2.0):
    async with serving(saying(raw)) as url, transport() as http:
        return await http.get(url, limit=limit, timeout_s=timeout_s)


async def test_an_answer_is_read_with_who_gave_it():
    asked = await met(b"HTTP/1.1 200 OK\r\nx-region: east\r\nx-replica: east-1\r\nContent-Length: 2\r\n\r\nok")
    assert (asked.ok, asked.status, asked.region, asked.replica, asked.body) == (True, 200, "east", "east-1", "ok")
    assert asked.detail == "200 ok"


async def test_an_answer_that_never_comes_is_a_time_out_in_time():
    async def silent(_reader, _writer, _head):
        await asyncio.Event().wait()

    async with serving(silent) as url, transport() as http:
        asked = await http.get(url, limit=SMALL, timeout_s=0.15)
    assert (asked.status, asked.trouble) == (None, "timeout")
    assert 140 <= asked.latency_ms < 1_000


async def test_a_body_that_drips_for_ever_ends_with_the_time_out():
    async def drip(_reader, writer, _head):
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1\r\nx\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with serving(drip) as url, transport() as http:
        asked = await http.get(url, limit=SMALL, timeout_s=0.2)
    assert asked.trouble == "timeout"


async def test_nobody_listening_is_unreachable():
    async with serving(saying(b"")) as url:
        pass
    async with transport() as http:
        asked = await http.get(url, limit=SMALL, timeout_s=1)
    assert (asked.trouble, asked.detail) == ("unreachable", "connection refused")


async def test_a_connection_that_is_closed_without_an_answer_is_unreachable():
    asked = await met(b"")
    assert asked.trouble == "unreachable"


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
        b"HTTP/1.1 banana\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nX-Big: " + b"a" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n",
        b"\x00\xff" * 2_000,
    ],
)
async def test_what_is_not_a_valid_answer_is_no_answer_and_raises_nothing(raw):
    asked = await met(raw)
    assert asked.status is None
    assert asked.trouble in {"broken", "unreachable"}
    assert "\x1b" not in asked.detail
    assert asked.detail


async def test_a_huge_body_is_cut_at_the_limit():
    async def huge(_reader, writer, _head):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(1_000):
                writer.write(b"x" * 65_536)
                await writer.drain()

    async with serving(huge) as url, transport() as http:
        small = await http.get(url, limit=SMALL, timeout_s=5)
        large = await http.get(url, limit=LARGE, timeout_s=5)
    assert (len(small.body), small.complete) == (SMALL, False)
    assert (len(large.body), large.complete) == (LARGE, False)


async def test_a_compressed_bomb_is_not_unpacked():
    asked = await met(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00")
    assert (asked.ok, len(asked.body)) == (True, 4)


async def test_hostile_headers_reach_nobody_as_escape_sequences():
    asked = await met("HTTP/1.1 200 OK\r\nx-region: \u202eeast\u200b\r\nContent-Length: 0\r\n\r\n".encode())
    assert asked.region == "east"
    asked = await met(b"HTTP/1.1 200 OK\r\nx-replica: \x9b31mred\r\nContent-Length: 0\r\n\r\n")
    assert asked.replica.isprintable()


async def test_a_redirect_is_not_followed():
    asked = await met(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
    assert (asked.ok, asked.status) == (True, 302)


@pytest.mark.parametrize(
    "body",
    [b"[" * 60_000, b'{"status": ' + b"9" * 5_000 + b"}", b'{"status": ["pass"]}', b'{"status": "pass", "checks": 3}', b"null"],
)
async def test_a_hostile_health_document_is_read_as_far_as_it_makes_sense(body):
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/health+json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    doc = read_health(await met(head + body))
    assert doc is None or doc.status == "pass"


async def test_the_health_document_is_read_when_offered_and_its_words_are_cleaned():
    body = (
        b'{"status":"fail","version":"2","checks":{"database:responseTime":[{"componentType":"datastore","observedValue":12.5,'
        b'"observedUnit":"ms","status":"fail","output":"\\u001b[31mno space left\\u0007"}],'
        b'"replication:lag":[{"observedValue":1500,"observedUnit":"ms","status":"warn"}]}}'
    )
    head = f"HTTP/1.1 503 X\r\nContent-Type: application/health+json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    doc = read_health(await met(head + body))
    assert doc is not None
    assert (doc.status, doc.version, doc.replication_lag_s) == ("fail", "2", 1.5)
    check = doc.checks[0]
    assert (check.component, check.ok, check.value, check.output) == ("database", False, 12.5, "no space left")


async def test_sentry_probes_a_region_and_the_public_address_and_names_what_it_does_not_know():
    settings = SentrySettings(timeout_s=1)
    async with serving(saying(b"HTTP/1.1 200 OK\r\nx-region: west\r\nContent-Length: 0\r\n\r\n")) as url:
        target = TargetSettings(regions={"west": {"url": url}}, public_url=url)
        sentry = Sentry(
            targets={"demo": target, "bare": TargetSettings(regions={"west": {"url": url}})},
            settings=settings,
            tools=None,
            store=None,
            clock=SystemClock(),
            telemetry=None,
        )
        try:
            for region in ("west", None):
                result = await sentry.probe("demo", region)
                assert (result.ok, result.status, result.region) == (True, 200, "west")
            assert "public_url" in (await sentry.probe("bare", None)).detail
            with pytest.raises(UnknownTargetError, match="'nope' is not a target"):
                await sentry.probe("nope", None)
            with pytest.raises(UnknownTargetError, match="'north' is not a region"):
                await sentry.probe("demo", "north")
        finally:
            await sentry.close()


async def test_a_look_that_is_called_off_leaves_nothing_behind_that_asyncio_would_report():
    reported, asked = [], asyncio.Event()
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context["message"]))

    async def silent(_reader, _writer, _head):
        asked.set()
        await asyncio.Event().wait()

    async def early(_look):
        raise AssertionError("the look was called off before")

    async with serving(silent) as url, transport() as http:
        target = TargetSettings.model_validate({"regions": {"east": {"url": url}}})
        looker = Looker(SentrySettings(), None, http, SystemClock())
        looking = asyncio.create_task(looker.region("east", target.regions["east"], Book(), patience_s=30.0, early=early))
        await asyncio.wait_for(asked.wait(), 5.0)
        looking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looking
        del looking
    gc.collect()
    await asyncio.sleep(0)

    assert reported == []
