"""Replicas: real uvicorn processes of the mini app, started, watched and ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

READY_SECONDS = 30.0
END_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class ReplicaPlan:
    """What every replica of a region is told."""

    region: str
    database_url: str
    admin_token: str
    logs: Path
    peers: Mapping[str, str]


@dataclass(slots=True)
class Replica:
    """One process. `ready` is set once it has answered /health; a process that ended stays in the list until it is replaced."""

    name: str
    revision: str
    port: int
    process: asyncio.subprocess.Process
    created_at: datetime
    ready: bool = False
    restart_count: int = 0
    ending: bool = field(default=False)

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.returncode is None

    @property
    def serving(self) -> bool:
        """Whether it answers requests."""
        return self.alive and self.ready

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"


def free_socket() -> socket.socket:
    """A socket bound to a free port of loopback; nobody else can take that port while it is open."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    return bound


async def start(plan: ReplicaPlan, name: str, revision: str, version: str) -> Replica:
    """Start one process; it ends by itself when this one is gone, because its standard input ends."""
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("MINI_APP_")},
        "MINI_APP_REGION": plan.region,
        "MINI_APP_REPLICA": name,
        "MINI_APP_DATABASE_URL": plan.database_url,
        "MINI_APP_ADMIN_TOKEN": plan.admin_token,
        "MINI_APP_VERSION": version,
        "MINI_APP_PEERS": json.dumps(dict(plan.peers)),
        "MINI_APP_EXIT_WITH_STDIN": "1",
    }
    with (
        (plan.logs / f"{name}.log").open("ab") as errors,
        (plan.logs / f"{name}.out").open("ab") as output,
        free_socket() as bound,
    ):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "mini_app.backend", "--fd", str(bound.fileno())),
            pass_fds=(bound.fileno(),),
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=output,
            stderr=errors,
        )
        port = int(bound.getsockname()[1])
    return Replica(name, revision, port, process, datetime.now(UTC))


async def wait_ready(replica: Replica, session: aiohttp.ClientSession) -> bool:
    """Whether it answers within a bounded time; any answer of its own counts, as faults of the region are not its own."""
    deadline = asyncio.get_running_loop().time() + READY_SECONDS
    while replica.alive and asyncio.get_running_loop().time() < deadline:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with session.get(f"{replica.url}/status", timeout=aiohttp.ClientTimeout(total=2)):
                replica.ready = True
                return True
        await asyncio.sleep(0.03)
    return False


async def end(replica: Replica) -> None:
    """End one process kindly, then not."""
    replica.ending = True
    replica.ready = False
    for signal_ in (signal.SIGTERM, signal.SIGKILL):
        if replica.process.returncode is not None:
            break
        with contextlib.suppress(ProcessLookupError):
            replica.process.send_signal(signal_)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(replica.process.wait(), END_SECONDS)
    await replica.process.wait()
