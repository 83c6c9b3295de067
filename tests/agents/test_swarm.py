"""The whole swarm in one process: what waits from an earlier run is taken up, and not before there is something to go by."""

from __future__ import annotations

import asyncio

from tests_support import SpyTelemetry

from agents.clock import SystemClock
from agents.durable.store import Store
from agents.events import AGENTS, Event, IncidentDiagnosed, IncidentEscalated
from agents.facts import Symptom
from agents.settings import Settings, TargetSettings
from agents.swarm import DATABASE, Surroundings, Swarm
from agents.telemetry import AgentState, RegionSample, SwarmState


class Told(SpyTelemetry):
    """Telemetry that can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self._news = asyncio.Event()

    def publish(self, item) -> None:
        super().publish(item)
        self._news.set()

    async def until(self, holds) -> None:
        async with asyncio.timeout(20):
            while not holds(self.items):
                self._news.clear()
                await self._news.wait()

    def first(self, kind) -> int:
        return next(n for n, item in enumerate(self.items) if isinstance(getattr(item, "data", item), kind))


def holds_a(kind):
    return lambda items: any(isinstance(getattr(item, "data", item), kind) for item in items)


async def refuse(_reader, writer) -> None:
    writer.write(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    await writer.drain()
    writer.close()


async def test_what_an_earlier_run_left_undone_waits_until_every_region_was_looked_at(tmp_path, build):
    clock = SystemClock()
    store = await Store.open(tmp_path / DATABASE, exclusive=True, clock=clock)
    north = Symptom(kind="health_fail", region="north", since=clock.now())
    opened = build.opened().model_copy(update={"target": "shop", "symptoms": (north,), "observations": ()})
    await store.open_incident(opened, "Sentry", clock.now())
    await store.close()
    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    told = Told()
    opened_store: list[Store] = []

    async def surroundings() -> Surroundings:
        up = {item.agent for item in told.items if isinstance(item, AgentState) and item.state == "idle"}
        assert up == set(AGENTS), "they register before there is anything to watch"
        for _ in range(30):
            await opened_store[0].automation()
        targets = {"shop": TargetSettings.model_validate({"regions": {"north": {"url": url, "metrics_path": None}}})}
        return Surroundings(targets=targets, server=None, problem=lambda: "the shop is closed")

    async def ready_then_look() -> Surroundings:
        await told.until(lambda items: len({i.agent for i in items if isinstance(i, AgentState) and i.state == "idle"}) == 6)
        return await surroundings()

    swarm = Swarm(Settings(), tmp_path, told, clock)
    running = asyncio.create_task(swarm.run(ready_then_look, opened_store.append))
    try:
        await told.until(holds_a(IncidentEscalated))
        assert told.first(IncidentDiagnosed) > told.first(RegionSample)
        escalated = next(i for i in told.items if isinstance(i, Event) and isinstance(i.data, IncidentEscalated))
        assert "may not act on this target" in escalated.data.reason
        await told.until(lambda items: any(isinstance(i, SwarmState) and i.problem == "the shop is closed" for i in items))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        server.close()
        await server.wait_closed()
