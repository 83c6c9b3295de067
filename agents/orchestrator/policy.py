"""The gate, as a pure function: (incident, strategy, policy, world, history, clock) → decision with every reason.

Deny wins over ask, ask wins over approve. Nothing here trusts what a model wrote: reversibility and reach come from the
action catalogue and from what was observed. Whatever can't be judged is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from agents.catalogue import Catalogue
from agents.events import is_person
from agents.facts import Action, Call, Strategy
from agents.incident import BUSY, Incident
from agents.policy_settings import PolicySettings
from agents.world import World

Verdict = Literal["approve", "ask", "refuse", "page"]


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict and every reason that spoke, the ones for it included."""

    verdict: Verdict
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Performed:
    """One action that was carried out before: what, where, when, and whether policy alone had approved it."""

    kind: str
    target: str
    region: str | None
    at: datetime
    automatic: bool


@dataclass(frozen=True, slots=True)
class History:
    """What was done before, and whether automation is paused."""

    performed: tuple[Performed, ...] = ()
    paused: bool = False
    busy_with: str | None = None
    """Another incident that is changing the same target now."""


def history_of(incidents: Iterable[Incident], *, paused: bool, target: str, besides: str) -> History:
    """The history that the incidents' steps tell."""
    performed: list[Performed] = []
    busy: str | None = None
    for incident in incidents:
        if incident.target == target and incident.id != besides and incident.status in BUSY:
            busy = incident.id
        performed.extend(_performed(incident))
    return History(performed=tuple(performed), paused=paused, busy_with=busy)


def _performed(incident: Incident) -> Iterator[Performed]:
    plans = {tried.strategy.id: tried.strategy for tried in incident.tried}
    if incident.strategy is not None:
        plans[incident.strategy.id] = incident.strategy
    for step in incident.steps:
        plan = plans.get(step.strategy)
        if plan is None or step.status == "refused" or step.step >= len(plan.actions):
            continue
        action = plan.actions[step.step]
        region = action.call.region if action.call else None
        automatic = incident.decided_by == "policy"
        yield Performed(action.kind, incident.target, region, step.at, automatic)


def judge(
    incident: Incident,
    strategy: Strategy,
    policy: PolicySettings,
    world: World,
    history: History,
    catalogue: Catalogue,
    now: datetime,
) -> Decision:
    """Decide on one strategy. Pure: the same arguments give the same decision. Never raises."""
    try:
        return _judge(incident, strategy, policy, world, history, catalogue, now)
    except Exception as error:  # noqa: BLE001 - a gate that fails must fail closed, whatever the error
        return Decision("refuse", (f"policy could not judge this plan ({type(error).__name__}: {error}): nothing is done",))


def _judge(
    incident: Incident,
    strategy: Strategy,
    policy: PolicySettings,
    world: World,
    history: History,
    catalogue: Catalogue,
    now: datetime,
) -> Decision:
    denials = list(_denials(incident, strategy, world, history, catalogue))
    if denials:
        return Decision("refuse", tuple(denials))
    kinds = {action.kind for action in strategy.actions}
    if "page_person" in kinds:
        return Decision("page", (strategy.rationale,))
    if kinds == {"do_nothing"}:
        return Decision("approve", ("it touches nothing",))
    doubts = list(_doubts(strategy, policy, history, catalogue, now))
    if strategy.requested_by is not None and strategy.edited_by is None and not history.paused:
        return Decision("approve", (f"{strategy.requested_by} asked for it", *doubts))
    if doubts:
        return Decision("ask", tuple(doubts))
    return Decision("approve", tuple(_grounds(strategy, policy)))


def _denials(incident: Incident, strategy: Strategy, world: World, history: History, catalogue: Catalogue) -> Iterator[str]:
    """Why this must not be done at all."""
    if strategy.target != incident.target or world.target != incident.target:
        yield f"the plan is for {strategy.target!r}, the incident is about {incident.target!r}"
    if incident.diagnosis is not None and strategy.fault_class != incident.diagnosis.fault_class:
        yield f"the plan is against {strategy.fault_class!r}, the diagnosis is {incident.diagnosis.fault_class!r}"
    if history.busy_with is not None:
        yield f"{history.busy_with} is changing {incident.target} now"
    yield from _bad_numbers(strategy)
    yield from _bad_wish(incident, strategy)
    harmful = catalogue.harmful(strategy.fault_class)
    for action in strategy.actions:
        if action.call is None:
            if action.kind not in {"page_person", "do_nothing"}:
                yield f"{action.kind} has no call"
            continue
        if action.kind not in world.allowed:
            yield f"{action.kind} is not allowed on {world.target}"
        if action.kind in harmful and strategy.requested_by is None:
            yield f"{action.kind} makes {strategy.fault_class} worse"
        for call in (action.call, action.inverse):
            if call is not None:
                yield from _bad_call(call, catalogue.action(action.kind).tool, incident, world)
        if action.call.tool == "switch_traffic":
            yield from _bad_destination(action.call, incident, world)


def _bad_numbers(strategy: Strategy) -> Iterator[str]:
    confidence = strategy.confidence
    word = 0.0 if confidence.word is None else confidence.word
    for number in (confidence.track_record, confidence.evidence, word, strategy.blast_radius):
        if not 0 <= number <= 1:
            yield f"{number!r} is not a number between 0 and 1"
    if not confidence.outcomes >= 0:
        yield f"{confidence.outcomes!r} is no number of outcomes"


def _bad_wish(incident: Incident, strategy: Strategy) -> Iterator[str]:
    """What a person asked for passes without a doubt, so it must be what a person asked for."""
    by, region = strategy.requested_by, incident.failover_to
    if by is None:
        return
    if by != incident.failover_by or not is_person(by):
        yield f"{by!r} did not ask for this, or is not a person"
    for action in strategy.actions:
        weights = action.call.weights if action.call is not None else None
        if region is None or (weights or {}).get(region) != 100:
            yield f"{by} asked for {region}, not for {action.call.describe() if action.call else action.kind}"


def _bad_call(call: Call, tool: str | None, incident: Incident, world: World) -> Iterator[str]:
    """Why a call, or the one that would undo it, is not one that the catalogue and the target's regions allow."""
    known = {facts.region for facts in world.regions}
    if call.tool != tool:
        yield f"{call.tool} is not the tool that the catalogue names, which is {tool}"
    if call.target != incident.target:
        yield f"{call.describe()} is about {call.target!r}, not {incident.target!r}"
    if call.tool == "switch_traffic":
        weights = dict(call.weights or {})
        if set(weights) != known or sum(weights.values()) != 100 or min(weights.values()) < 0:
            yield f"weights {weights} do not give each region of {world.target} its share of 100"
        return
    if call.region not in known:
        yield f"{call.region!r} is not a region of {world.target}"
    if call.tool == "scale_service" and (call.replicas is None or not 1 <= call.replicas <= world.max_replicas):
        yield f"{call.replicas} replicas are outside 1 to {world.max_replicas}"
    if call.tool == "deploy_container" and not call.image:
        yield "no image is named"
    if call.tool == "rollback_revision" and not call.revision:
        yield "no revision is named"


def _bad_destination(call: Call, incident: Incident, world: World) -> Iterator[str]:
    sick = set(incident.regions) - ({incident.failover_to} if incident.manual else set())
    for region, weight in (call.weights or {}).items():
        before = world.region(region).traffic
        gains = before is None or weight > before
        if not gains:
            continue
        if region in sick:
            yield f"{region} shows symptoms itself: users are not moved there"
        elif world.region(region).health == "fail":
            yield f"{region} is not healthy: users are not moved there"


def _doubts(strategy: Strategy, policy: PolicySettings, history: History, catalogue: Catalogue, now: datetime) -> Iterator[str]:
    """Why a person has to decide."""
    confidence = strategy.confidence
    if history.paused:
        yield "automation is paused"
    if strategy.edited_by is not None:
        yield f"{strategy.edited_by} edited it: what a person writes, a person approves"
    if policy.autonomy != "auto":
        yield "policy sends every action to a person"
    if not confidence.value > policy.threshold:
        yield f"confidence {confidence.value:.2f} is not above {policy.threshold:.2f}"
    if not confidence.outcomes >= policy.min_outcomes:
        yield f"only {_rounded_down(confidence.outcomes)} verified outcomes, {policy.min_outcomes:g} are asked for"
    if strategy.blast_radius > policy.max_blast_radius:
        yield f"it touches {strategy.blast_radius:.0%} of users, above {policy.max_blast_radius:.0%}"
    for action in strategy.actions:
        spec = catalogue.action(action.kind)
        if not spec.reversible or (action.call is not None and action.inverse is None and not spec.harmless):
            yield f"{action.kind} can't be taken back"
        yield from _too_often(action, strategy.target, policy, history, now)


def _too_often(action: Action, target: str, policy: PolicySettings, history: History, now: datetime) -> Iterator[str]:
    region = action.call.region if action.call else None
    mine = [p for p in history.performed if p.target == target and p.kind == action.kind and p.region == region]
    recent = [p for p in mine if now - p.at < timedelta(hours=1)]
    if len(recent) >= policy.actions_per_hour:
        yield f"{action.kind} was done {len(recent)} times in the last hour, {policy.actions_per_hour} are allowed"
    if action.call is None or action.call.tool != "switch_traffic":
        return
    moved = [p.at for p in history.performed if p.target == target and p.kind in {"failover_region", "switch_traffic"}]
    if moved and now - max(moved) < timedelta(seconds=policy.hold_down_s):
        yield f"traffic was moved {(now - max(moved)).total_seconds():.0f} s ago, the hold-down is {policy.hold_down_s:.0f} s"


def _grounds(strategy: Strategy, policy: PolicySettings) -> Iterator[str]:
    confidence = strategy.confidence
    yield f"confidence {confidence.value:.2f} is above {policy.threshold:.2f}"
    yield f"{confidence.outcomes:.0f} verified outcomes stand behind it"
    yield "every action can be taken back"
    yield f"it touches {strategy.blast_radius:.0%} of users"


def _rounded_down(outcomes: float) -> str:
    """Old outcomes weigh less: 4.99 of 5 must not read as 5."""
    return f"{int(outcomes * 10) / 10:g}"
