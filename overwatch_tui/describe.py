"""Plain words for each event, on one line, and for an incident as a whole: what the log and `incidents show` print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import singledispatch

from agents.events import (
    ActionFinished,
    ApprovalDecided,
    ApprovalRequested,
    AutomationArmed,
    AutomationPaused,
    Event,
    FailoverRequested,
    IncidentClosed,
    IncidentDiagnosed,
    IncidentEscalated,
    IncidentOpened,
    IncidentResolved,
    IncidentUpdated,
    JournalPruned,
    Payload,
    RollbackFinished,
    StrategyApproved,
    StrategyEdited,
    StrategyProposed,
    StrategyRefused,
    VerificationFailed,
    VerificationPassed,
)
from agents.facts import Check, Strategy
from agents.incident import Incident
from overwatch_tui.state.words import given


def describe(event: Event) -> str:
    """The event in words, on one line, without its time, source and incident."""
    return _say(event.data)


def checks_in_words(checks: tuple[Check, ...]) -> str:
    """The checks of a verification, the failed ones first."""
    failed = [f"{c.name}: {c.detail}" for c in checks if not c.passed]
    return "; ".join(failed) if failed else f"{len(checks)} checks passed"


def story(incident: Incident, events: Sequence[Event]) -> Iterator[str]:
    """One incident as lines: what was said and done, what it rests on, the commands behind it, and what waits for a person."""
    yield f"{incident.id}  {incident.target}: {incident.title}  [{incident.status}]"
    for event in events:
        yield f"{event.time:%H:%M:%S}  {event.source:<18} {describe(event)}"
    cited = incident.diagnosis.cites if incident.diagnosis else ()
    measured = [o for o in incident.observations if o.id in cited]
    if measured:
        yield ""
        yield "measured"
        yield from (f"  {o.text}" for o in measured)
    if any(step.command for step in incident.steps):
        yield ""
        yield "carried out"
        yield from (f"  {step.operation}  {step.status}  {step.command}" for step in incident.steps if step.command)
    yield from _waiting(incident)


def _waiting(incident: Incident) -> Iterator[str]:
    approval, plan = incident.approval, incident.strategy
    if incident.status != "awaiting" or plan is None or approval is None or approval.approved is not None:
        return
    undo = [action.inverse.describe() for action in reversed(plan.actions) if action.inverse]
    yield ""
    yield f"waits for a person until {approval.deadline:%H:%M:%S}Z"
    yield f"  would        {calls(plan)}"
    yield f"  undo         {' then '.join(undo) or 'nothing to undo'}"
    for person, at in zip(approval.given, approval.given_at, strict=False):
        yield f"  approved     {person} at {at:%H:%M:%S}Z"
    if approval.needs > 1:
        yield f"  people       {given(approval.people, approval.needs)}"
    if approval.approvers:
        yield f"  may approve  {', '.join(approval.approvers)}"
    yield f"  to decide    overwatch-tui approve {approval.id}" + (f" --confirm {approval.confirm}" if approval.confirm else "")
    yield f'               overwatch-tui reject {approval.id} --reason "…"'


def calls(plan: Strategy) -> str:
    """What a plan would do, in order."""
    return " then ".join(a.call.describe() if a.call else a.kind.replace("_", " ") for a in plan.actions)


@singledispatch
def _say(data: Payload) -> str:
    return data.TYPE


@_say.register
def _(data: IncidentOpened) -> str:
    return data.title


@_say.register
def _(data: IncidentUpdated) -> str:
    if data.anew:
        return f"the plan is made anew: {data.anew}"
    kinds = sorted({f"{s.region or 'users'} {s.kind.replace('_', ' ')}" for s in data.symptoms})
    return "now " + ", ".join(kinds)


@_say.register
def _(data: IncidentDiagnosed) -> str:
    d = data.diagnosis
    return f"{d.fault_class} {d.evidence:.2f} ({len(d.cites)} cited): {d.cause}"


@_say.register
def _(data: FailoverRequested) -> str:
    return f"{data.by} asks for {data.region}"


@_say.register
def _(data: StrategyProposed) -> str:
    s = data.strategy
    touches = any(action.call for action in s.actions)
    return f"{calls(s)}  {s.confidence.value:.2f}" if touches else calls(s)


@_say.register
def _(data: ApprovalRequested) -> str:
    return f"asks a person: {'; '.join(data.reasons)}"


@_say.register
def _(data: ApprovalDecided) -> str:
    words = "approved" if data.approved else "rejected"
    return f"{data.by} {words}" + (f": {data.reason}" if data.reason else "")


@_say.register
def _(data: StrategyEdited) -> str:
    return f"{data.by} edited the plan: {calls(data.strategy)}"


@_say.register
def _(data: StrategyApproved) -> str:
    return f"approved by {data.by}"


@_say.register
def _(data: StrategyRefused) -> str:
    return f"refused: {'; '.join(data.reasons)}"


@_say.register
def _(data: ActionFinished) -> str:
    return f"{'undo ' if data.undo else ''}{data.status}: {data.summary}"


@_say.register
def _(data: VerificationPassed) -> str:
    return f"verified from outside: {checks_in_words(data.checks)}"


@_say.register
def _(data: VerificationFailed) -> str:
    return f"did not help: {checks_in_words(data.checks)}"


@_say.register
def _(data: RollbackFinished) -> str:
    return data.summary


@_say.register
def _(data: IncidentEscalated) -> str:
    return f"PAGES A PERSON: {data.reason}"


@_say.register
def _(data: IncidentResolved) -> str:
    return "resolved, verified from outside" if data.how == "verified" else "resolved: the symptoms are gone"


@_say.register
def _(data: IncidentClosed) -> str:
    return f"CLOSED by {data.by}, not checked from outside: {data.reason}"


@_say.register
def _(data: JournalPruned) -> str:
    where = f", archived in {data.archive}" if data.archive else ""
    return f"{data.records} records of more than {data.keep_days} days ago were pruned, up to {data.upto}{where}"


@_say.register
def _(data: AutomationPaused) -> str:
    return f"automation paused by {data.by}" + (f": {data.reason}" if data.reason else "")


@_say.register
def _(data: AutomationArmed) -> str:
    return f"automation armed by {data.by}"
