"""When what happened: the moments of an incident, and what its users saw, from its events and from what was measured.

Pure: everything comes from the file of the incident.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.durable.casefile import CaseFile
from agents.events import (
    ActionFinished,
    ApprovalDecided,
    ApprovalRequested,
    Event,
    IncidentDiagnosed,
    IncidentEscalated,
    StrategyApproved,
    StrategyEdited,
    VerificationPassed,
)
from agents.telemetry import RegionSample, UsersSample

SAME_TROUBLE = timedelta(seconds=10)
"""Bad looks with less than this between them are of one trouble."""

SERVED = 0.01
"""Below this share of failed requests, 0 to 1, users are served."""

QUIET_MS = 250.0
"""A latency below this is not what users suffer from."""


@dataclass(frozen=True, slots=True)
class Users:
    """What users saw. `healed` is the first good look after which none failed; None where they never failed, or fail still.

    `worst_errors` is a share in 0..1, `worst_p95_ms` in milliseconds.
    """

    looks: int
    failed: datetime | None
    healed: datetime | None
    worst_errors: float | None
    worst_p95_ms: float | None


@dataclass(frozen=True, slots=True)
class Moments:
    """The moments of an incident; None where there was none. `waited` is how long a person was waited for, in all.

    `decided`, `acted` and `verified` are those of the plan that counted: the newest one that touched something.
    """

    began: datetime
    opened: datetime
    diagnosed: datetime | None
    asked: datetime | None
    decided: datetime | None
    acted: datetime | None
    verified: datetime | None
    paged: datetime | None
    ended: datetime | None
    waited: timedelta
    users: Users

    @property
    def marks(self) -> tuple[tuple[str, datetime], ...]:
        """The moments that a plot names, in the order of time."""
        named = (
            ("opened", self.opened),
            ("asked", self.asked),
            ("decided", self.decided),
            ("acted", self.acted),
            ("paged", self.paged),
            ("verified", self.verified),
            ("resolved", self.ended if self.verified is None else None),
        )
        return tuple(sorted(((name, at) for name, at in named if at is not None), key=lambda mark: mark[1]))


def moments(case: CaseFile) -> Moments:
    """When what happened."""
    incident, events = case.incident, case.events
    looks = [item for item in case.samples.items if isinstance(item, RegionSample | UsersSample)]
    began = _began(case, looks)
    touching = [e for e in events if isinstance(e.data, StrategyApproved) and any(a.call for a in e.data.strategy.actions)]
    counted = touching[-1] if touching else None
    strategy = counted.data.strategy.id if counted is not None and isinstance(counted.data, StrategyApproved) else None
    return Moments(
        began=began,
        opened=incident.opened_at,
        diagnosed=_first(events, IncidentDiagnosed),
        asked=max(
            (e.time for e in events if isinstance(e.data, ApprovalRequested) and e.data.strategy == strategy), default=None
        ),
        decided=counted.time if counted is not None else None,
        acted=max((e.time for e in events if _done(e, strategy)), default=None),
        verified=max((e.time for e in events if isinstance(e.data, VerificationPassed)), default=None),
        paged=_first(events, IncidentEscalated),
        ended=incident.resolved_at,
        waited=_waited(events),
        users=_users([look for look in looks if isinstance(look, UsersSample)], began, incident.resolved_at),
    )


def _asked(event: Event, strategy: str | None) -> bool:
    return isinstance(event.data, ApprovalRequested) and strategy in {None, event.data.strategy}


def _done(event: Event, strategy: str | None) -> bool:
    data = event.data
    return isinstance(data, ActionFinished) and not data.undo and data.strategy == strategy


def _first(events: Sequence[Event], kind: type) -> datetime | None:
    return next((event.time for event in events if isinstance(event.data, kind)), None)


def _began(case: CaseFile, looks: Iterable[RegionSample | UsersSample]) -> datetime:
    """The start of the trouble: that of the first symptom, or the first of the bad looks that led to the opening."""
    incident = case.incident
    began = min([incident.opened_at, *(symptom.since for symptom in incident.symptoms)])
    sick = frozenset(incident.regions)
    bad = [look.at for look in looks if look.state == "fail" and (isinstance(look, UsersSample) or look.region in sick)]
    for at in sorted((at for at in bad if at <= incident.opened_at), reverse=True):
        if began - at > SAME_TROUBLE:
            break
        began = min(began, at)
    return began


def _users(looks: Sequence[UsersSample], began: datetime, ended: datetime | None) -> Users:
    calm = max((look.p95_ms for look in looks if look.at < began and look.p95_ms is not None), default=0.0)
    window = [look for look in looks if look.at >= began and (ended is None or look.at <= ended)]
    failed = [n for n, look in enumerate(window) if _failing(look, max(QUIET_MS, 2 * calm))]
    if not failed:
        return Users(len(window), None, None, None, None)
    after = [look for look in looks if look.at > window[failed[-1]].at]
    return Users(
        looks=len(window),
        failed=window[failed[0]].at,
        healed=after[0].at if after else None,
        worst_errors=max((look.error_rate for look in window if look.error_rate is not None), default=None),
        worst_p95_ms=max((look.p95_ms for look in window if look.p95_ms is not None), default=None),
    )


def _failing(look: UsersSample, slow_ms: float) -> bool:
    """Whether users failed at this look. Sentry's state stays `fail` until it has seen enough good looks in a row."""
    measured = look.error_rate is not None and look.p95_ms is not None
    served = measured and (look.error_rate or 0) < SERVED and (look.p95_ms or 0) <= slow_ms
    return look.state == "fail" and not served


def _waited(events: Sequence[Event]) -> timedelta:
    asked: dict[str, datetime] = {}
    waited = timedelta()
    for event in events:
        match event.data:
            case ApprovalRequested() as request:
                asked.setdefault(request.approval, event.time)
            case ApprovalDecided() | StrategyEdited() as decision if decision.approval in asked:
                waited += event.time - asked.pop(decision.approval)
    return waited
