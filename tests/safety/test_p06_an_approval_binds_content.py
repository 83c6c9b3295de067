"""Property 6, at the log: a decision counts once, in time, for what is still waited for, and by a person alone."""

from __future__ import annotations

import asyncio

import pytest
from approvals_support import decisions, waiting

from agents.durable.errors import ApprovalError
from agents.events import IncidentUpdated
from overwatch_tui.desk import Desk


async def test_p06_a_decision_is_recorded_with_its_author_and_what_it_was_for(store, build):
    id_ = await waiting(store, build)
    await store.decide_approval(id_, approved=True, by="ada")
    (decided,) = await decisions(store)
    incident = await store.incident("INC-1")
    assert (decided.by, decided.approved) == ("ada", True)
    assert decided.binding == incident.strategy.binding("INC-1", incident.proposed_version)


async def test_p06_the_incident_s_name_is_enough(store, build):
    await waiting(store, build)
    await store.decide_approval("INC-1", approved=False, by="ada", reason="not now")
    assert (await store.incident("INC-1")).approval.reason == "not now"


async def test_p06_a_screen_s_word_counts_for_the_plan_that_it_showed_whatever_else_bears_its_name_now(store, build):
    id_ = await waiting(store, build)
    desk = Desk(store, dict, lambda: None)
    shown = (await store.incident("INC-1")).approval.binding
    for approved in (True, False):
        with pytest.raises(ApprovalError, match="another plan"):
            await desk.decide(id_, approved, "why", binding="0" * 64, by="ada")
    assert await decisions(store) == []
    await desk.decide(id_, True, "", binding=shown, by="ada")
    assert [(decided.by, decided.approved) for decided in await decisions(store)] == [("ada", True)]


async def test_p06_a_second_use_is_refused_whoever_comes_second(store, build):
    id_ = await waiting(store, build)
    await store.decide_approval(id_, approved=False, by="ada")
    with pytest.raises(ApprovalError, match="already, by ada"):
        await store.decide_approval(id_, approved=True, by="grace")
    assert len(await decisions(store)) == 1


async def test_p06_of_two_at_once_exactly_one_counts(store, build):
    id_ = await waiting(store, build)
    tries = [store.decide_approval(id_, approved=bool(n % 2), by=f"person-{n}") for n in range(8)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert len([r for r in results if not isinstance(r, ApprovalError)]) == 1
    assert len(await decisions(store)) == 1


async def test_p06_after_the_deadline_nothing_can_be_approved(store, build):
    id_ = await waiting(store, build, ttl_s=60)
    build.clock.advance(60.001)
    with pytest.raises(ApprovalError, match="expired"):
        await store.decide_approval(id_, approved=True, by="ada")
    await store.expire_approvals()
    (decided,) = await decisions(store)
    assert (decided.by, decided.approved) == ("deadline", False)


async def test_p06_what_is_no_longer_waited_for_can_not_be_approved(store, build):
    id_ = await waiting(store, build)
    opened = build.opened("east", "west")
    await store.append([build.event(IncidentUpdated(symptoms=opened.symptoms, observations=opened.observations))])
    with pytest.raises(ApprovalError, match="moved on"):
        await store.decide_approval(id_, approved=True, by="ada")
    assert await decisions(store) == []


@pytest.mark.parametrize(
    "name", ["", "policy", "deadline", "Sentry", "Diagnostician", "Strategist", "Orchestrator", "Logistics", "Traffic Controller"]
)
async def test_p06_no_agent_can_approve(store, build, name):
    id_ = await waiting(store, build)
    with pytest.raises(ApprovalError, match="not a person"):
        await store.decide_approval(id_, approved=True, by=name)
    assert await decisions(store) == []


async def test_p06_an_unknown_request_is_named(store):
    with pytest.raises(ApprovalError, match="INC-99"):
        await store.decide_approval("INC-99", approved=True, by="ada")
