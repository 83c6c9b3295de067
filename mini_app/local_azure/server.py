"""Puts the local cloud together, writes down where everything listens, and ends it without leaving anything behind."""

from __future__ import annotations

import asyncio
import json
import os
import random
import secrets
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from mini_app.local_azure import certificate, load
from mini_app.local_azure.arm import Arm
from mini_app.local_azure.arm_faults import ArmFaults
from mini_app.local_azure.control import Lease, control_app
from mini_app.local_azure.documents import Ids
from mini_app.local_azure.entra import Entra
from mini_app.local_azure.front_door import FrontDoor, Origin
from mini_app.local_azure.ingress import Edge, Forwarder, region_app
from mini_app.local_azure.region import Region
from mini_app.local_azure.replicas import ReplicaPlan, free_socket
from mini_app.local_azure.tokens import Tokens

LOCATIONS = {"east": "eastus", "west": "westus3"}
IDS = Ids(
    subscription="00000000-0000-0000-0000-000000000001",
    resource_group="overwatch-demo",
    profile="demo-fd",
    origin_group="demo",
    traffic_profile="demo-tm",
    log_workspace="00000000-0000-0000-0000-000000000002",
)
TENANT = "11111111-1111-1111-1111-111111111111"
CLIENT = "22222222-2222-2222-2222-222222222222"
MEASURE_SECONDS = 10.0

FACTS = "local_azure.json"


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    state_dir: Path
    replicas: int
    rps: int
    lease_seconds: float
    probe_interval: float


class StartError(RuntimeError):
    """A region did not come up; the text names the log that says why."""


class LocalAzure:
    """The whole local cloud in one process, with its replicas as children."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._runners: list[web.AppRunner] = []
        self._tasks: list[asyncio.Task[Any]] = []
        self._regions: dict[str, Region] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`, a stop command, or the end of the lease."""
        lease = Lease(self._options.lease_seconds)
        connector = aiohttp.TCPConnector(limit=0, force_close=False, keepalive_timeout=5)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:
            try:
                ends = {asyncio.create_task(event.wait()) for event in (stop, lease.over)}
                self._tasks += ends
                starting = asyncio.create_task(self._start(session, lease))
                self._tasks.append(starting)
                await asyncio.wait({starting, *ends}, return_when=asyncio.FIRST_COMPLETED)
                if starting.done():
                    starting.result()
                    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await self._end()

    async def _start(self, session: aiohttp.ClientSession, lease: Lease) -> None:
        folder = self._options.state_dir
        (folder / FACTS).unlink(missing_ok=True)
        logs = folder / "logs"
        doors = {name: free_socket() for name in LOCATIONS}
        urls = {name: f"http://127.0.0.1:{bound.getsockname()[1]}" for name, bound in doors.items()}
        admin_token = secrets.token_urlsafe(24)
        database = f"sqlite:///{folder / 'demo.db'}"
        for name, location in LOCATIONS.items():
            plan = ReplicaPlan(name, database, admin_token, logs, urls)
            self._regions[name] = Region(plan, f"demo-{name}", location, self._options.replicas)
        door = FrontDoor({"east": Origin("east", enabled=True), "west": Origin("west", enabled=False, priority=2)})
        forwarder, tokens, faults = Forwarder(session), Tokens(TENANT, CLIENT), ArmFaults()
        entra = Entra(TENANT, CLIENT, tokens)
        edge = Edge(door, urls, forwarder)
        control_token = secrets.token_urlsafe(24)
        tls, ca_file = await asyncio.to_thread(certificate.make, folder)
        for name, region in self._regions.items():
            await self._serve(region_app(region, forwarder), doors[name])
        public = await self._serve(edge.app())
        control = await self._serve(control_app(self._regions, door, edge, lease, control_token, faults))
        identity = web.Application()
        identity.router.add_get("/msi/token", tokens.managed_identity)
        msi = await self._serve(identity)
        arm_socket = free_socket()
        port = arm_socket.getsockname()[1]
        arm_url = f"https://127.0.0.1:{port}"
        own = frozenset({arm_url, f"https://localhost:{port}"})
        arm = Arm(self._regions, door, IDS, tokens, entra, logs, faults, own)
        await self._serve(arm.app(), arm_socket, tls=tls)
        await asyncio.gather(*(region.start(session) for region in self._regions.values()))
        self._check_started(logs)
        lease.renew()  # the start is not counted
        self._go_on(session, lease, edge, f"http://127.0.0.1:{public}")
        write(
            folder / FACTS,
            {
                "pid": os.getpid(),
                "control_url": f"http://127.0.0.1:{control}",
                "control_token": control_token,
                **_azure(arm_url, ca_file, f"http://127.0.0.1:{msi}/msi/token", entra, tokens),
                "public_url": f"http://127.0.0.1:{public}",
                "edge_metrics_url": f"http://127.0.0.1:{control}/metrics",
                "admin_token": admin_token,
                **self._named(urls),
                "started_at": datetime.now(UTC).isoformat(),
            },
        )

    def _go_on(self, session: aiohttp.ClientSession, lease: Lease, edge: Edge, public_url: str) -> None:
        """What goes on as long as the cloud is there: its lease, its probes, its measurements and its users."""
        self._spawn(lease.watch(), "lease")
        self._spawn(edge.probe(session, self._options.probe_interval), "probes")
        self._spawn(self._measure(), "measurements")
        rng = random.Random()  # noqa: S311 - picks which user is looked at, no secret
        self._spawn(load.stream(public_url, self._options.rps, session, rng), "load")

    def _check_started(self, logs: Path) -> None:
        for region in self._regions.values():
            if not any(replica.serving for replica in region.replicas):
                raise StartError(f"no replica of {region.name} started: read {logs / region.replicas[0].name}.log")

    def _named(self, urls: dict[str, str]) -> dict[str, Any]:
        """The regions, and what each is called at either edge."""
        return {
            "regions": {
                name: {"container_app": region.app, "ingress_url": urls[name], "location": region.location}
                for name, region in self._regions.items()
            },
            "front_door": {
                "profile": IDS.profile,
                "origin_group": IDS.origin_group,
                "endpoint": "demo",
                "origins": {name: name for name in self._regions},
            },
            "traffic_manager": {
                "profile": IDS.traffic_profile,
                "endpoint_type": "ExternalEndpoints",
                "endpoints": {name: name for name in self._regions},
            },
        }

    async def _serve(self, app: web.Application, bound: socket.socket | None = None, *, tls: ssl.SSLContext | None = None) -> int:
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.SockSite(runner, bound or free_socket(), ssl_context=tls, shutdown_timeout=0.2)
        await site.start()
        self._runners.append(runner)
        address: tuple[str, int] = runner.addresses[0]
        return address[1]

    async def _measure(self) -> None:
        while True:
            for region in self._regions.values():
                region.measure()
            await asyncio.sleep(MEASURE_SECONDS)

    def _spawn(self, work: Any, name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    async def _end(self) -> None:
        (self._options.state_dir / FACTS).unlink(missing_ok=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(region.stop() for region in self._regions.values()))
        await asyncio.gather(*(runner.cleanup() for runner in self._runners))


def _azure(arm_url: str, ca_file: Path, msi_endpoint: str, entra: Entra, tokens: Tokens) -> dict[str, str]:
    """Where Azure's own tools find this cloud, and how they log in."""
    return {
        "arm_url": arm_url,
        "login_url": arm_url,
        "tenant_id": entra.tenant,
        "client_id": entra.client_id,
        "client_secret": entra.client_secret,
        "federated_token": entra.federated_token,
        "logs_url": arm_url,
        "log_workspace": IDS.log_workspace,
        "ca_file": str(ca_file),
        "msi_endpoint": msi_endpoint,
        "msi_header": tokens.header,
        "subscription_id": IDS.subscription,
        "resource_group": IDS.resource_group,
    }


def write(path: Path, facts: dict[str, Any]) -> None:
    """Write the file whole or not at all, readable by its owner alone."""
    partial = path.with_suffix(".part")
    partial.touch(mode=0o600)
    partial.chmod(0o600)
    partial.write_text(json.dumps(facts, indent=2), encoding="utf-8")
    partial.replace(path)
