"""The swarm as it is put together: what must not happen while its targets are not there yet."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from tests_support import Build, SpyTelemetry

from agents import swarm
from agents.clock import SystemClock
from agents.durable.store import Store
from agents.events import IncidentDiagnosed, StrategyApproved, StrategyProposed
from agents.settings import Settings, TargetSettings
from agents.telemetry import AgentState


@pytest.fixture
async def region():
    """A healthy region on loopback."""

    async def health(_):
        return web.json_response({"status": "pass"})

    app = web.Application()
    app.router.add_get("/health", health)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_a_verification_that_a_restart_cut_off_waits_for_the_targets_and_is_not_failed(region, tmp_path):
    clock = SystemClock()
    build = Build(clock)
    plan = build.strategy(build.restart())
    store = await Store.open(tmp_path / swarm.DATABASE, exclusive=True, clock=clock)
    await store.open_incident(build.opened(), "Sentry", clock.now())
    payloads = [
        IncidentDiagnosed(diagnosis=build.diagnosis()),
        StrategyProposed(strategy=plan),
        StrategyApproved(strategy=plan, by="ada", reasons=()),
        build.finished(build.acting(plan)),
    ]
    await store.append([build.event(payload) for payload in payloads])
    await store.close()
    found = asyncio.Event()
    telemetry = SpyTelemetry()
    stores: list[Store] = []

    async def surroundings():
        await found.wait()
        return swarm.Surroundings({"demo": TargetSettings(regions={"east": {"url": region, "metrics_path": None}})}, None)

    settings = Settings(sentry={"interval_s": 0.2, "settle_s": 0, "stable_looks": 1, "verify_timeout_s": 5})
    run = swarm.Swarm(settings, tmp_path, telemetry, clock).run(surroundings, stores.append)
    running = asyncio.create_task(run)
    try:
        async with asyncio.timeout(10):
            while not stores or not any(isinstance(i, AgentState) and i.state == "working" for i in telemetry.items):
                await asyncio.sleep(0.01)
            assert (await stores[0].incident("INC-1")).status == "verifying"
            found.set()
            while (await stores[0].incident("INC-1")).status == "verifying":
                await asyncio.sleep(0.01)
        assert (await stores[0].incident("INC-1")).status == "resolved"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
