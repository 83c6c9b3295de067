"""The whole swarm in one process: what waits from an earlier run is taken up, and not before there is something to go by."""

from __future__ import annotations

import asyncio
import contextlib
import re

from journal_support import tamper
from swarm_support import Told, answering, holds_a

from agents.clock import SystemClock
from agents.durable.store import Store
from agents.events import (
    AGENTS,
    Event,
    IncidentDiagnosed,
    IncidentEscalated,
    IncidentResolved,
    StrategyApproved,
    StrategyProposed,
    VerificationFailed,
)
from agents.facts import Action, Call, Symptom
from agents.settings import Settings, TargetSettings
from agents.swarm import DATABASE, Surroundings, Swarm
from agents.telemetry import AgentState, RegionSample, SwarmState


@contextlib.asynccontextmanager
async def swarm_over(home, url, told, stores, problem="the shop is closed", **settings):
    """A swarm whose only target, `shop` in `north`, is found once all six have registered and the database was used a while."""

    async def surroundings() -> Surroundings:
        await told.until(lambda items: {i.agent for i in items if isinstance(i, AgentState) and i.state == "idle"} == set(AGENTS))
        for _ in range(30):
            await stores[0].automation()
        targets = {"shop": TargetSettings.model_validate({"regions": {"north": {"url": url, "metrics_path": None}}})}
        return Surroundings(targets=targets, server=None, problem=lambda: problem)

    running = asyncio.create_task(Swarm(Settings(**settings), home, told, SystemClock()).run(surroundings, stores.append))
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def left_behind(home, build, *payloads) -> None:
    """An incident of `shop`, as an earlier run left it."""
    clock = SystemClock()
    store = await Store.open(home / DATABASE, exclusive=True, clock=clock)
    north = Symptom(kind="health_fail", region="north", since=clock.now())
    opened = build.opened().model_copy(update={"target": "shop", "symptoms": (north,), "observations": ()})
    await store.open_incident(opened, "Sentry", clock.now())
    await store.append([build.event(payload) for payload in payloads])
    await store.close()


async def test_what_an_earlier_run_left_undone_waits_until_every_region_was_looked_at(tmp_path, build):
    await left_behind(tmp_path, build)
    told = Told()
    async with answering("503 Service Unavailable") as url, swarm_over(tmp_path, url, told, []):
        await told.until(holds_a(IncidentEscalated))
        assert told.first(IncidentDiagnosed) > told.first(RegionSample)
        escalated = next(i for i in told.items if isinstance(i, Event) and isinstance(i.data, IncidentEscalated))
        assert "may not act on this target" in escalated.data.reason
        await told.until(lambda items: any(isinstance(i, SwarmState) and i.problem == "the shop is closed" for i in items))


async def test_a_verification_that_a_restart_cut_off_waits_for_its_target_and_is_not_failed(tmp_path, build):
    restart = Call(tool="restart_service", target="shop", region="north")
    plan = build.strategy(Action(kind="restart_service", call=restart, harmless=True), target="shop")
    await left_behind(
        tmp_path,
        build,
        IncidentDiagnosed(diagnosis=build.diagnosis()),
        StrategyProposed(strategy=plan),
        StrategyApproved(strategy=plan, by="ada", reasons=()),
        build.finished(build.acting(plan)),
    )
    told = Told()
    quick = {"interval_s": 0.2, "settle_s": 0, "stable_looks": 1, "verify_timeout_s": 5}
    async with answering("200 OK") as url, swarm_over(tmp_path, url, told, [], sentry=quick):
        await told.until(holds_a((IncidentResolved, VerificationFailed)))
        assert holds_a(IncidentResolved)(told.items)


async def test_what_can_not_be_carried_out_because_its_target_lost_its_platform_is_said(tmp_path, build, monkeypatch):
    monkeypatch.setattr("agents.durable.runner.LONG_WAIT_SECONDS", 0.1)
    restart = Call(tool="restart_service", target="shop", region="north")
    plan = build.strategy(Action(kind="restart_service", call=restart, harmless=True), target="shop")
    approved = StrategyApproved(strategy=plan, by="ada", reasons=())
    await left_behind(tmp_path, build, IncidentDiagnosed(diagnosis=build.diagnosis()), StrategyProposed(strategy=plan), approved)
    told = Told()
    said = re.compile(r"INC-1 has waited for \d+ s: the MCP server is not started")
    async with answering("503 Service Unavailable") as url, swarm_over(tmp_path, url, told, [], problem=""):
        await told.until(lambda items: any(isinstance(i, SwarmState) and said.match(i.problem) for i in items))


async def test_a_journal_that_was_changed_pauses_automation_before_any_agent_works_and_says_so(tmp_path, build):
    await left_behind(tmp_path, build)
    tamper(tmp_path / DATABASE, "UPDATE event SET data = replace(data, 'health', 'wealth') WHERE seq = 1")
    told = Told()
    async with answering("200 OK") as url, swarm_over(tmp_path, url, told, []):
        await told.until(lambda items: any(isinstance(i, SwarmState) and "audit verify" in i.problem for i in items))
        state = next(i for i in told.items if isinstance(i, SwarmState))
        assert (state.automation, state.paused_by) == ("paused", "journal")
        assert "record 1" in state.problem
        assert not any(isinstance(i, AgentState) and i.state == "working" for i in told.items[: told.items.index(state)])
