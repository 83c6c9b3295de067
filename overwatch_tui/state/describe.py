"""Events in the words of the timeline: who, what, and how bad it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

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
from agents.facts import Check
from agents.incident import Incident
from agents.sanitize import clean
from overwatch_tui.state.models import Tone
from overwatch_tui.state.words import cleared, plan, symptoms


@dataclass(frozen=True, slots=True)
class Told:
    """One event in words. `decision` marks what the audit lists, with `details` as its reasons."""

    text: str
    tone: Tone
    decision: bool = False
    details: tuple[str, ...] = ()
    who: str = ""
    """Who did it, where that is not the event's source."""


def tell(event: Event, incident: Incident | None) -> Told:
    """What an event says; `incident` is what it is about, as it was before."""
    teller = _TELLERS.get(type(event.data))
    if teller is None:
        return Told(clean(event.type), "plain", who=clean(event.source, 40))
    told = teller(event.data, incident)
    details = tuple(clean(detail, 400) for detail in told.details)
    return Told(clean(told.text, 400), told.tone, told.decision, details, clean(told.who or event.source, 40))


def _opened(data: IncidentOpened, _: Incident | None) -> Told:
    what = symptoms(data.symptoms) or data.title
    return Told(what if not data.manual else data.title, "fail" if not data.manual else "plain")


def _updated(data: IncidentUpdated, _: Incident | None) -> Told:
    if data.anew:
        return Told(f"the plan is made anew: {data.anew}", "warn", decision=True)
    return Told(f"more is seen: {symptoms(data.symptoms) or 'observations'}", "fail")


def _diagnosed(data: IncidentDiagnosed, _: Incident | None) -> Told:
    found = data.diagnosis
    return Told(f"{found.fault_class} {found.evidence:.2f} ({len(found.cites)} cited)", "plain", details=(found.cause,))


def _failover(data: FailoverRequested, _: Incident | None) -> Told:
    return Told(f"asks for {data.target} to be moved to {data.region}", "plain", decision=True, who=data.by)


def _proposed(data: StrategyProposed, _: Incident | None) -> Told:
    strategy = data.strategy
    attempt = f", try {strategy.attempt}" if strategy.attempt > 1 else ""
    return Told(f"{plan(strategy)}  {strategy.confidence.value:.2f}{attempt}", "plain", details=(strategy.rationale,))


def _requested(data: ApprovalRequested, _: Incident | None) -> Told:
    why = "; ".join(data.reasons) or "policy wants one"
    return Told(f"asks a person: {why}", "warn", decision=True)


def _decided(data: ApprovalDecided, incident: Incident | None) -> Told:
    if data.by == "deadline":
        return Told("nobody decided in time", "warn", decision=True)
    why = f": {data.reason}" if data.reason else ""
    verb = "approved" if data.approved else "rejected"
    approval = incident.approval if incident is not None else None
    if data.approved and approval is not None and approval.needs > 1:
        verb += f", {len(approval.given) + 1} of {approval.needs}"
    return Told(f"{verb}{why}", "ok" if data.approved else "warn", decision=True, who=data.by)


def _edited(data: StrategyEdited, incident: Incident | None) -> Told:
    before = incident.strategy if incident is not None else None
    instead = f" instead of {plan(before)}" if before is not None and before.id == data.replaces else ""
    return Told(f"edited the plan: {plan(data.strategy)}{instead}", "warn", decision=True, who=data.by)


def _approved(data: StrategyApproved, _: Incident | None) -> Told:
    return Told(f"approved by {data.by}: {plan(data.strategy)}", "ok", decision=True, details=data.reasons)


def _refused(data: StrategyRefused, incident: Incident | None) -> Told:
    strategy = incident.strategy if incident is not None else None
    what = plan(strategy) if strategy is not None and strategy.id == data.strategy else "the plan"
    return Told(f"refused: {what}: {'; '.join(data.reasons)}", "warn", decision=True, details=data.reasons)


def _finished(data: ActionFinished, _: Incident | None) -> Told:
    tones: dict[str, Tone] = {"succeeded": "ok", "failed": "fail", "refused": "warn", "unknown": "warn"}
    undo = "undo: " if data.undo else ""
    command = (data.command,) if data.command else ()
    return Told(f"{undo}{data.status}: {data.summary}", tones[data.status], decision=True, details=command)


def _passed(data: VerificationPassed, _: Incident | None) -> Told:
    return Told(f"verified from outside: {_checks(data.checks)}", "ok", decision=True, details=_details(data.checks))


def _failed(data: VerificationFailed, _: Incident | None) -> Told:
    return Told(f"not verified: {_checks(data.checks)}", "fail", decision=True, details=_details(data.checks))


def _rolled_back(data: RollbackFinished, _: Incident | None) -> Told:
    tone: Tone = "plain" if data.complete else "fail"
    return Told(f"{'undone' if data.complete else 'not all undone'}: {data.summary}", tone, decision=True)


def _escalated(data: IncidentEscalated, _: Incident | None) -> Told:
    return Told(f"PAGED a person: {data.reason}", "alarm", decision=True)


def _resolved(data: IncidentResolved, incident: Incident | None) -> Told:
    how = "resolved, verified" if data.how == "verified" else f"resolved: {cleared(incident)}"
    return Told(f"{how}{f' ({incident.title})' if incident is not None and incident.title else ''}", "ok", decision=True)


def _closed(data: IncidentClosed, _: Incident | None) -> Told:
    return Told(f"closed, not checked from outside: {data.reason}", "warn", decision=True, who=data.by)


def _pruned(data: JournalPruned, _: Incident | None) -> Told:
    where = f", archived in {data.archive}" if data.archive else ""
    return Told(f"pruned {data.records} records of more than {data.keep_days} days ago{where}", "muted", decision=True)


def _paused(data: AutomationPaused, _: Incident | None) -> Told:
    why = f": {data.reason}" if data.reason else ""
    return Told(f"paused all automation{why}", "warn", decision=True, who=data.by)


def _armed(data: AutomationArmed, _: Incident | None) -> Told:
    return Told("armed automation", "ok", decision=True, who=data.by)


def _checks(checks: Sequence[Check]) -> str:
    failed = [check.name for check in checks if not check.passed]
    return f"{len(checks)} of {len(checks)} checks" if not failed else f"{', '.join(failed)}"


def _details(checks: Sequence[Check]) -> tuple[str, ...]:
    return tuple(f"{'passed' if check.passed else 'FAILED'} {check.name}: {check.detail}" for check in checks)


_TELLERS: dict[type[Payload], Callable[[Any, Incident | None], Told]] = {
    IncidentOpened: _opened,
    IncidentUpdated: _updated,
    IncidentDiagnosed: _diagnosed,
    FailoverRequested: _failover,
    StrategyProposed: _proposed,
    ApprovalRequested: _requested,
    ApprovalDecided: _decided,
    StrategyEdited: _edited,
    StrategyApproved: _approved,
    StrategyRefused: _refused,
    ActionFinished: _finished,
    VerificationPassed: _passed,
    VerificationFailed: _failed,
    RollbackFinished: _rolled_back,
    IncidentEscalated: _escalated,
    IncidentResolved: _resolved,
    IncidentClosed: _closed,
    AutomationPaused: _paused,
    AutomationArmed: _armed,
    JournalPruned: _pruned,
}
