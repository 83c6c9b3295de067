"""Plans, symptoms and confidences in words, for every pane that shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.facts import Action, Confidence, Strategy, Symptom
    from agents.incident import Incident

_SYMPTOMS = {
    "unreachable": "unreachable",
    "health_fail": "health fails",
    "latency": "latency",
    "errors": "errors",
    "replicas_missing": "replicas missing",
    "users_failing": "failing",
}


def symptoms(found: Sequence[Symptom]) -> str:
    """Where and what, such as `east: latency, errors`."""
    where: dict[str, list[str]] = {}
    for symptom in found:
        kinds = where.setdefault(symptom.region or "users", [])
        word = _SYMPTOMS.get(symptom.kind, symptom.kind)
        if word not in kinds:
            kinds.append(word)
    return "; ".join(f"{region}: {', '.join(kinds)}" for region, kinds in where.items())


def action(step: Action) -> str:
    """A step in short, such as `failover_region → west`."""
    call = step.call
    if call is None:
        return step.kind
    if call.weights is not None:
        return f"{step.kind} → {', '.join(r for r, w in sorted(call.weights.items()) if w > 0) or 'nobody'}"
    extra = "" if call.replicas is None else f" to {call.replicas} replicas"
    extra += "" if call.image is None else f" {call.image}"
    return f"{step.kind} {call.region or call.target}{extra}"


def plan(strategy: Strategy) -> str:
    """All steps in one line."""
    return " + ".join(action(step) for step in strategy.actions)


def call_line(step: Action) -> str:
    """What a step calls, with what it changes from where that is known: `switch_traffic east 100→0, west 0→100`."""
    call = step.call
    if call is None:
        return step.kind
    before = step.inverse.weights if step.inverse is not None else None
    if call.weights is None or before is None:
        return call.describe()
    moved = (f"{r} {before[r]}→{w}" if r in before and before[r] != w else f"{r} {w}" for r, w in sorted(call.weights.items()))
    return f"{call.tool} {', '.join(moved)}"


def undo_line(strategy: Strategy) -> str:
    """How the plan is taken back."""
    parts = []
    for step in strategy.actions:
        if step.inverse is not None:
            parts.append(step.inverse.describe())
        elif step.call is not None and not step.harmless:
            parts.append(f"{step.kind} can't be undone")
    return " + ".join(reversed(parts)) or "nothing to undo"


def confidence(value: Confidence) -> str:
    """The number, and the three that it is the least of."""
    word = "" if value.word is None else f", model {value.word:.2f}"
    return f"{value.value:.2f} = min(record {value.track_record:.2f}, evidence {value.evidence:.2f}{word})"


def outcomes(number: float) -> str:
    """How many verified outcomes stand behind something, such as `1 verified outcome stands`."""
    said = f"{number:.0f}"
    return f"{said} verified outcome stands" if said == "1" else f"{said} verified outcomes stand"


def given(people: Sequence[str], needs: int) -> str:
    """How far an approval is that needs several people; empty where one is enough."""
    if needs < 2:
        return ""
    if not people:
        return f"needs {needs} people"
    left = needs - len(people)
    waits = "" if left <= 0 else f"; waits for {'another person' if left == 1 else f'{left} more people'}"
    return f"{len(people)} of {needs} approved, by {' and '.join(people)}{waits}"


def gone(incident: Incident | None, approval: str) -> str:
    """Why a request that was there waits no longer, such as `the request was approved by ada meanwhile`."""
    if incident is None:
        return "the incident is no longer kept here"
    asked, plan = incident.approval, incident.strategy
    if asked is not None and asked.id == approval and asked.approved is not None:
        if asked.by == "deadline":
            return "the request has expired"
        who = " and ".join(asked.people) or asked.by if asked.approved else asked.by
        return f"the request was {'approved' if asked.approved else 'rejected'} by {who} meanwhile"
    if incident.status == "resolved":
        return "the incident is over"
    if incident.status == "escalated":
        return "the swarm has called a person instead"
    if asked is not None and asked.id == approval and incident.decided_by is not None:
        return f"the plan was {'refused' if incident.status == 'retry' else 'decided on'} by {incident.decided_by} meanwhile"
    if plan is not None and plan.edited_by is not None:
        return f"the plan was changed by {plan.edited_by} meanwhile"
    return "what it rests on has changed, and the plan is made anew"


def cleared(incident: Incident | None) -> str:
    """How an incident ended without a remedy: one that only a person's wish opened had no symptoms that could go away."""
    return "the symptoms went away" if incident is None or incident.symptoms else "no symptom is seen"


def blast_radius(share: float) -> str:
    """How many users a plan touches."""
    if share >= 0.995:
        return "all users"
    return "no users" if share <= 0 else f"{max(1, round(share * 100))} % of users"
