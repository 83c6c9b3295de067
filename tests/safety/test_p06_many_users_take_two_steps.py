"""Property 6: what reaches many users is approved in two steps, and what is typed is checked at the log and in the incident."""

from __future__ import annotations

import pytest
from approvals_support import gate, waiting
from tests_support import FixedInventory

from agents.durable.errors import ApprovalError
from agents.events import ApprovalRequested, StrategyProposed
from agents.incident import IllegalTransitionError, evolve


@pytest.mark.parametrize("typed", ["", "west", "Demo", "demo ", "INC-1"])
async def test_p06_without_the_target_s_name_nothing_that_reaches_many_is_approved(store, build, typed):
    id_ = await waiting(store, build, confirm="demo")
    with pytest.raises(ApprovalError, match="type 'demo' to approve"):
        await store.decide_approval(id_, approved=True, by="ada", confirm=typed)
    assert (await store.incident("INC-1")).approval.people == ()


async def test_p06_with_the_target_s_name_it_is_approved_and_what_was_typed_is_kept(store, build):
    id_ = await waiting(store, build, confirm="demo")
    stands = await store.decide_approval(id_, approved=True, by="ada", confirm="demo")
    assert (stands.approved, stands.by) == (True, "ada")
    assert (await store.events_of("INC-1"))[-1].data.confirm == "demo"


async def test_p06_a_rejection_needs_one_step(store, build):
    id_ = await waiting(store, build, confirm="demo")
    assert (await store.decide_approval(id_, approved=False, by="ada", reason="no")).approved is False


def test_p06_an_approval_without_its_second_step_does_not_fit_the_incident(build):
    incident = build.awaiting(confirm="demo")
    with pytest.raises(IllegalTransitionError, match="type 'demo'"):
        evolve(incident, build.event(build.decided(incident, confirm="")))


@pytest.mark.parametrize(("reach", "confirm"), [(0.5, ""), (0.500001, "demo"), (1.0, "demo"), (0.0, "")])
async def test_p06_the_second_step_is_asked_for_above_the_configured_reach(build, reach, confirm):
    orchestrator = gate(FixedInventory(build.world()))
    incident = build.proposed(build.strategy(confidence=build.confidence(0.5), blast_radius=reach))
    event = build.event(StrategyProposed(strategy=incident.strategy))
    (asked,) = (await orchestrator.handle(event, build.context(incident))).emit
    assert isinstance(asked.data, ApprovalRequested)
    assert asked.data.confirm == confirm
