"""Agents on the bus: delivered, retried, parked, and never twice."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests_support import SpyTelemetry

from agents.durable import log
from agents.durable import schema as s
from agents.durable.bus import EmbeddedBus
from agents.durable.runner import Runner
from agents.events import AutomationPaused, Event, IncidentDiagnosed, IncidentOpened, IncidentResolved, answer
from agents.seams import Outcome, RetryLaterError
from agents.telemetry import AgentState


class Scripted:
    """An agent whose answers are a list; an exception in it is raised."""

    name = "Diagnostician"
    types = frozenset({IncidentOpened.TYPE})

    def __init__(self, *script) -> None:
        self.script = list(script)
        self.seen: list[Event] = []

    async def handle(self, event, context):
        self.seen.append(event)
        step = self.script.pop(0) if self.script else Outcome()
        if isinstance(step, BaseException):
            raise step
        return step(event, context) if callable(step) else step


async def until(holds):
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.005)


class Running:
    def __init__(self, store, clock, *agents) -> None:
        self.store, self.clock, self.agents = store, clock, agents
        self.telemetry = SpyTelemetry()

    async def __aenter__(self):
        self.bus = await EmbeddedBus(self.store).__aenter__()
        self.runner = Runner(bus=self.bus, store=self.store, telemetry=self.telemetry, clock=self.clock)
        self.tasks = [asyncio.create_task(self.runner.run(agent)) for agent in self.agents]
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.bus.__aexit__(None, None, None)

    def states(self, name):
        return [item.state for item in self.telemetry.items if isinstance(item, AgentState) and item.agent == name]


async def test_an_event_reaches_the_agent_and_its_answer_the_log(store, build, clock):
    agent = Scripted(
        lambda event, context: Outcome(
            emit=(answer(event, "Diagnostician", 0, IncidentDiagnosed(diagnosis=build.diagnosis()), clock.now()),)
        )
    )
    async with Running(store, clock, agent) as running:
        await store.open_incident(build.opened(), "Sentry", clock.now())
        await until(lambda: len(agent.seen) == 1)
        async with asyncio.timeout(5):
            while (await store.incident("INC-1")).status != "diagnosed":
                await asyncio.sleep(0.005)
        await until(lambda: running.states("Diagnostician")[-1] == "idle")
        assert "working" in running.states("Diagnostician")


async def test_what_an_earlier_run_left_undone_is_delivered_at_the_start(store, build, clock):
    await store.open_incident(build.opened(), "Sentry", clock.now())
    agent = Scripted()
    async with Running(store, clock, agent):
        await until(lambda: len(agent.seen) == 1)
    again = Scripted()
    async with Running(store, clock, again):
        await asyncio.sleep(0.05)
        assert again.seen == []


async def test_asking_for_later_delivers_again_without_counting_where_waiting_is_right(store, build, clock):
    later = [RetryLaterError("not yet", 0.001, counted=False) for _ in range(12)]
    agent = Scripted(*later)
    async with Running(store, clock, agent):
        await store.open_incident(build.opened(), "Sentry", clock.now())
        await until(lambda: len(agent.seen) == 13)
        assert await store.parked() == []


async def test_what_waits_for_long_is_told_with_its_reason_until_it_goes_on(store, build, clock):
    go = asyncio.Event()

    def held(event, context):
        if not go.is_set():
            agent.script.append(held)
            raise RetryLaterError("the MCP server is \x1b[31maway", 0.001, counted=False)
        return Outcome()

    agent = Scripted(held)
    async with Running(store, clock, agent) as running:
        await store.open_incident(build.opened(), "Sentry", clock.now())
        await until(lambda: len(agent.seen) > 3)
        assert running.runner.waiting() == "", "most waits end in a moment"
        clock.time += timedelta(seconds=63)
        assert running.runner.waiting() == "INC-1 has waited for 63 s: the MCP server is away"
        go.set()
        await until(lambda: running.runner.waiting() == "")


async def test_what_is_parked_is_told_no_longer_than_its_incident_lasts(store, build, clock, monkeypatch):
    monkeypatch.setattr("agents.durable.runner.BACKOFF", (0.001,))
    agent = Scripted(*[ValueError("no luck")] * 5)
    async with Running(store, clock, agent) as running:
        await store.open_incident(build.opened(), "Sentry", clock.now())
        await until(lambda: running.states("Diagnostician")[-1:] == ["down"])
    assert (len(await store.parked()), (await store.standing(written=None)).parked) == (1, 1)
    await store.close_incident("INC-1", by="ada", reason="mended by hand", gone=False)
    assert (await store.parked(), (await store.standing(written=None)).parked) == ([], 0)


async def test_after_five_failures_a_delivery_is_parked_and_the_agent_shown_down(store, build, clock, monkeypatch):
    monkeypatch.setattr("agents.durable.runner.BACKOFF", (0.001,))
    agent = Scripted(*[ValueError("no \x1b[31mluck") for _ in range(9)])
    async with Running(store, clock, agent) as running:
        await store.open_incident(build.opened(), "Sentry", clock.now())
        await until(lambda: running.states("Diagnostician")[-1:] == ["down"])
        (parked,) = await store.parked()
        assert parked.attempts == 5
        assert parked.error == "ValueError: no luck"
    assert len(agent.seen) == 5


async def test_one_failing_agent_does_not_stop_another(store, build, clock):
    broken, well = Scripted(*[ValueError("x")] * 5), Scripted()
    well.name = "Strategist"
    async with Running(store, clock, broken, well):
        await store.open_incident(build.opened(), "Sentry", clock.now())
        await until(lambda: len(well.seen) == 1)


async def test_an_answer_that_no_longer_fits_is_thought_again_on_the_new_state(store, build, clock):
    async def moved_on(event, context):
        await store.append([build.event(IncidentResolved(how="cleared", checks=()), id_="cleared")])
        return Outcome(emit=(answer(event, "Diagnostician", 0, IncidentDiagnosed(diagnosis=build.diagnosis()), clock.now()),))

    class Late(Scripted):
        async def handle(self, event, context):
            self.seen.append(event)
            return await moved_on(event, context) if len(self.seen) == 1 else Outcome()

    agent = Late()
    async with Running(store, clock, agent):
        await store.open_incident(build.opened(), "Sentry", clock.now())
        await until(lambda: len(agent.seen) == 2)
    assert (await store.incident("INC-1")).status == "resolved"


@pytest.mark.parametrize("types", [frozenset({"incident.resolved"}), frozenset()])
async def test_an_agent_hears_only_what_it_asked_for(store, build, clock, types):
    agent = Scripted()
    agent.types = types
    async with Running(store, clock, agent):
        await store.open_incident(build.opened(), "Sentry", clock.now())
        await asyncio.sleep(0.02)
    assert agent.seen == []


async def test_an_answer_that_does_not_fit_is_a_failure_of_the_agent_and_not_asked_for_without_end(
    store, build, clock, monkeypatch
):
    monkeypatch.setattr("agents.durable.runner.BACKOFF", (0.001,))

    def misfit(event, context):
        verified = IncidentResolved(how="verified", checks=())
        return Outcome(emit=(answer(event, "Diagnostician", 0, verified, clock.now()),))

    agent = Scripted(*[misfit] * 50)
    async with Running(store, clock, agent) as running:
        await store.open_incident(build.opened(), "Sentry", clock.now())
        await until(lambda: running.states("Diagnostician")[-1:] == ["down"])
        (parked,) = await store.parked()
        assert parked.error.startswith("IllegalTransitionError: ")
    assert len(agent.seen) == 5


async def test_a_record_that_can_not_be_read_keeps_the_others_from_nobody(store, build, clock):
    def of_a_newer_version(connection):
        pause = Event(id="pause:1", source="ada", data=AutomationPaused(by="ada"), time=clock.now())
        log.append(connection, [pause])
        connection.execute(s.event.update().where(s.event.c.id == "pause:1").values(type="automation.dimmed"))

    agent = Scripted()
    async with Running(store, clock, agent):
        await store.database.run(of_a_newer_version)
        await store.open_incident(build.opened(), "Sentry", clock.now())
        await until(lambda: len(agent.seen) == 1)


async def test_a_delivery_that_can_not_be_read_keeps_the_agent_from_no_other(store, build, clock):
    for target in ("demo", "other"):
        await store.open_incident(build.opened().model_copy(update={"target": target}), "Sentry", clock.now())
    await store.database.run(lambda c: c.execute(s.event.update().where(s.event.c.incident == "INC-1").values(data="{}")))
    agent = Scripted()
    async with Running(store, clock, agent):
        await until(lambda: [event.incident for event in agent.seen] == ["INC-2"])


async def test_a_request_that_can_not_be_read_does_not_end_the_sweep(store, clock, monkeypatch):
    monkeypatch.setattr("agents.durable.runner.SWEEP_SECONDS", 0.001)
    swept = []

    async def unreadable():
        swept.append(1)
        raise ValueError("no deadline")

    store.expire_approvals = unreadable
    runner = Runner(bus=EmbeddedBus(store), store=store, telemetry=SpyTelemetry(), clock=clock)
    sweeping = asyncio.create_task(runner.sweep())
    try:
        await until(lambda: len(swept) > 1)
    finally:
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)
