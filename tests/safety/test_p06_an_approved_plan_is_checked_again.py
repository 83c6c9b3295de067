"""Property 6, at the Orchestrator: an approval counts for exactly what was shown, once, in time, by a person."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests_support import FixedInventory

from agents.catalogue import load_catalogue
from agents.events import IncidentEscalated, IncidentUpdated, StrategyApproved, StrategyRefused
from agents.incident import IllegalTransitionError, evolve
from agents.orchestrator import Orchestrator
from agents.policy_settings import PolicySettings


class NoPast:
    async def recent_incidents(self, target):
        return ()

    async def paused(self):
        return False


@pytest.fixture
def orchestrator(build):
    return Orchestrator(PolicySettings(), FixedInventory(build.world()), NoPast(), load_catalogue())


def low(build, *actions, **changes):
    return build.strategy(*actions, confidence=build.confidence(0.5), **changes)


async def answer(build, orchestrator, incident, decided):
    event = build.event(decided)
    incident = evolve(incident, event)
    outcome = await orchestrator.handle(event, build.context(incident))
    return outcome.emit[0].data if outcome.emit else None


async def test_p06_a_person_s_approval_is_carried_with_their_name(build, orchestrator):
    incident = build.awaiting(low(build), confirm="demo")
    data = await answer(build, orchestrator, incident, build.decided(incident, by="ada"))
    assert isinstance(data, StrategyApproved)
    assert data.by == "ada"


async def test_p06_a_plan_that_is_not_the_one_approved_is_refused(build, orchestrator):
    incident = build.awaiting(low(build))
    swapped = incident.model_copy(update={"strategy": low(build, build.restart())})
    data = await answer(build, orchestrator, swapped, build.decided(incident))
    assert isinstance(data, StrategyRefused)
    assert "not what would be done now" in data.reasons[0]


async def test_p06_another_version_of_the_incident_is_refused(build, orchestrator):
    incident = build.awaiting(low(build))
    moved_on = incident.model_copy(update={"proposed_version": incident.proposed_version + 1})
    data = await answer(build, orchestrator, moved_on, build.decided(incident))
    assert isinstance(data, StrategyRefused)


async def test_p06_after_the_deadline_a_person_is_paged_and_nothing_is_done(build, orchestrator):
    incident = build.awaiting(low(build))
    data = await answer(build, orchestrator, incident, build.decided(incident, approved=False, by="deadline"))
    assert isinstance(data, IncidentEscalated)


async def test_p06_an_approval_that_is_looked_at_after_its_deadline_allows_nothing_and_the_plan_is_made_anew(build, orchestrator):
    incident = build.awaiting(low(build), ttl_s=600, confirm="demo")
    build.clock.advance(600.001)
    event = build.event(build.decided(incident))
    (answered,) = (await orchestrator.handle(event, build.context(evolve(incident, event)))).emit
    assert isinstance(answered.data, IncidentUpdated)
    again = evolve(evolve(incident, event), answered)
    assert (again.status, again.tried) == ("open", ()), "the remedy is not used up by a swarm that was away"


async def test_p06_a_person_s_wish_that_is_looked_at_after_its_deadline_is_asked_for_again(build, orchestrator):
    incident = build.awaiting(low(build).model_copy(update={"requested_by": "ada"}), ttl_s=600)
    build.clock.advance(600.001)
    data = await answer(build, orchestrator, incident, build.decided(incident))
    assert isinstance(data, IncidentEscalated)
    assert "what ada asked for could have been approved until" in data.reason


async def test_p06_policy_is_asked_again_after_a_person(build):
    world = build.world()
    sick = replace(world, regions=(world.regions[0], replace(world.regions[1], health="fail")))
    orchestrator = Orchestrator(PolicySettings(), FixedInventory(sick), NoPast(), load_catalogue())
    incident = build.awaiting(low(build))
    data = await answer(build, orchestrator, incident, build.decided(incident))
    assert isinstance(data, StrategyRefused)
    assert "not healthy" in data.reasons[0]


async def test_p06_the_same_decision_delivered_again_decides_nothing_more(build, orchestrator):
    incident = build.awaiting(low(build))
    event = build.event(build.decided(incident))
    incident = evolve(incident, event)
    outcome = await orchestrator.handle(event, build.context(incident))
    incident = evolve(incident, outcome.emit[0])
    again = await orchestrator.handle(event, build.context(incident))
    assert again.emit == ()


@pytest.mark.parametrize("name", ["Orchestrator", "Strategist", "Sentry", "policy", ""])
async def test_p06_an_agent_s_name_under_an_approval_is_refused(build, orchestrator, name):
    incident = build.awaiting(low(build))
    data = await answer(build, orchestrator, incident, build.decided(incident, by=name))
    assert isinstance(data, StrategyRefused)
    assert "not a person" in data.reasons[0]


async def test_p06_what_a_person_rejects_is_not_done_and_why_is_kept(build, orchestrator):
    incident = build.awaiting(low(build))
    data = await answer(build, orchestrator, incident, build.decided(incident, approved=False, reason="not at noon"))
    assert isinstance(data, StrategyRefused)
    assert data.reasons == ("rejected by ada: not at noon",)


async def test_p06_a_decision_on_another_request_decides_nothing(build, orchestrator):
    incident = build.awaiting(low(build))
    approved = evolve(incident, build.event(build.decided(incident)))
    other = build.event(build.decided(incident, approval="A0"))
    assert (await orchestrator.handle(other, build.context(approved))).emit == ()


@pytest.mark.parametrize("change", [{"binding": "0" * 64}, {"approval": "A0"}])
def test_p06_a_decision_for_something_else_does_not_fit_the_incident(build, change):
    incident = build.awaiting()
    with pytest.raises(IllegalTransitionError):
        evolve(incident, build.event(build.decided(incident, **change)))


def test_p06_a_second_decision_does_not_fit_the_incident(build):
    incident = build.awaiting()
    incident = evolve(incident, build.event(build.decided(incident)))
    with pytest.raises(IllegalTransitionError, match="already"):
        evolve(incident, build.event(build.decided(incident, approved=False)))


def test_p06_an_approved_plan_that_was_not_proposed_does_not_fit_the_incident(build):
    other = build.strategy(build.restart())
    with pytest.raises(IllegalTransitionError, match="not the one"):
        evolve(build.awaiting(), build.event(StrategyApproved(strategy=other, by="ada", reasons=())))
