"""The HTTP door: nobody comes in without the token, nobody may ask for too much, and whoever goes away cancels nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import socket

import httpx2
import pytest
from http_door import HEADERS, TOKEN, http_door, message

from overwatch_mcp import http_server
from overwatch_mcp.http_limits import HttpLimits

RESTART = {"target": "demo", "region": "east", "operation_id": "op-1"}


@pytest.fixture
async def opened(bench, caplog, tmp_path):
    """Opens doors of the kind that a test asks for, one at a time."""
    doors = []

    async def opening(**changes):
        door = http_door(bench.workshop, caplog, tmp_path, **changes)
        doors.append(door)
        return await door.__aenter__()

    yield opening
    for door in doors:
        await door.__aexit__(None, None, None)


@pytest.fixture
def held(bench):
    """Holds the next restart between its start and its effect."""
    arrived, go = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        arrived.set()
        await go.wait()

    bench.platform.before["restart"] = [hold]
    yield arrived, go
    go.set()


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_with_the_token_reads_and_writes_in_every_revision(opened, bench, mode):
    door = await opened()
    async with door.client(mode) as client:
        assert client.protocol_version == ("2026-07-28" if mode == "auto" else "2025-11-25")
        done = await client.call_tool("restart_service", RESTART)
        assert done.structured_content["status"] == "succeeded"
        record = await client.call_tool("get_operation", {"operation_id": "op-1"})
        assert record.structured_content["status"] == "succeeded"
    assert bench.platform.calls["restart east"] == 1


@pytest.mark.parametrize("token", [None, "wrong", TOKEN[:-1], TOKEN + "x", TOKEN.upper()])
async def test_without_the_token_nothing_is_learned(opened, bench, caplog, token):
    door = await opened()
    known = await door.ask("tools/call", token, name="restart_service", arguments=RESTART)
    unknown = await door.ask("no/such/method", token)
    broken = await door.post(b"{", HEADERS, token)
    for answer in (known, unknown, broken):
        assert answer.status_code == 401
        assert answer.json() == {"error": "invalid_token", "error_description": "Authentication required"}
        assert answer.headers["www-authenticate"].startswith("Bearer ")
        assert "server" not in answer.headers
    assert bench.platform.calls["restart east"] == 0
    assert TOKEN not in caplog.text


async def test_another_scheme_than_bearer_is_no_token(opened):
    door = await opened()
    body, headers = message("tools/list")
    answer = await door.post(body, headers | {"authorization": f"Basic {TOKEN}"}, None)
    assert answer.status_code == 401


async def test_health_says_ok_to_everyone_and_nothing_more(opened):
    door = await opened()
    answer = await door.get("/health", host="anything.example.org")
    assert (answer.status_code, answer.text) == (200, "ok")
    assert (await door.get("/")).status_code == 404
    assert (await door.get("/.well-known/oauth-protected-resource/mcp")).status_code == 404


async def test_the_access_log_names_what_was_asked_and_never_a_token_or_a_query(opened, caplog):
    door = await opened()
    body, headers = message("tools/list")
    async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
        given = headers | {"authorization": f"Bearer {TOKEN}"}
        assert (await client.post(f"{door.url}?token={TOKEN}", json=body, headers=given)).status_code == 200
        assert (await client.get(f"{door.origin}/nothing%0Ahere")).status_code == 404
    said = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith(("overwatch_mcp", "uvicorn")))
    assert "127.0.0.1 POST '/mcp' 200 in" in said
    assert r"GET '/nothing\nhere' 404 in" in said
    assert TOKEN not in said


async def test_another_host_is_refused_so_that_no_name_can_be_bent_to_this_address(opened):
    door = await opened(allowed_hosts=("tools.example.org:8700",))
    body, headers = message("tools/list")
    assert (await door.post(body, headers | {"host": "evil.example.org"})).status_code == 421
    assert (await door.post(body, headers | {"host": "tools.example.org:8700"})).status_code == 200
    assert (await door.post(body, headers | {"host": f"localhost:{door.port}"})).status_code == 200


async def test_another_origin_is_refused_so_that_no_page_can_use_a_browsers_reach(opened):
    door = await opened(allowed_origins=("http://localhost:6274",))
    body, headers = message("tools/list")
    assert (await door.post(body, headers | {"origin": "http://evil.example.org"})).status_code == 403
    assert (await door.post(body, headers | {"origin": "http://localhost:6274"})).status_code == 200


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(opened):
    door = await opened(limits=HttpLimits(body_bytes=2000))
    body, headers = message("tools/call", name="get_operation", arguments={"operation_id": "x" * 3000})
    assert (await door.post(body, headers)).status_code == 413


async def test_rubbish_is_answered_without_a_trace_of_the_inside(opened):
    door = await opened()
    for rubbish in (b"", b"{", b"[]", b"\xff\xfe", b"[" * 5000, b'{"jsonrpc":"2.0","id":1}'):
        for headers in (HEADERS, HEADERS | {"mcp-protocol-version": "2026-07-28"}):
            answer = await door.post(rubbish, headers)
            assert 400 <= answer.status_code < 500, rubbish
            assert "Traceback" not in answer.text
            assert 'File "' not in answer.text


async def test_what_the_platform_throws_unexpectedly_is_not_shown(opened, bench):
    def bug() -> None:
        raise ZeroDivisionError("secret detail")

    bench.platform.before["service"] = [bug, bug]
    door = await opened()
    call = await door.ask("tools/call", name="get_service_state", arguments={"target": "demo", "region": "east"})
    assert "secret" not in call.text
    read = await door.ask("resources/read", uri="overwatch://targets/demo")
    assert "secret" not in read.text
    assert "Traceback" not in read.text


async def raw(door, *parts: bytes):
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    for part in parts:
        writer.write(part)
    await writer.drain()
    return reader, writer


def head(door, length: int) -> bytes:
    lines = [
        "POST /mcp HTTP/1.1",
        f"host: 127.0.0.1:{door.port}",
        f"authorization: Bearer {TOKEN}",
        "content-type: application/json",
        "accept: application/json, text/event-stream",
        f"content-length: {length}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def test_a_body_that_does_not_come_is_waited_for_only_so_long(opened):
    door = await opened(limits=HttpLimits(body_s=0.05))
    reader, writer = await raw(door, head(door, 100), b'{"jsonrpc"')
    async with asyncio.timeout(5):
        assert b" 408 " in await reader.readline()
    writer.close()


@pytest.mark.parametrize("start", [b"", b"POST /mcp HTTP/1.1\r\nhost: x\r\nx-slow: "])
async def test_a_connection_that_asks_for_nothing_is_closed(opened, start):
    door = await opened(limits=HttpLimits(header_s=0.05))
    reader, writer = await raw(door, start)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize("token", [TOKEN, "nobody's"])
async def test_a_peer_that_reads_no_answers_is_hung_up_on(opened, monkeypatch, token):
    bound = http_server._bound

    def narrow(options):
        listening = bound(options)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        return listening

    monkeypatch.setattr(http_server, "_bound", narrow)
    door = await opened(limits=HttpLimits(unread_s=0.05))
    loop = asyncio.get_running_loop()
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.setblocking(False)
        await loop.sock_connect(peer, ("127.0.0.1", door.port))
        asked = 50 * head(door, 0).replace(TOKEN.encode(), token.encode())

        async def ask_on() -> None:
            while True:
                await loop.sock_sendall(peer, asked)

        async with asyncio.timeout(5):
            with pytest.raises(ConnectionError):
                await ask_on()


async def test_a_long_call_outlives_the_time_that_heads_and_bodies_are_given(opened, held):
    door = await opened(limits=HttpLimits(header_s=0.02, body_s=0.02))
    arrived, go = held
    call = asyncio.create_task(door.ask("tools/call", name="restart_service", arguments=RESTART))
    await arrived.wait()
    await asyncio.wait({call}, timeout=0.1)
    go.set()
    assert (await call).json()["result"]["structuredContent"]["status"] == "succeeded"


async def test_so_many_requests_at_once_and_no_more(opened, held):
    door = await opened(limits=HttpLimits(requests=1))
    arrived, go = held
    first = asyncio.create_task(door.ask("tools/call", name="restart_service", arguments=RESTART))
    await arrived.wait()
    second = await door.ask("tools/list")
    assert (second.status_code, second.headers["retry-after"]) == (503, "1")
    assert (await door.get("/health")).status_code == 200
    go.set()
    assert (await first).status_code == 200
    assert (await door.ask("tools/list")).status_code == 200


async def test_so_many_requests_a_second_and_then_the_time_to_wait(opened, bench):
    door = await opened(limits=HttpLimits(per_second=0.5, burst=3))
    for _ in range(3):
        assert (await door.ask("tools/list")).status_code == 200
    answer = await door.ask("tools/list")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
    bench.clock.advance(2)
    assert (await door.ask("tools/list")).status_code == 200
    assert (await door.ask("tools/list")).status_code == 429


async def test_those_without_a_token_use_up_nothing_of_those_with_one(opened):
    door = await opened(limits=HttpLimits(per_second=0.5, burst=1))
    for _ in range(5):
        assert (await door.ask("tools/list", "wrong")).status_code == 401
    assert (await door.ask("tools/list")).status_code == 200


async def test_sessions_of_the_older_revisions_are_bounded(opened):
    door = await opened(limits=HttpLimits(sessions=1))
    asked = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": asked}
    assert (await door.post(body, HEADERS)).status_code == 200
    assert (await door.post(body, HEADERS)).status_code == 503


async def test_event_streams_do_not_take_the_room_of_requests(opened):
    door = await opened(limits=HttpLimits(requests=1, streams=1))
    async with door.client("legacy") as client:  # holds one stream open
        assert (await client.list_tools()).tools
        body, headers = message("subscriptions/listen", notifications={"toolsListChanged": True})
        assert (await door.post(body, headers)).status_code == 503


@pytest.mark.parametrize("revisions", [[], ["2025-06-18"], ["2025-06-18", "2026-07-28"]])
async def test_a_request_of_an_older_revision_does_not_pass_for_a_stream(opened, revisions):
    door = await opened(limits=HttpLimits(streams=0))
    asked = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": asked}
    headers = [*HEADERS.items(), ("authorization", f"Bearer {TOKEN}"), ("mcp-method", "subscriptions/listen")]
    headers += [("mcp-protocol-version", revision) for revision in revisions]
    async with httpx2.AsyncClient(trust_env=False) as client:
        assert (await client.post(door.url, json=body, headers=headers)).status_code == 200


async def ended(bench, operation_id: str) -> None:
    """Until the journal says that an operation has succeeded, with nobody asking for it again."""
    async with asyncio.timeout(5):
        while (await bench.workshop.journal.get(operation_id)).status != "succeeded":
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_that_goes_away_cancels_nothing_half_way(opened, bench, held, mode):
    door = await opened()
    arrived, go = held

    async def impatient() -> None:
        async with door.client(mode) as client:
            await client.call_tool("restart_service", RESTART)

    leaving = asyncio.create_task(impatient())
    await arrived.wait()
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    go.set()
    await ended(bench, "op-1")
    async with door.client(mode) as client:
        done = (await client.call_tool("restart_service", RESTART)).structured_content
    assert done["status"] == "succeeded"
    assert bench.platform.calls["restart east"] == 1


async def test_a_client_that_times_out_cancels_nothing_half_way(opened, bench, held):
    door = await opened()
    _, go = held
    async with door.client() as client:
        with pytest.raises(Exception, match=r"(?i)time"):
            await client.call_tool("restart_service", RESTART, read_timeout_seconds=0.2)
        record = (await client.call_tool("get_operation", {"operation_id": "op-1"})).structured_content
        assert record["status"] == "started"
        go.set()
        await ended(bench, "op-1")
        done = (await client.call_tool("restart_service", RESTART)).structured_content
    assert done["status"] == "succeeded"
    assert bench.platform.calls["restart east"] == 1


async def test_a_signal_lets_what_is_under_way_end_and_be_answered_and_turns_away_what_is_new(
    opened, bench, held, caplog, monkeypatch
):
    monkeypatch.setattr(http_server, "LAST_ANSWERS_SECONDS", 0.3)
    door = await opened()
    arrived, go = held
    call = asyncio.create_task(door.ask("tools/call", name="restart_service", arguments=RESTART))
    await arrived.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(5):
        while "asked to stop" not in caplog.text:
            await asyncio.sleep(0.005)
    new = await door.ask("tools/list")
    assert (new.status_code, new.text) == (503, "the server is ending")
    await asyncio.wait({call, door.task}, timeout=1, return_when=asyncio.FIRST_COMPLETED)
    assert not call.done()
    assert not door.task.done()
    go.set()
    assert (await call).json()["result"]["structuredContent"]["status"] == "succeeded"
    await door.task
    entry = await bench.workshop.journal.get("op-1")
    assert entry.status == "succeeded"
