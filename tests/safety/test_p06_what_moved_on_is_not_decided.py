"""Property 6, in the log: late words on what has moved on, and wishes while something is being changed, change nothing."""

from __future__ import annotations

import pytest

from agents.durable.errors import ApprovalError
from agents.events import (
    ApprovalRequested,
    FailoverRequested,
    IncidentDiagnosed,
    IncidentEscalated,
    IncidentResolved,
    StrategyApproved,
    StrategyProposed,
)
from agents.incident import IllegalTransitionError


async def proposed(store, build):
    await store.open_incident(build.opened(), "Sentry", build.clock.now())
    plan = build.strategy()
    await store.append(
        [build.event(IncidentDiagnosed(diagnosis=build.diagnosis())), build.event(StrategyProposed(strategy=plan))]
    )
    return plan


async def waiting(store, build):
    plan = await proposed(store, build)
    request = build.awaiting(plan).approval
    asked = ApprovalRequested(
        approval="A1", strategy=plan.id, binding=plan.binding("INC-1", 3), reasons=request.reasons, deadline=request.deadline
    )
    await store.append([build.event(asked)])


async def acting(store, build):
    plan = await proposed(store, build)
    await store.append([build.event(StrategyApproved(strategy=plan, by="ada", reasons=()))])


async def types(store):
    return [event.type for event in await store.events_of("INC-1")]


@pytest.mark.parametrize(
    "moved_on",
    [
        IncidentEscalated(reason="nobody came"),
        IncidentResolved(how="cleared", checks=()),
        FailoverRequested(target="demo", region="west", by="grace"),
    ],
)
async def test_p06_an_approval_that_comes_after_the_incident_moved_on_is_refused(store, build, moved_on):
    await waiting(store, build)
    await store.append([build.event(moved_on)])
    before = await types(store)
    with pytest.raises(ApprovalError, match="moved on"):
        await store.decide_approval("A1", approved=True, by="ada")
    await store.expire_approvals()
    assert await types(store) == before


async def test_p06_an_approval_of_an_older_version_is_not_one_of_the_newer(store, build):
    await waiting(store, build)
    await store.append([build.event(FailoverRequested(target="demo", region="west", by="grace"))])
    plan = build.strategy(id="INC-1/s2")
    await store.append([build.event(StrategyProposed(strategy=plan), id_="second")])
    incident = await store.incident("INC-1")
    binding = plan.binding("INC-1", incident.proposed_version)
    deadline = build.awaiting().approval.deadline
    asked = ApprovalRequested(approval="A2", strategy=plan.id, binding=binding, reasons=(), deadline=deadline)
    await store.append([build.event(asked, id_="asked again")])
    with pytest.raises(ApprovalError, match="moved on"):
        await store.decide_approval("A1", approved=True, by="ada")
    assert (await store.incident("INC-1")).approval.approved is None


async def test_p06_a_wish_while_something_is_being_changed_is_refused_with_the_reason(store, build):
    await acting(store, build)
    before = await store.incident("INC-1")
    with pytest.raises(IllegalTransitionError, match="while it is 'acting'"):
        await store.request_failover("demo", "west", by="ada")
    assert await store.incident("INC-1") == before


async def test_p08_a_wish_joins_the_open_incident_instead_of_opening_a_second(store, build):
    await waiting(store, build)
    assert await store.request_failover("demo", "west", by="ada") == "INC-1"
    incident = await store.incident("INC-1")
    assert (incident.status, incident.failover_to, incident.failover_by) == ("diagnosed", "west", "ada")
    assert len(await store.incidents()) == 1
