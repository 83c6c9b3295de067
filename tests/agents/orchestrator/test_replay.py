"""Every decision carries what it rested on: it is made again from the log alone, in every word, and a changed log is noticed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import time, timedelta

import pytest
from gate_support import CATALOGUE, Past, orchestrator, wish, wished
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.events import ApprovalRequested, StrategyApproved, StrategyProposed, StrategyRefused, load_payload
from agents.incident import evolve
from agents.orchestrator.basis import BasisError, digest, replay, same, unpack
from agents.orchestrator.explain import explain
from agents.policy_settings import PolicyRule, PolicySettings, PolicyWindow
from agents.world import RegionFacts


async def decided(build, plan, *, incident=None, **given_):
    """The incident before the decision, and the decision's event as it comes back from the log."""
    incident = incident or build.proposed(plan)
    event = build.event(StrategyProposed(strategy=plan))
    (emitted,) = (await orchestrator(build, **given_).handle(event, build.context(incident))).emit
    stored = load_payload(emitted.type, emitted.data_json())
    assert stored == emitted.data
    return incident, stored


def rich_policy():
    rules = (PolicyRule(actions=("failover_region",), approvals=2, approvers=("ada", "grace")),)
    windows = (PolicyWindow(name="night", start=time(1, 30), end=time(4), zone="Europe/Berlin"),)
    return PolicySettings(rules=rules, windows=windows, protected=("bank",))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    record=st.floats(0, 1),
    outcomes=st.floats(0, 40),
    reach=st.floats(0, 1),
    lag=st.none() | st.floats(0, 100),
    health=st.sampled_from(["ok", "warn", "fail", "unknown"]),
    paused=st.booleans(),
    rich=st.booleans(),
)
async def test_whatever_was_decided_is_decided_again_from_the_log(build, record, outcomes, reach, lag, health, paused, rich):
    west = RegionFacts("west", health, traffic=0, replicas_ready=2, replication_lag_s=lag)
    world = build.world()
    world = replace(world, regions=(world.regions[0], west))
    plan = build.strategy(confidence=build.confidence(record, outcomes=outcomes), blast_radius=reach)
    past = Past((build.acting(),), paused=paused)
    policy = rich_policy() if rich else PolicySettings()
    incident, data = await decided(build, plan, policy=policy, world=world, past=past)
    again = replay(incident, data.basis, CATALOGUE)
    assert same(again, data.basis)
    if isinstance(data, ApprovalRequested):
        assert (again.needs, again.approvers, again.confirm) == (data.needs, data.approvers, data.confirm)


async def test_who_has_to_approve_stands_in_the_request(build):
    _, data = await decided(build, build.strategy(), policy=rich_policy())
    assert isinstance(data, ApprovalRequested)
    assert (data.needs, data.approvers, data.confirm) == (2, ("ada", "grace"), "demo")
    _, small = await decided(build, build.strategy(blast_radius=0.5), policy=rich_policy())
    assert small.confirm == ""


async def test_a_wish_is_replayed_as_well(build):
    plan = wish(build)
    incident, data = await decided(build, plan, incident=wished(build, plan))
    assert isinstance(data, StrategyApproved)
    assert data.by == "ada"
    assert data.reasons[0] == "ada asked for it"
    assert same(replay(incident, data.basis, CATALOGUE), data.basis)


async def test_another_policy_says_what_it_would_have_said(build):
    incident, data = await decided(build, build.strategy())
    assert data.basis.verdict == "approve"
    assert replay(incident, data.basis, CATALOGUE, PolicySettings(autonomy="ask")).verdict == "ask"
    assert replay(incident, data.basis, CATALOGUE, PolicySettings(protected=("demo",))).verdict == "refuse"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("policy", "threshold"), 0.95),
        (("history", "paused"), True),
        (("world", "allowed"), []),
        (("policy", "protected"), ["demo"]),
    ],
)
async def test_a_basis_that_was_changed_comes_to_another_decision(build, path, value):
    incident, data = await decided(build, build.strategy())
    given_ = json.loads(data.basis.given)
    given_[path[0]][path[1]] = value
    changed = data.basis.model_copy(update={"given": json.dumps(given_)})
    assert not same(replay(incident, changed, CATALOGUE), data.basis)


async def test_another_catalogue_and_an_unreadable_basis_say_that_they_can_not_be_replayed(build):
    incident, data = await decided(build, build.strategy())
    spec = CATALOGUE.action("failover_region").model_copy(update={"reversible": False})
    other = replace(CATALOGUE, actions={**CATALOGUE.actions, "failover_region": spec})
    assert digest(other) != digest(CATALOGUE)
    with pytest.raises(BasisError, match="the catalogue has changed"):
        replay(incident, data.basis, other)
    for given_ in ("{}", "nonsense", json.dumps({**json.loads(data.basis.given), "moon": 1})):
        with pytest.raises(BasisError, match="can't read"):
            unpack(data.basis.model_copy(update={"given": given_}))
    with pytest.raises(BasisError, match="has no plan"):
        replay(build.fold(build.opened()), data.basis, CATALOGUE)


async def test_what_is_older_than_any_rule_looks_back_is_not_carried_along(build):
    old = build.acting()
    old = evolve(old, build.event(build.finished(old)))
    build.clock.advance(timedelta(days=1, seconds=1).total_seconds())
    _, data = await decided(build, build.strategy(), past=Past((old,)))
    assert unpack(data.basis).history.performed == ()


async def test_what_can_not_be_recorded_is_refused(build):
    west = RegionFacts("west", "ok", traffic=0, replication_lag_s=float("nan"))
    world = build.world()
    world = replace(world, regions=(world.regions[0], west))
    _, data = await decided(build, build.strategy(), world=world)
    assert isinstance(data, StrategyRefused)
    assert "can't be recorded" in data.reasons[0]


async def test_explaining_tells_the_gate_s_decisions_and_those_that_were_not_its(build):
    plan = build.strategy()
    opened = [build.opened(), build.proposed(plan).diagnosis]
    from agents.events import IncidentDiagnosed

    told = [
        build.event(opened[0]),
        build.event(IncidentDiagnosed(diagnosis=opened[1])),
        build.event(StrategyProposed(strategy=plan)),
    ]
    incident = build.proposed(plan)
    (asked,) = (await orchestrator(build, policy=rich_policy()).handle(told[-1], build.context(incident))).emit
    rejected = build.event(StrategyRefused(strategy=plan.id, by="ada", reasons=("rejected by ada: no",), again=True))
    decided_ = evolve(incident, asked)
    told += [asked, build.event(build.decided(decided_, approved=False)), rejected]
    first, second = explain(told, CATALOGUE, PolicySettings())
    assert (first.replayed, first.basis.verdict, first.now.verdict) == ("same", "ask", "approve")
    assert first.plan == "switch_traffic east 0, west 100"
    assert (second.replayed, second.by, second.basis) == ("none", "ada", None)
    forged = asked.model_copy(
        update={"data": asked.data.model_copy(update={"basis": asked.data.basis.model_copy(update={"verdict": "approve"})})}
    )
    told[3] = forged
    assert next(explain(told, CATALOGUE)).replayed == "different"
