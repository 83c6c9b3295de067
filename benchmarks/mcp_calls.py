"""What a call of the MCP server costs over stdio and HTTP, beside a bare server of the same SDK in the same run.

A read is `get_operation` of an operation that is on record: one look into the journal. A write is a `scale_service` on the demo's
own Azure to the number of replicas that is there already: it is planned, locked, committed with fsync before and after, and
answered, but it has nothing to wait for. Its plan asks the platform; the dry run of the same call does so too and nothing else,
so that the write's overhead is what it takes beyond the median of the dry runs. Printed, never asserted.

Usage: python benchmarks/mcp_calls.py [--calls N] [--writes N]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

ROOT = Path(__file__).resolve().parent.parent
SERVER = ("-m", "overwatch_mcp.azure_mcp_server")
UNHINDERED = ("--requests-per-second", "100000")
"""The limit of the rate is a bound for callers, not a cost of a call."""


@dataclass(frozen=True)
class Place:
    """Where the servers find what they need."""

    folder: Path
    config: Path
    environment: dict[str, str]
    token: str


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--writes", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="overwatch-bench-") as folder, _world(Path(folder)) as place:
        asyncio.run(_measure(place, options.calls, options.writes))


async def _measure(place: Place, calls: int, writes: int) -> None:
    print(f"{'':44}{'p50':>10}{'p95':>10}")
    for transport, bare, own in (("stdio", _bare_stdio, _own_stdio), ("HTTP", _bare_http, _own_http)):
        async with bare(place) as client:
            peer = await _times(partial(client.call_tool, "add", {"a": 1, "b": 2}), calls)
        async with own(place) as client:
            known = await _write(client)
            read = await _times(partial(_call, client, "get_operation", {"operation_id": known}), calls)
            listing = await _times(client.session.list_tools, calls)
            planned = await _times(partial(_write, client, dry_run=True), writes)
            written = await _times(partial(_write, client), writes)
        overhead = [took - statistics.median(planned) for took in written]
        _row(f"{transport}: a bare server's tool", peer)
        _row(f"{transport}: tools/list", listing, peer)
        _row(f"{transport}: get_operation", read, peer)
        _row(f"{transport}: scale_service, dry run", planned)
        _row(f"{transport}: scale_service", written)
        _row(f"{transport}: the write's overhead", overhead, peer)


async def _write(client: Client, *, dry_run: bool = False) -> str:
    operation_id = f"bench-{uuid.uuid4().hex}"
    arguments = {"target": "demo", "region": "east", "replicas": 2, "operation_id": operation_id, "dry_run": dry_run}
    said = await _call(client, "scale_service", arguments)
    if said["status"] != ("planned" if dry_run else "succeeded"):
        raise RuntimeError(said["summary"])
    return operation_id


async def _call(client: Client, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    if result.is_error:
        raise RuntimeError(result.content[0].text)
    return result.structured_content


async def _times(work: Callable[[], Awaitable[Any]], runs: int) -> list[float]:
    for _ in range(5):
        await work()
    out = []
    for _ in range(runs):
        began = time.perf_counter()
        await work()
        out.append(time.perf_counter() - began)
    return out


def _row(what: str, seconds: list[float], peer: list[float] | None = None) -> None:
    shown = (_percentile(seconds, 50), _percentile(seconds, 95))
    ratio = ""
    if peer is not None:
        ratio = "  " + " and ".join(f"{value / _percentile(peer, at):.2f}" for value, at in zip(shown, (50, 95), strict=True))
        ratio += " × the bare server"
    print(f"{what:44}{shown[0] * 1000:7.2f} ms{shown[1] * 1000:7.2f} ms{ratio}")


def _percentile(seconds: list[float], percent: int) -> float:
    return statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1]


@asynccontextmanager
async def _stdio(place: Place, *arguments: str) -> AsyncIterator[Client]:
    command = StdioServerParameters(command=sys.executable, args=list(arguments), env=place.environment)
    with (place.folder / "stdio.log").open("a", encoding="utf-8") as log:
        async with Client(stdio_client(command, errlog=log)) as client:
            yield client


@asynccontextmanager
async def _http(place: Place, port: int, *arguments: str) -> AsyncIterator[Client]:
    headers = {"authorization": f"Bearer {place.token}"}
    with _process(place, *arguments):
        await asyncio.to_thread(_wait_for_port, port)
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http,
            Client(streamable_http_client(f"http://127.0.0.1:{port}/mcp", http_client=http)) as client,
        ):
            yield client


def _own_stdio(place: Place) -> Any:
    return _stdio(place, *SERVER, "--config", str(place.config))


def _own_http(place: Place) -> Any:
    port, token = _free_port(), place.folder / "token"
    transport = ("--transport", "http", "--port", str(port), "--token-file", str(token), *UNHINDERED)
    return _http(place, port, *SERVER, "--config", str(place.config), *transport)


def _bare_stdio(place: Place) -> Any:
    return _stdio(place, "-c", _BARE)


def _bare_http(place: Place) -> Any:
    port = _free_port()
    return _http(place, port, "-c", _BARE, str(port))


@contextlib.contextmanager
def _process(place: Place, *arguments: str) -> Iterator[None]:
    with (place.folder / "http.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, *arguments], env=place.environment, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


@contextlib.contextmanager
def _world(folder: Path) -> Iterator[Place]:
    """The demo's Azure, and the configuration of a server for it."""
    state = folder / "azure"
    state.mkdir()
    command = [sys.executable, "-m", "mini_app.local_azure", "--state-dir", str(state), "--rps", "0", "--lease-seconds", "600"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
    try:
        facts = _wait_for_facts(state / "local_azure.json", process)
        token = secrets.token_hex(32)
        (folder / "token").touch(0o600)
        (folder / "token").write_text(token, encoding="ascii")
        config = folder / "mcp.json"
        config.write_text(json.dumps(_config(folder, facts)), encoding="utf-8")
        identity = {"IDENTITY_ENDPOINT": facts["msi_endpoint"], "IDENTITY_HEADER": facts["msi_header"]}
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        yield Place(folder, config, kept | identity, token)
    finally:
        process.terminate()
        process.wait(30)


def _config(folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
    door = facts["front_door"]
    target = {
        "subscription_id": facts["subscription_id"],
        "resource_group": facts["resource_group"],
        "arm_url": facts["arm_url"],
        "ca_file": facts["ca_file"],
        "credential": "managed_identity",
        "regions": {region: {"container_app": one["container_app"]} for region, one in facts["regions"].items()},
        "traffic": {"profile": door["profile"], "origin_group": door["origin_group"], "origins": door["origins"]},
        "public_url": facts["public_url"],
        "probe_path": "/api/users?limit=1",
        "limits": {"writes_per_hour": 1_000_000},
    }
    return {"journal": str(folder / "operations.db"), "targets": {"demo": target}}


def _wait_for_facts(path: Path, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    _until(path.exists, lambda: f"the demo's Azure ended with {process.poll()}")
    return json.loads(path.read_text(encoding="utf-8"))


def _wait_for_port(port: int) -> None:
    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    _until(answers, lambda: f"nobody listens on port {port}")


def _until(holds: Callable[[], bool], what: Callable[[], str]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(what())
        time.sleep(0.02)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


_BARE = """
import logging, sys
from mcp.server import MCPServer
server = MCPServer("bare", log_level="WARNING")
logging.disable(logging.WARNING)
@server.tool()
async def add(a: int, b: int) -> int:
    return a + b
if len(sys.argv) > 1:
    server.run(transport="streamable-http", port=int(sys.argv[1]))
else:
    server.run(transport="stdio")
"""

if __name__ == "__main__":
    main()
