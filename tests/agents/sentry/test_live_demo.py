"""Sentry with its real prober and the real store against the demo's real processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from pathlib import Path

import aiohttp
import pytest
from tests_support import SpyTelemetry

from agents.clock import SystemClock
from agents.durable.store import Store
from agents.sentry import Sentry
from agents.settings import SentrySettings, TargetSettings

pytestmark = pytest.mark.processes


class Demo:
    """The running demo, and how to break it."""

    def __init__(self, found: dict) -> None:
        self.found = found

    def target(self) -> TargetSettings:
        regions = {
            name: {"url": region["ingress_url"], "probe_path": "/api/users?limit=1"}
            for name, region in self.found["regions"].items()
        }
        return TargetSettings(
            regions=regions,
            public_url=self.found["public_url"],
            public_probe_path="/api/users?limit=1",
            public_metrics_url=self.found["edge_metrics_url"],
        )

    async def admin(self, region: str, path: str, body: dict) -> None:
        url = self.found["regions"][region]["ingress_url"] + path
        await self._post(url, self.found["admin_token"], body)

    async def control(self, path: str, body: dict) -> None:
        await self._post(self.found["control_url"] + path, self.found["control_token"], body)

    async def _post(self, url: str, token: str, body: dict) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession() as session, session.post(url, json=body, headers=headers) as response:
            assert response.status < 300, (url, response.status, await response.text())


@contextlib.asynccontextmanager
async def running_demo(folder: Path):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "mini_app.local_azure", "--state-dir", str(folder), "--replicas", "2", "--rps", "15", "--lease-seconds", "120"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ},
    )
    state = folder / "local_azure.json"
    try:
        async with asyncio.timeout(40):
            while not state.exists():
                assert process.returncode is None, "the demo ended before it was ready"
                await asyncio.sleep(0.1)
        yield Demo(json.loads(state.read_text()))
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(10):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


async def opened_within(store: Store, seconds: float):
    async with asyncio.timeout(seconds):
        while True:
            incident = await store.unresolved("demo")
            if incident is not None:
                return incident
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("fault", ["outage", "degrade", "crash"])
async def test_a_real_fault_is_seen_within_three_looks(tmp_path, fault):
    clock = SystemClock()
    async with running_demo(tmp_path / "demo") as demo:
        store = await Store.open(tmp_path / "overwatch.db", exclusive=True, clock=clock)
        sentry = Sentry(
            targets={"demo": demo.target()},
            settings=SentrySettings(),
            tools=None,
            store=store,
            clock=clock,
            telemetry=SpyTelemetry(),
        )
        watching = asyncio.create_task(sentry.watch())
        try:
            await quiet_looks(sentry, 8)
            assert await store.unresolved("demo") is None
            if fault == "outage":
                await demo.admin("east", "/admin/outage", {"duration_s": 60})
            elif fault == "degrade":
                await demo.admin("east", "/admin/degrade", {"latency_ms": 1_500, "error_rate": 0.4, "duration_s": 60})
            else:
                await demo.control("/control/kill-replica", {"region": "east", "index": 0})
            start = clock.now()
            incident = await opened_within(store, 8)
            assert (clock.now() - start).total_seconds() <= 3.5
            assert "east" in incident.regions
            assert "west" not in incident.regions
            wanted = {"outage": "health_fail", "degrade": "latency"}.get(fault)
            assert wanted is None or wanted in {s.kind for s in incident.symptoms}
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await store.close()


async def quiet_looks(sentry: Sentry, count: int) -> None:
    """Wait until each region was looked at so often and is well."""
    good = 0
    async with asyncio.timeout(40):
        while good < count:
            await asyncio.sleep(1)
            good = good + 1 if sentry.latest("demo") == {"east": "ok", "west": "ok"} else 0
