"""Property 6: where several people are asked for, that many different ones have to approve, each of them one who may."""

from __future__ import annotations

import asyncio

import pytest
from approvals_support import decisions, gate, waiting
from tests_support import FixedInventory

from agents.durable.errors import ApprovalError
from agents.events import ApprovalRequested, IncidentEscalated, StrategyApproved, StrategyProposed, StrategyRefused
from agents.incident import IllegalTransitionError, evolve


async def test_p06_of_two_people_the_first_decides_nothing_yet(store, build):
    id_ = await waiting(store, build, needs=2)
    stands = await store.decide_approval(id_, approved=True, by="ada")
    assert (stands.approved, stands.given) == (None, ("ada",))
    assert (await store.incident("INC-1")).status == "awaiting"


async def test_p06_the_second_person_completes_it_and_both_are_kept_with_their_times(store, build, clock):
    id_ = await waiting(store, build, needs=2)
    await store.decide_approval(id_, approved=True, by="ada")
    first = clock.now()
    clock.advance(7)
    stands = await store.decide_approval(id_, approved=True, by="grace")
    assert (stands.approved, stands.given, stands.given_at) == (True, ("ada", "grace"), (first, clock.now()))
    with pytest.raises(ApprovalError, match="decided already"):
        await store.decide_approval(id_, approved=True, by="linus")


@pytest.mark.parametrize("again", ["ada", "Ada", " ada", "a.d.a", "\u0430da", "ADA\u200b", "àda"])
async def test_p06_the_same_person_twice_counts_once_however_the_name_is_written(store, build, again):
    id_ = await waiting(store, build, needs=2)
    await store.decide_approval(id_, approved=True, by="ada")
    with pytest.raises(ApprovalError, match="ada has approved already"):
        await store.decide_approval(id_, approved=True, by=again)
    assert len(await decisions(store)) == 1


def test_p06_the_same_person_twice_does_not_fit_the_incident(build):
    incident = build.awaiting(needs=2)
    incident = evolve(incident, build.event(build.decided(incident, by="ada")))
    with pytest.raises(IllegalTransitionError, match="has approved already"):
        evolve(incident, build.event(build.decided(incident, by="\u0430da")))


async def test_p06_one_rejection_ends_it(store, build):
    id_ = await waiting(store, build, needs=2)
    await store.decide_approval(id_, approved=True, by="ada")
    stands = await store.decide_approval(id_, approved=False, by="grace", reason="no")
    assert (stands.approved, stands.by) == (False, "grace")
    with pytest.raises(ApprovalError, match="decided already, by grace"):
        await store.decide_approval(id_, approved=True, by="linus")


async def test_p06_who_approved_may_still_reject(store, build):
    id_ = await waiting(store, build, needs=2)
    await store.decide_approval(id_, approved=True, by="ada")
    assert (await store.decide_approval(id_, approved=False, by="ada", reason="I looked again")).approved is False


async def test_p06_of_many_at_once_exactly_as_many_as_are_needed_count(store, build):
    id_ = await waiting(store, build, needs=3)
    tries = [store.decide_approval(id_, approved=True, by=f"person {chr(97 + n // 2)}") for n in range(12)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert len([r for r in results if not isinstance(r, ApprovalError)]) == 3
    assert len({d.by for d in await decisions(store)}) == 3


async def test_p06_half_an_approval_runs_out_with_its_request(store, build):
    id_ = await waiting(store, build, needs=2, ttl_s=60)
    await store.decide_approval(id_, approved=True, by="ada")
    build.clock.advance(60.001)
    with pytest.raises(ApprovalError, match="expired"):
        await store.decide_approval(id_, approved=True, by="grace")
    await store.expire_approvals()
    last = (await decisions(store))[-1]
    assert (last.by, last.approved, last.reason) == ("deadline", False, "1 of 2 had approved")


@pytest.mark.parametrize("name", ["linus", "Ada", "ada ", "\u0430da"])
async def test_p06_who_is_not_on_the_list_approves_nothing_but_may_reject(store, build, name):
    id_ = await waiting(store, build, approvers=("ada", "grace"))
    with pytest.raises(ApprovalError, match="ada or grace may"):
        await store.decide_approval(id_, approved=True, by=name)
    assert await decisions(store) == []
    assert (await store.decide_approval(id_, approved=False, by=name, reason="no")).approved is False


async def test_p06_who_is_on_the_list_may_approve(store, build):
    id_ = await waiting(store, build, approvers=("ada", "grace"))
    assert (await store.decide_approval(id_, approved=True, by="grace")).approved is True


def test_p06_an_approval_of_who_is_not_on_the_list_does_not_fit_the_incident(build):
    incident = build.awaiting(approvers=("grace",))
    with pytest.raises(IllegalTransitionError, match="'ada' may not approve"):
        evolve(incident, build.event(build.decided(incident, by="ada")))


# The Orchestrator looks at all of it once more, whatever the log says.


@pytest.fixture
def orchestrator(build):
    return gate(FixedInventory(build.world()))


def low(build):
    return build.strategy(confidence=build.confidence(0.5))


async def answered(build, orchestrator, incident):
    outcome = await orchestrator.handle(build.event(build.decided(incident)), build.context(incident))
    return outcome.emit[0].data if outcome.emit else None


def approved(build, *people, **changes):
    """An incident whose request says that it is approved by these people."""
    incident = build.awaiting(low(build), **changes)
    said = incident.approval.model_copy(update={"given": people, "approved": True, "by": people[-1] if people else None})
    return incident.model_copy(update={"approval": said})


async def test_p06_the_orchestrator_says_nothing_before_enough_people_have_approved(build, orchestrator):
    incident = build.awaiting(low(build), needs=2)
    event = build.event(build.decided(incident, by="ada"))
    incident = evolve(incident, event)
    assert (await orchestrator.handle(event, build.context(incident))).emit == ()


async def test_p06_both_people_stand_behind_what_is_carried_out(build, orchestrator):
    data = await answered(build, orchestrator, approved(build, "ada", "grace", needs=2, confirm="demo"))
    assert isinstance(data, StrategyApproved)
    assert data.by == "ada and grace"


@pytest.mark.parametrize(
    ("people", "changes", "why"),
    [
        (("ada",), {"needs": 2}, "1 of 2 people approved"),
        (("ada", "\u0430da"), {"needs": 2}, "approved twice"),
        (("ada",), {"approvers": ("grace",)}, "may not approve"),
        (("ada", "Sentry"), {"needs": 2}, "is not a person"),
        ((), {}, "0 of 1 people approved"),
    ],
)
async def test_p06_an_approval_that_is_not_enough_is_refused_once_more_at_the_gate(build, orchestrator, people, changes, why):
    data = await answered(build, orchestrator, approved(build, *people, **changes))
    assert isinstance(data, StrategyRefused)
    assert why in data.reasons[0]


async def asked(build, **policy):
    incident = build.proposed(low(build))
    event = build.event(StrategyProposed(strategy=incident.strategy))
    (said,) = (await gate(FixedInventory(build.world()), **policy).handle(event, build.context(incident))).emit
    return said.data


async def test_p06_the_rules_say_how_many_and_who(build):
    rules = ({"targets": ("demo",), "approvals": 2}, {"actions": ("failover_region",), "approvers": ("ada", "grace")})
    data = await asked(build, rules=rules, approvers=("ada", "grace", "linus"))
    assert isinstance(data, ApprovalRequested)
    assert (data.needs, data.approvers) == (2, ("ada", "grace"))
    other = await asked(build, rules=({"targets": ("shop",), "approvals": 2, "approvers": ("linus", "ada")},))
    assert (other.needs, other.approvers) == (1, ())


async def test_p06_where_nobody_is_on_every_list_a_person_is_paged_and_nobody_may_approve(build):
    data = await asked(build, rules=({"approvers": ("ada",)}, {"approvers": ("grace",)}))
    assert isinstance(data, IncidentEscalated)
