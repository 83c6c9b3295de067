"""Property 11, as the swarm is put together: what a health document says of lag reaches whoever moves users."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from tests_support import SpyTelemetry

from agents import swarm
from agents.clock import SystemClock
from agents.settings import Settings, TargetSettings
from agents.world import UnknownTargetError

LAGGING = {"status": "pass", "checks": {"database:replicationLag": [{"status": "pass", "observedValue": 9, "observedUnit": "s"}]}}


@pytest.fixture
async def region():
    """A region on loopback whose health document reports a lag of 9 s."""

    async def health(_):
        return web.json_response(LAGGING, content_type="application/health+json")

    app = web.Application()
    app.router.add_get("/health", health)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def seen(inventory) -> bool:
    """Whether the target is there, and was looked at."""
    try:
        return (await inventory.world("demo")).region("west").health != "unknown"
    except UnknownTargetError:
        return False


async def test_p11_the_traffic_controller_of_the_swarm_knows_a_region_s_lag(region, tmp_path, monkeypatch):
    made = []

    class Seen(swarm.TrafficController):
        def __init__(self, effects, policy, inventory, prober):
            super().__init__(effects, policy, inventory, prober)
            made.append(inventory)

    async def surroundings():
        target = TargetSettings(regions={"west": {"url": region, "metrics_path": None}})
        return swarm.Surroundings(targets={"demo": target}, server=None)

    monkeypatch.setattr(swarm, "TrafficController", Seen)
    settings = Settings(sentry={"interval_s": 0.2})
    running = asyncio.create_task(swarm.Swarm(settings, tmp_path, SpyTelemetry(), SystemClock()).run(surroundings))
    try:
        async with asyncio.timeout(10):
            while not made or not await seen(made[0]):
                await asyncio.sleep(0.01)
        assert (await made[0].world("demo")).region("west").replication_lag_s == 9
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
