"""Property 6, over a change of policy: whoever approved has to be enough by what policy wants when it is carried out."""

from __future__ import annotations

from datetime import time

import pytest
from approvals_support import gate
from tests_support import FixedInventory

from agents.events import FailoverRequested, IncidentEscalated, IncidentUpdated, StrategyApproved, StrategyProposed
from agents.incident import evolve
from agents.policy_settings import PolicyRule, PolicyWindow


def low(build, **changes):
    return build.strategy(confidence=build.confidence(0.5), **changes)


async def over_a_change(build, before, after, *people, plan=None, wish=None):
    """What is said to a request that was made by one policy and approved, and is answered by another one."""
    incident = build.proposed(plan or low(build))
    if wish is not None:
        incident = evolve(evolve(build.fold(build.opened()), build.event(wish)), build.event(StrategyProposed(strategy=plan)))
    event = build.event(StrategyProposed(strategy=incident.strategy))
    (asked,) = (await gate(FixedInventory(build.world()), **before).handle(event, build.context(incident))).emit
    incident = evolve(incident, asked)
    for person in people:
        event = build.event(build.decided(incident, by=person))
        incident = evolve(incident, event)
    (said,) = (await gate(FixedInventory(build.world()), **after).handle(event, build.context(incident))).emit
    return incident, said


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"rules": (PolicyRule(approvals=2),)}),
        ({}, {"approvers": ("grace",)}),
        ({"approvers": ("ada", "grace")}, {"approvers": ("grace", "linus")}),
        ({"confirm_blast_radius": 1.0}, {"confirm_blast_radius": 0.5}),
    ],
    ids=["two people", "a list", "another list", "a name to type"],
)
async def test_p06_what_one_person_approved_is_asked_for_anew_where_policy_wants_more_now(build, before, after):
    incident, said = await over_a_change(build, before, after, "ada")
    assert isinstance(said.data, IncidentUpdated)
    assert "by what policy wants now that is not enough" in said.data.anew
    assert (evolve(incident, said).status, evolve(incident, said).tried) == ("open", ())


@pytest.mark.parametrize("after", [{}, {"approvers": ("ada",)}, {"confirm_blast_radius": 1.0}])
async def test_p06_who_is_enough_by_the_new_policy_too_is_enough(build, after):
    _, said = await over_a_change(build, {}, after, "ada")
    assert isinstance(said.data, StrategyApproved)


async def test_p06_a_wish_that_is_not_enough_any_more_is_told_to_the_person(build):
    plan = low(build, fault_class="manual", requested_by="ada")
    wish = FailoverRequested(target="demo", region="west", by="ada")
    two, three = ({"rules": (PolicyRule(approvals=n),)} for n in (2, 3))
    _, said = await over_a_change(build, two, three, "ada", "grace", plan=plan, wish=wish)
    assert isinstance(said.data, IncidentEscalated)
    assert "3 people have to approve it, 2 did" in said.data.reason
    assert "ask again" in said.data.reason


@pytest.mark.parametrize(("kind", "type_"), [("maintenance", IncidentUpdated), ("freeze", IncidentEscalated)])
async def test_p06_a_window_that_began_meanwhile_holds_what_was_approved_and_uses_no_remedy_up(build, kind, type_):
    window = PolicyWindow(name="move", kind=kind, start=time(13), end=time(15))
    incident, said = await over_a_change(build, {}, {"windows": (window,)}, "ada")
    assert isinstance(said.data, type_)
    assert evolve(incident, said).tried == ()
