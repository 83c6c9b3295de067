"""Property 9 at the gate: a plan that waited while the world moved on is diagnosed again, and not decided on."""

from __future__ import annotations

from datetime import time

import pytest
from gate_support import CATALOGUE, Past, orchestrator, wish, wished

from agents.events import IncidentEscalated, IncidentUpdated, StrategyApproved, StrategyProposed
from agents.incident import evolve
from agents.orchestrator import Orchestrator
from agents.policy_settings import PolicySettings, PolicyWindow
from agents.records import Tried
from agents.seams import RetryLaterError


async def judged(build, plan, *, seconds=0.0, incident=None, policy=None):
    incident = incident or build.proposed(plan)
    event = build.event(StrategyProposed(strategy=plan))
    build.clock.advance(seconds)
    (emitted,) = (await orchestrator(build, policy=policy).handle(event, build.context(incident))).emit
    return incident, emitted


@pytest.mark.parametrize(("seconds", "type_"), [(120, "strategy.approved"), (120.001, "incident.updated")])
async def test_p09_a_plan_that_waited_too_long_leads_to_a_new_diagnosis(build, seconds, type_):
    incident, emitted = await judged(build, build.strategy(), seconds=seconds)
    assert emitted.type == type_
    if isinstance(emitted.data, IncidentUpdated):
        after = evolve(incident, emitted)
        assert (after.status, after.strategy) == ("open", None)
        assert (after.symptoms, after.observations) == (incident.symptoms, incident.observations)


async def test_p09_nobody_is_asked_or_called_about_a_plan_that_waited_too_long(build):
    for plan in (build.strategy(confidence=build.confidence(0.1)), build.strategy(build.page())):
        _, emitted = await judged(build, plan, seconds=300)
        assert emitted.type == "incident.updated"


async def test_p09_a_wish_that_waited_too_long_is_told_to_the_person_and_not_carried_out(build):
    plan = wish(build)
    _, emitted = await judged(build, plan, seconds=300, incident=wished(build, plan))
    assert isinstance(emitted.data, IncidentEscalated)
    assert "ada asked for" in emitted.data.reason
    assert "ask again" in emitted.data.reason


async def test_p09_what_a_maintenance_held_back_is_diagnosed_again_at_its_end(build):
    policy = PolicySettings(windows=(PolicyWindow(name="move", kind="maintenance", start=time(13), end=time(15)),))
    plan = build.strategy()
    incident, event = build.proposed(plan), build.event(StrategyProposed(strategy=plan))
    agent = orchestrator(build, policy=policy)
    waited = 0
    while True:
        try:
            outcome = await agent.handle(event, build.context(incident))
        except RetryLaterError as later:
            waited += 1
            build.clock.advance(later.delay)
            continue
        break
    assert f"{build.clock.now():%H:%M:%S}" == "15:00:00"
    assert waited > 100
    assert [e.type for e in outcome.emit] == [IncidentUpdated.TYPE]


async def test_p09_a_fresh_plan_after_the_window_is_decided_on(build):
    policy = PolicySettings(windows=(PolicyWindow(name="move", kind="maintenance", start=time(13), end=time(14)),))
    _, emitted = await judged(build, build.strategy(), policy=policy)
    assert emitted.type == StrategyApproved.TYPE


class SlowInventory:
    """A platform that takes its time to say how things stand."""

    def __init__(self, build, seconds):
        self.build, self.seconds = build, seconds

    async def world(self, target):
        self.build.clock.advance(self.seconds)
        return self.build.world()


async def test_p09_what_the_judging_itself_takes_makes_no_plan_anew_for_ever(build):
    plan = build.strategy()
    agent = Orchestrator(PolicySettings(plan_max_age_s=5), SlowInventory(build, 8), Past(), CATALOGUE)
    event = build.event(StrategyProposed(strategy=plan))
    (emitted,) = (await agent.handle(event, build.context(build.proposed(plan)))).emit
    assert emitted.type == StrategyApproved.TYPE


@pytest.mark.parametrize(("manual", "was_tried"), [(True, False), (True, True), (False, False)])
async def test_p09_a_wish_that_could_not_be_met_does_not_come_back_after_the_window(build, manual, was_tried):
    plan = build.strategy(build.page(), fault_class="manual")
    tried = (Tried(strategy=wish(build), result="refused: no"),) if was_tried else ()
    incident = wished(build, plan).model_copy(update={"manual": manual, "tried": tried})
    _, emitted = await judged(build, plan, seconds=300, incident=incident)
    assert isinstance(emitted.data, IncidentEscalated)
    assert "ask again" in emitted.data.reason


async def test_p09_where_a_wish_was_answered_the_swarm_s_own_plan_is_diagnosed_again(build):
    plan = build.strategy(build.page(), fault_class="manual")
    tried = (Tried(strategy=wish(build), result="refused: no"),)
    _, emitted = await judged(build, plan, seconds=300, incident=wished(build, plan).model_copy(update={"tried": tried}))
    assert emitted.type == IncidentUpdated.TYPE
