"""The swarm's own client at the real door: over TLS, with a token that is rotated, and with a door that closes and opens."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys

import httpx2
import pytest
from http_door import TOKEN, http_door

from agents import tool_server
from agents.clock import SystemClock
from agents.seams import ToolsUnavailableError
from agents.tool_server import ServerAddress
from agents.toolbox import McpTools
from mini_app.local_azure.certificate import make
from overwatch_mcp.http_limits import HttpLimits
from overwatch_mcp.http_options import HttpOptions
from overwatch_mcp.http_server import _bound

RESTART = {"target": "demo", "region": "east", "operation_id": "op-1"}


@contextlib.asynccontextmanager
async def swarm(url, token_file, ca_file=None):
    tools = McpTools(SystemClock())
    task = asyncio.create_task(tools.run(ServerAddress(url, token_file, ca_file)))
    try:
        yield tools
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(holds):
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


async def test_the_swarm_reads_and_writes_through_the_door(bench, caplog, tmp_path):
    async with http_door(bench.workshop, caplog, tmp_path) as door, swarm(door.url, tmp_path / "token") as tools:
        assert await tools.wait_up(10)
        assert (await tools.write("restart_service", RESTART))["status"] == "succeeded"
        assert (await tools.read("get_operation", {"operation_id": "op-1"}))["status"] == "succeeded"
    assert bench.platform.calls["restart east"] == 1


async def test_tls_with_a_certificate_of_ones_own_is_trusted_where_it_is_named_and_nowhere_else(bench, caplog, tmp_path):
    certificate = make(tmp_path)[1]
    key = certificate.with_name("key.pem")
    async with http_door(bench.workshop, caplog, tmp_path, certificate=certificate, key=key) as door:
        assert door.url.startswith("https://")
        async with swarm(door.url, tmp_path / "token", certificate) as tools:
            assert await tools.wait_up(10)
            assert (await tools.read("get_traffic", {"target": "demo"}))["weights"] == {"east": 100, "west": 0}
        async with swarm(door.url, tmp_path / "token") as tools:
            await until(lambda: "certificate" in tools.problem.lower())


async def test_a_rotated_token_is_refused_until_the_swarm_has_read_the_new_one(bench, caplog, tmp_path):
    theirs = tmp_path / "theirs"
    theirs.write_text(TOKEN)
    async with http_door(bench.workshop, caplog, tmp_path) as door, swarm(door.url, theirs) as tools:
        assert await tools.wait_up(10)
        (tmp_path / "new").write_text(TOKEN[::-1])
        (tmp_path / "new").chmod(0o600)
        (tmp_path / "new").replace(tmp_path / "token")
        with pytest.raises(ToolsUnavailableError, match="was cut off"):
            await tools.read("get_traffic", {"target": "demo"})
        await until(lambda: "refused the token" in tools.problem)
        theirs.write_text(TOKEN[::-1])
        assert await tools.wait_up(10)
        assert (await tools.read("get_traffic", {"target": "demo"}))["weights"]
    assert TOKEN not in "\n".join(record.getMessage() for record in caplog.records)


async def test_a_door_that_is_too_busy_makes_a_call_unavailable_and_not_an_error_of_the_tool(bench, caplog, tmp_path):
    limits = HttpLimits(per_second=0.001, burst=3)
    async with http_door(bench.workshop, caplog, tmp_path, limits=limits) as door, swarm(door.url, tmp_path / "token") as tools:
        assert await tools.wait_up(10)
        assert (await tools.read("get_traffic", {"target": "demo"}))["weights"]
        with pytest.raises(ToolsUnavailableError, match="was cut off"):
            await tools.read("get_traffic", {"target": "demo"})
        await until(lambda: "(429)" in tools.problem)


async def test_a_long_call_outlives_the_silence_that_breaks_a_connection(bench, caplog, tmp_path, monkeypatch):
    monkeypatch.setattr("mcp.server._streamable_http_modern._SSE_PING_INTERVAL", 0.02)
    monkeypatch.setattr(tool_server, "SILENCE_SECONDS", 0.5)
    go = asyncio.Event()
    bench.platform.before["restart"] = [go.wait]
    async with http_door(bench.workshop, caplog, tmp_path) as door, swarm(door.url, tmp_path / "token") as tools:
        assert await tools.wait_up(10)
        call = asyncio.create_task(tools.write("restart_service", RESTART))
        await asyncio.wait({call}, timeout=1.5)
        go.set()
        assert (await call)["status"] == "succeeded"


def test_answers_are_not_held_back_to_be_sent_together():
    with _bound(HttpOptions(port=0)) as listening:
        assert listening.proto == socket.IPPROTO_TCP


@pytest.mark.processes
def test_the_program_serves_and_ends_on_a_signal(config, tmp_path):
    import json

    (tmp_path / "mcp.json").write_text(json.dumps(config), encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "overwatch_mcp.azure_mcp_server", "--config", str(tmp_path / "mcp.json")]
    options = ["--transport", "http", "--port", str(port), "--token-file", str(tmp_path / "token")]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([*command, *options], stderr=log, stdout=log)
    try:
        with httpx2.Client(trust_env=False, verify=False, transport=httpx2.HTTPTransport(retries=8)) as client:
            assert client.get(f"http://127.0.0.1:{port}/health").text == "ok"
        process.terminate()
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.wait()
    said = (tmp_path / "log").read_text(encoding="utf-8")
    assert f"serving http://127.0.0.1:{port}/mcp" in said
    assert (tmp_path / "token").read_text().strip() not in said
    assert "Traceback" not in said
