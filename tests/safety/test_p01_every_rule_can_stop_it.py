"""Property 1, over every branch of the gate: whatever rule speaks against a plan, the executors are not called."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import time, timedelta
from typing import Any

import pytest
from gate_support import CATALOGUE, Past, against, carried_out, decide, orchestrator, wish, wished
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.events import IncidentEscalated, StrategyApproved, StrategyProposed
from agents.facts import Call, Strategy
from agents.incident import Incident
from agents.orchestrator import RULE_NAMES
from agents.orchestrator import policy as gate
from agents.policy_settings import PolicyRule, PolicySettings, PolicyWindow
from agents.records import Step
from agents.seams import RetryLaterError
from agents.world import World

ALL_DAY = {"start": time(0), "end": time(0)}


@dataclass(frozen=True)
class Stop:
    """A plan against which one rule speaks."""

    plan: Strategy
    effect: str = "ask"
    policy: PolicySettings = field(default_factory=PolicySettings)
    world: World | None = None
    past: Any = field(default_factory=Past)
    incident: Incident | None = None
    alone: bool = True
    """Whether the plan would be carried out, were it not for this rule."""


def before(build, *actions, count, seconds, region="east", helped=True):
    """An incident of the past in which the plan's steps were done `count` times, so many seconds ago."""
    plan = build.strategy(*actions).model_copy(update={"id": "INC-0.s1"})
    at = build.clock.now() - timedelta(seconds=seconds)
    step = {"strategy": plan.id, "operation": "o", "status": "succeeded", "summary": "", "command": "", "undo": False}
    steps = tuple(Step(step=0, executor="Logistics", at=at, **step) for _ in range(count))
    done = {"id": "INC-0", "steps": steps, "strategy": plan, "decided_by": "policy", "status": "resolved"}
    return Past((build.proposed(plan).model_copy(update={**done, "resolved_how": "verified" if helped else None}),))


def scaled(build, *, seconds):
    return before(build, build.scale(), count=2, seconds=seconds)


def failed_before(build):
    past = before(build, build.restart(), count=3, seconds=7_200, helped=False)
    (incident,) = past.incidents
    from agents.records import Tried

    tried = (Tried(strategy=incident.strategy, result="it did not help; undone"),)
    return Past((incident.model_copy(update={"strategy": None, "tried": tried}),))


def restart(build, **changes):
    return build.strategy(build.restart(), fault_class="crash", **changes)


def with_call(action, **changes):
    return action.model_copy(update={"call": action.call.model_copy(update=changes)})


def sick_west(build):
    world = build.world()
    return replace(world, regions=(world.regions[0], replace(world.regions[1], health="fail")))


def busy(build):
    return Past((build.acting().model_copy(update={"id": "INC-9"}),))


def rules(**rule):
    return PolicySettings(rules=(PolicyRule(**rule),))


def windows(kind):
    return PolicySettings(windows=(PolicyWindow(name="w", kind=kind, **ALL_DAY),))


def nobody():
    names = ({"autonomy": "ask", "approvers": ("ada",)}, {"approvers": ("grace",)})
    return PolicySettings(rules=tuple(PolicyRule(**values) for values in names))


STOPS = {
    "plan.target": lambda b: Stop(b.strategy(target="other"), "deny"),
    "plan.fault_class": lambda b: Stop(restart(b), "deny", incident=b.proposed(b.strategy())),
    "busy": lambda b: Stop(b.strategy(), "deny", past=busy(b)),
    "numbers": lambda b: Stop(b.strategy().model_copy(update={"blast_radius": -0.5}), "deny"),
    "requested": lambda b: Stop(wish(b, by="grace"), "deny", incident=wished(b, wish(b, by="grace"), by="ada")),
    "call": lambda b: Stop(b.strategy(b.failover().model_copy(update={"call": None})), "deny", alone=False),
    "allowed": lambda b: Stop(b.strategy(), "deny", world=b.world(allowed=frozenset({"restart_service"}))),
    "harmful": lambda b: Stop(b.strategy(b.restart()), "deny"),
    "bounds": lambda b: Stop(b.strategy(with_call(b.restart(), target="bank"), fault_class="crash"), "deny"),
    "destination": lambda b: Stop(b.strategy(), "deny", world=sick_west(b)),
    "person": lambda b: Stop(b.strategy(b.page(), b.failover()), "page", alone=False),
    "protected": lambda b: Stop(b.strategy(), "deny", PolicySettings(protected=("demo",))),
    "window.maintenance": lambda b: Stop(b.strategy(), "hold", windows("maintenance")),
    "window.freeze": lambda b: Stop(b.strategy(), "page", windows("freeze")),
    "autonomy.level": lambda b: Stop(b.strategy(), "ask", rules(autonomy="ask")),
    "approvals": lambda b: Stop(b.strategy(), "ask", rules(approvals=2)),
    "edited": lambda b: Stop(b.strategy(edited_by="ada")),
    "paused": lambda b: Stop(b.strategy(), "ask", past=Past(paused=True)),
    "confidence.threshold": lambda b: Stop(b.strategy(confidence=b.confidence(0.85))),
    "record.outcomes": lambda b: Stop(b.strategy(confidence=b.confidence(outcomes=4.9))),
    "reversible": lambda b: Stop(b.strategy(b.scale().model_copy(update={"inverse": None}), fault_class="capacity"), alone=False),
    "blast_radius": lambda b: Stop(b.strategy(), "ask", PolicySettings(max_blast_radius=0.9)),
    "budget.action": lambda b: Stop(restart(b), past=before(b, b.restart(), count=4, seconds=600)),
    "cool_down": lambda b: Stop(restart(b), past=before(b, b.restart(), count=1, seconds=59)),
    "give_up": lambda b: Stop(restart(b), past=failed_before(b)),
    "budget.hour": lambda b: Stop(
        restart(b), "ask", PolicySettings(hourly_budget=2), past=before(b, b.scale(), count=2, seconds=9)
    ),
    "budget.day": lambda b: Stop(
        restart(b), "ask", PolicySettings(daily_budget=2), past=before(b, b.scale(), count=2, seconds=9999)
    ),
    "hold_down": lambda b: Stop(
        b.strategy(), "ask", PolicySettings(cool_down_s=0), past=before(b, b.failover(), count=1, seconds=59)
    ),
    "switches.window": lambda b: Stop(b.strategy(), past=before(b, b.failover(), count=3, seconds=3_000)),
    "clock": lambda b: Stop(b.strategy(), past=Past(clock="the clock was set back by 1:00:00")),
    "approvers": lambda b: Stop(b.strategy(), "page", nobody(), alone=False),
}


def test_p01_every_rule_of_the_gate_is_driven_as_far_as_the_executor():
    assert set(STOPS) == set(RULE_NAMES)


async def judged(build, stop):
    """The decision's events, and what the executors made of them."""
    agent = orchestrator(build, policy=stop.policy, world=stop.world, past=stop.past)
    incident = stop.incident or build.proposed(stop.plan)
    incident = incident.model_copy(update={"strategy": stop.plan})
    try:
        outcome = await agent.handle(build.event(StrategyProposed(strategy=stop.plan)), build.context(incident))
    except RetryLaterError:
        return (), []
    return outcome.emit, await carried_out(build, incident, outcome.emit, world=stop.world)


@pytest.mark.parametrize("rule", STOPS)
async def test_p01_when_a_rule_speaks_against_it_nothing_is_called(build, rule):
    stop = STOPS[rule](build)
    emitted, calls = await judged(build, stop)
    assert calls == []
    assert all(not isinstance(event.data, StrategyApproved) for event in emitted)
    bases = [event.data.basis for event in emitted]
    assert all((rule, stop.effect) in {(f.rule, f.effect) for f in basis.findings} for basis in bases)


@pytest.mark.parametrize("rule", [name for name in STOPS if name not in {"call", "person", "reversible", "approvers"}])
async def test_p01_and_without_that_rule_it_would_have_been_carried_out_or_at_least_approved(build, rule, monkeypatch):
    stop = STOPS[rule](build)
    monkeypatch.setattr(gate, "RULES", tuple(r for r in gate.RULES if r.name != rule))
    emitted, _ = await judged(build, stop)
    assert [event.type for event in emitted] == [StrategyApproved.TYPE]


async def test_p01_a_level_of_observe_refuses_and_one_of_suggest_pages_and_neither_asks(build):
    plan = build.strategy()
    for word, type_ in (("observe", "strategy.refused"), ("suggest", "incident.escalated")):
        emitted, calls = await judged(build, Stop(plan, policy=rules(autonomy=word)))
        assert ([event.type for event in emitted], calls) == ([type_], [])


async def test_p01_the_person_who_is_paged_in_a_freeze_reads_its_name_its_end_and_the_remedy(build):
    emitted, _ = await judged(build, Stop(build.strategy(), policy=windows("freeze")))
    (event,) = emitted
    assert isinstance(event.data, IncidentEscalated)
    assert "freeze 'w' until 2026-11-24 00:00 UTC" in event.data.reason
    assert "switch_traffic east 0, west 100" in event.data.reason


async def test_p01_in_a_maintenance_the_delivery_waits_uncounted_and_nobody_is_called(build):
    for plan in (build.strategy(), build.strategy(build.page())):
        agent = orchestrator(build, policy=windows("maintenance"))
        with pytest.raises(RetryLaterError, match="maintenance 'w'") as waits:
            await agent.handle(build.event(StrategyProposed(strategy=plan)), build.context(build.proposed(plan)))
        assert waits.value.counted is False
        assert 0 < waits.value.delay <= 30


@pytest.mark.parametrize(
    "policy",
    [
        PolicySettings(protected=("demo",)),
        windows("freeze"),
        windows("maintenance"),
        rules(autonomy="observe"),
        rules(autonomy="suggest"),
        rules(approvals=2),
        PolicySettings(approvers=("grace",)),
    ],
    ids=["protected", "freeze", "maintenance", "observe", "suggest", "two people", "not an approver"],
)
async def test_p01_a_person_s_wish_passes_doubts_and_nothing_else(build, policy):
    plan = wish(build)
    assert decide(build, plan, incident=wished(build, plan)).verdict == "approve"
    decision = decide(build, plan, incident=wished(build, plan), policy=policy)
    assert decision.verdict in {"ask", "page", "refuse"}
    _, calls = await judged(build, Stop(plan, policy=policy, incident=wished(build, plan)))
    assert calls == []


MOMENTS = st.integers(0, 90_000)
PERFORMED = st.lists(st.tuples(st.sampled_from(["failover", "restart", "scale"]), MOMENTS, st.booleans()), max_size=6)
LEVELS = st.sampled_from([None, "observe", "suggest", "ask", "auto"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(
    plan=st.tuples(st.sampled_from(["failover", "restart", "scale"]), st.floats(0.8, 1), st.floats(0, 20)),
    level=LEVELS,
    approvals=st.integers(1, 2),
    window=st.sampled_from([None, "freeze", "maintenance"]),
    stopped=st.sampled_from([None, "protected", "paused"]),
    past=PERFORMED,
)
async def test_p01_whatever_comes_together_no_word_against_it_ends_in_a_call(
    build, plan, level, approvals, window, stopped, past
):
    kind, record, outcomes = plan
    protected, paused = stopped == "protected", stopped == "paused"
    word = {} if level in {None, "ask"} else {"autonomy": level}
    said = [PolicyRule(**word)] if word else [PolicyRule(autonomy=level, approvals=approvals)]
    held = [] if window is None else [PolicyWindow(name="w", kind=window, **ALL_DAY)]
    policy = PolicySettings(rules=said, windows=held, protected=("demo",) if protected else ())
    done = [before(build, getattr(build, k)(), count=1, seconds=s, helped=h).incidents[0] for k, s, h in past]
    fault = {"failover": "region_down", "restart": "crash", "scale": "capacity"}[kind]
    plan = build.strategy(getattr(build, kind)(), fault_class=fault, confidence=build.confidence(record, outcomes=outcomes))
    stop = Stop(plan, policy=policy, past=Past(tuple(done), paused=paused))
    emitted, calls = await judged(build, stop)
    approved = [event for event in emitted if isinstance(event.data, StrategyApproved)]
    assert bool(calls) is bool(approved)
    for event in approved:
        assert {finding.effect for finding in event.data.basis.findings} == {"allow"}
    if protected or paused or window or level in {"observe", "suggest", "ask"} or (approvals == 2 and level is None):
        assert calls == []


def test_p01_deny_wins_over_hold_over_page_over_ask(build):
    plan = build.strategy(confidence=build.confidence(0.1))
    held = tuple(PolicyWindow(name=kind, kind=kind, **ALL_DAY) for kind in ("freeze", "maintenance"))
    ladder = (
        ("refuse", PolicySettings(windows=held, protected=("demo",))),
        ("hold", PolicySettings(windows=held)),
        ("page", PolicySettings(windows=held[:1])),
        ("ask", PolicySettings()),
    )
    for verdict, policy in ladder:
        decision = decide(build, plan, policy=policy)
        assert decision.verdict == verdict
        assert "confidence.threshold" in against(decision)


def test_p01_every_reason_against_it_is_told_the_strictest_first(build):
    plan = build.strategy(confidence=build.confidence(0.1))
    policy = PolicySettings(protected=("demo",), windows=(PolicyWindow(name="w", **ALL_DAY),))
    reasons = decide(build, plan, policy=policy).reasons
    assert [reason.split(" ")[0] for reason in reasons] == ["demo", "freeze", "confidence"]


def test_p01_a_call_hidden_in_an_idle_action_is_judged_as_one(build):
    call = Call(tool="restart_service", target="demo", region="east")
    hidden = build.page().model_copy(update={"kind": "do_nothing", "call": call})
    decision = decide(build, build.strategy(hidden, fault_class="crash"), policy=windows("freeze"))
    assert decision.verdict == "refuse"
    assert {"bounds", "window.freeze"} <= against(decision)
    assert CATALOGUE.action("do_nothing").tool is None
