"""The life of an incident, as a pure fold over its events.

`evolve(incident, event)` is the only way an incident changes. It refuses a transition that makes no sense, so that an agent
which acts on an outdated picture is stopped when its outcome is committed, whatever it thinks.

    open → diagnosed → proposed ⇄ [awaiting] → acting → verifying → verified → resolved
      ↑        ↑          │                      │          │
      └ updated└── retry ←┴──── undoing ←────────┴──────────┘        anything but resolved → escalated → resolved (cleared)

A person may close what nobody is changing, without a look from outside: it is marked as theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal, TypeVar, cast

from pydantic import AwareDatetime

from agents.events import (
    ActionFinished,
    ApprovalDecided,
    ApprovalRequested,
    Event,
    FailoverRequested,
    IncidentClosed,
    IncidentDiagnosed,
    IncidentEscalated,
    IncidentOpened,
    IncidentResolved,
    IncidentUpdated,
    Payload,
    RollbackFinished,
    StrategyApproved,
    StrategyEdited,
    StrategyProposed,
    StrategyRefused,
    VerificationFailed,
    VerificationPassed,
)
from agents.facts import ActionStatus, Check, Diagnosis, Frozen, Name, Observation, Strategy, Symptom, Text
from agents.records import Approval, Step, Tried

Status = Literal[
    "open",
    "diagnosed",
    "proposed",
    "awaiting",
    "watching",
    "acting",
    "verifying",
    "verified",
    "undoing",
    "retry",
    "escalated",
    "resolved",
]

UNDECIDED: frozenset[Status] = frozenset({"open", "diagnosed", "proposed", "awaiting", "watching", "retry"})
"""Nothing has been touched yet, or everything has been taken back."""

BUSY: frozenset[Status] = frozenset({"acting", "verifying", "verified", "undoing"})
"""Infrastructure is being changed or judged; nobody else may act on the target."""

TOUCHED: frozenset[ActionStatus] = frozenset({"succeeded", "failed"})
"""How a step ends that has changed something, or may have: a change of traffic can fail half-way."""


class IllegalTransitionError(ValueError):
    """The event does not fit the incident's state; whoever emitted it saw an older one."""


class Incident(Frozen):
    """The current state; `version` counts its events."""

    id: str
    target: Name
    title: Text
    status: Status
    version: int
    opened_at: AwareDatetime
    updated_at: AwareDatetime
    manual: bool = False
    symptoms: tuple[Symptom, ...] = ()
    observations: tuple[Observation, ...] = ()
    diagnosis: Diagnosis | None = None
    diagnosed_at: AwareDatetime | None = None
    failover_to: Name | None = None
    failover_by: str | None = None
    strategy: Strategy | None = None
    proposed_version: int = 0
    """The version at which the current strategy was proposed: part of what an approval is bound to."""
    approval: Approval | None = None
    decided_by: str | None = None
    decided_at: AwareDatetime | None = None
    reasons: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    tried: tuple[Tried, ...] = ()
    checks: tuple[Check, ...] = ()
    escalation: Text = ""
    resolved_at: AwareDatetime | None = None
    resolved_how: Literal["verified", "cleared", "closed"] | None = None
    """`closed` is a person's word, and no look from outside stands behind it."""
    closed_by: str | None = None
    closed_because: Text = ""

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that show symptoms, sorted."""
        return tuple(sorted({s.region for s in self.symptoms if s.region is not None}))

    @property
    def attempt(self) -> int:
        """The number of the next strategy, from 1."""
        return len(self.tried) + 1

    def steps_of(self, strategy: str, *, undo: bool = False) -> tuple[Step, ...]:
        """The finished steps of one strategy, in the order in which they ended."""
        return tuple(s for s in self.steps if s.strategy == strategy and s.undo is undo)


def evolve(incident: Incident | None, event: Event) -> Incident:
    """The incident after `event`. Raises IllegalTransitionError where the event does not fit."""
    data = event.data
    if isinstance(data, IncidentOpened):
        if incident is not None:
            raise IllegalTransitionError(f"{event.incident!r} is open already; {event.id!r} would open it again")
        return _opened(event, data)
    if incident is None:
        raise IllegalTransitionError(f"{event.type!r} for {event.incident!r}, which was never opened")
    step = _TRANSITIONS.get(type(data))
    if step is None:
        raise IllegalTransitionError(f"{event.type!r} does not belong to an incident")
    allowed, change = step
    if incident.status not in allowed:
        raise IllegalTransitionError(f"{event.type!r} does not fit {incident.id} while it is {incident.status!r}")
    changes = change(incident, data, event.time)
    return incident.model_copy(update={**changes, "version": incident.version + 1, "updated_at": event.time})


def _opened(event: Event, data: IncidentOpened) -> Incident:
    return Incident(
        id=event.incident,
        target=data.target,
        title=data.title,
        status="open",
        version=1,
        opened_at=event.time,
        updated_at=event.time,
        manual=data.manual,
        symptoms=data.symptoms,
        observations=data.observations,
    )


_Changes = dict[str, Any]
_P = TypeVar("_P", bound=Payload)


def _updated(incident: Incident, data: IncidentUpdated, _at: datetime) -> _Changes:
    changes: _Changes = {"symptoms": data.symptoms, "observations": data.observations}
    if incident.status != "escalated":
        changes |= {"status": "open", "strategy": None, "approval": None}
    return changes


def _diagnosed(_: Incident, data: IncidentDiagnosed, at: datetime) -> _Changes:
    return {"status": "diagnosed", "diagnosis": data.diagnosis, "diagnosed_at": at}


def _failover(incident: Incident, data: FailoverRequested, _at: datetime) -> _Changes:
    changes: _Changes = {"failover_to": data.region, "failover_by": data.by, "strategy": None, "approval": None}
    left = incident.strategy
    if left is not None and any(step.strategy == left.id for step in incident.steps):
        changes["tried"] = (*incident.tried, Tried(strategy=left, result=f"left: {data.by} asked for {data.region}"))
    return {"status": "diagnosed", **changes}


def _proposed(incident: Incident, data: StrategyProposed, _at: datetime) -> _Changes:
    return {"status": "proposed", "strategy": data.strategy, "proposed_version": incident.version + 1, "approval": None}


def _requested(incident: Incident, data: ApprovalRequested, at: datetime) -> _Changes:
    _same_strategy(incident, data.strategy)
    approval = Approval(
        id=data.approval,
        strategy=data.strategy,
        binding=data.binding,
        reasons=data.reasons,
        deadline=data.deadline,
        requested_at=at,
        needs=data.needs,
        approvers=data.approvers,
        confirm=data.confirm,
    )
    return {"status": "awaiting", "approval": approval}


def _decided(incident: Incident, data: ApprovalDecided, at: datetime) -> _Changes:
    approval = incident.approval
    if approval is None or approval.id != data.approval or approval.binding != data.binding:
        raise IllegalTransitionError(f"{data.approval!r} is not what {incident.id} waits for: ask again")
    if approval.approved is not None:
        raise IllegalTransitionError(f"{data.approval!r} was decided already, by {approval.by!r}")
    if not data.approved:
        return {"approval": approval.model_copy(update={"approved": False, "by": data.by, "reason": data.reason})}
    if (refused := approval.refuses(data.by, data.confirm)) is not None:
        raise IllegalTransitionError(f"{data.approval!r} can't be approved so: {refused}")
    given = (*approval.given, data.by)
    said: _Changes = {"given": given, "given_at": (*approval.given_at, at)}
    if len(given) >= approval.needs:
        said |= {"approved": True, "by": data.by, "reason": data.reason}
    return {"approval": approval.model_copy(update=said)}


def _edited(incident: Incident, data: StrategyEdited, _at: datetime) -> _Changes:
    left, approval, plan = _same_strategy(incident, data.replaces), incident.approval, data.strategy
    if approval is None or approval.id != data.approval or approval.approved is not None:
        raise IllegalTransitionError(f"{data.approval!r} is not what {incident.id} waits for: look again")
    if plan.id == left.id or plan.edited_by != data.by or plan.requested_by is not None:
        raise IllegalTransitionError(f"{plan.id!r} is not an edited {left.id!r} of {data.by!r}")
    if (plan.target, plan.fault_class, plan.attempt) != (left.target, left.fault_class, left.attempt):
        raise IllegalTransitionError(f"{plan.id!r} is about something else than {left.id!r}")
    return {"status": "proposed", "strategy": plan, "proposed_version": incident.version + 1, "approval": None}


def _approved(incident: Incident, data: StrategyApproved, at: datetime) -> _Changes:
    if data.strategy != incident.strategy:
        raise IllegalTransitionError(f"the approved strategy {data.strategy.id!r} is not the one that {incident.id} proposes")
    touches = any(action.call is not None for action in data.strategy.actions)
    status = "acting" if touches else "watching"
    return {"status": status, "decided_by": data.by, "decided_at": at, "reasons": data.reasons}


def _refused(incident: Incident, data: StrategyRefused, at: datetime) -> _Changes:
    strategy = _same_strategy(incident, data.strategy)
    tried = (*incident.tried, Tried(strategy=strategy, result=f"refused: {'; '.join(data.reasons)}"[:2_000]))
    if strategy.edited_by is not None and data.by == "policy":
        tried = incident.tried  # the swarm's own plan is still to be tried
    return {
        "status": "retry",
        "decided_by": data.by,
        "decided_at": at,
        "reasons": data.reasons,
        "tried": tried,
    }


def _finished(incident: Incident, data: ActionFinished, at: datetime) -> _Changes:
    strategy = _same_strategy(incident, data.strategy)
    if incident.status != "escalated" and data.undo is not (incident.status == "undoing"):
        raise IllegalTransitionError(
            f"step {data.step} of {data.strategy!r} does not fit {incident.id} while {incident.status!r}"
        )
    _must_be_next(incident, strategy, data)
    step = Step(
        strategy=data.strategy,
        step=data.step,
        operation=data.operation,
        status=data.status,
        summary=data.summary,
        command=data.command,
        undo=data.undo,
        executor=data.executor,
        at=at,
        anew=data.anew,
    )
    changes: _Changes = {"steps": (*incident.steps, step)}
    if incident.status == "escalated":
        return changes
    if not data.undo and data.status == "succeeded" and data.step == len(strategy.actions) - 1:
        changes["status"] = "verifying"
    elif not data.undo and data.status in {"failed", "refused"}:
        changes["status"] = "undoing"
    return changes


def _must_be_next(incident: Incident, strategy: Strategy, data: ActionFinished) -> None:
    """Each step ends once, in order; and only what was done, or may have been, is undone."""
    reported = {s.step for s in incident.steps_of(data.strategy, undo=data.undo)}
    if data.undo:
        fits = data.step in {s.step for s in incident.steps_of(data.strategy) if s.status in TOUCHED}
    else:
        done = [s for s in incident.steps_of(data.strategy) if s.status == "succeeded"]
        fits = data.step == len(done) < len(strategy.actions)
    if not fits or data.step in reported:
        what = "the undoing of step" if data.undo else "step"
        raise IllegalTransitionError(f"{what} {data.step} of {data.strategy!r} is not what {incident.id} waits for")


def _passed(incident: Incident, data: VerificationPassed, _at: datetime) -> _Changes:
    _same_strategy(incident, data.strategy)
    return {"status": "verified", "checks": data.checks}


def _failed(incident: Incident, data: VerificationFailed, _at: datetime) -> _Changes:
    _same_strategy(incident, data.strategy)
    return {"status": "undoing", "checks": data.checks}


def _rolled_back(incident: Incident, data: RollbackFinished, _at: datetime) -> _Changes:
    strategy = _same_strategy(incident, data.strategy)
    steps = incident.steps_of(strategy.id)
    anew = bool(steps) and all(step.status == "refused" and step.anew for step in steps)
    return {"status": "retry", "tried": (*incident.tried, Tried(strategy=strategy, result=data.summary, anew=anew))}


def _escalated(_: Incident, data: IncidentEscalated, _at: datetime) -> _Changes:
    return {"status": "escalated", "escalation": data.reason}


def _resolved(incident: Incident, data: IncidentResolved, at: datetime) -> _Changes:
    if data.how == "verified" and incident.status != "verified":
        raise IllegalTransitionError(f"{incident.id} is {incident.status!r}, not verified: it can't be closed as verified")
    return {"status": "resolved", "resolved_at": at, "resolved_how": data.how, "checks": data.checks or incident.checks}


def _closed(incident: Incident, data: IncidentClosed, at: datetime) -> _Changes:
    if incident.status in BUSY and not data.gone:
        raise IllegalTransitionError(
            f"{incident.id} is {incident.status!r}: its target is being changed, and it can't be closed before that ends"
        )
    return {
        "status": "resolved",
        "resolved_at": at,
        "resolved_how": "closed",
        "closed_by": data.by,
        "closed_because": data.reason,
    }


def _same_strategy(incident: Incident, strategy: str) -> Strategy:
    if incident.strategy is None or incident.strategy.id != strategy:
        current = incident.strategy.id if incident.strategy else None
        raise IllegalTransitionError(f"{strategy!r} is not the strategy of {incident.id}, which is {current!r}")
    return incident.strategy


_Change = Callable[[Incident, Any, datetime], _Changes]
_ESCALATED: frozenset[Status] = frozenset({"escalated"})
_UNRESOLVED = UNDECIDED | BUSY | _ESCALATED


def _on(payload: type[_P], allowed: frozenset[Status] | set[Status], change: Callable[[Incident, _P, datetime], _Changes]) -> Any:
    return payload, (frozenset(allowed), cast("_Change", change))


_TRANSITIONS: dict[type[Payload], tuple[frozenset[Status], _Change]] = dict(
    (
        _on(IncidentUpdated, UNDECIDED | {"escalated"}, _updated),
        _on(IncidentDiagnosed, {"open"}, _diagnosed),
        _on(FailoverRequested, UNDECIDED | {"escalated"}, _failover),
        _on(StrategyProposed, {"diagnosed", "retry"}, _proposed),
        _on(ApprovalRequested, {"proposed"}, _requested),
        _on(ApprovalDecided, {"awaiting"}, _decided),
        _on(StrategyEdited, {"awaiting"}, _edited),
        _on(StrategyApproved, {"proposed", "awaiting"}, _approved),
        _on(StrategyRefused, {"proposed", "awaiting"}, _refused),
        _on(ActionFinished, {"acting", "undoing", "escalated"}, _finished),
        _on(VerificationPassed, {"verifying"}, _passed),
        _on(VerificationFailed, {"verifying"}, _failed),
        _on(RollbackFinished, {"undoing"}, _rolled_back),
        _on(IncidentEscalated, _UNRESOLVED, _escalated),
        _on(IncidentResolved, UNDECIDED | {"verified", "escalated"}, _resolved),
        _on(IncidentClosed, _UNRESOLVED, _closed),
    )
)
