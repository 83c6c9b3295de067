"""A person's word on what waits: decided, edited, or too late. Every function runs inside a transaction of the log.

Nothing here is reachable from the bus: an agent has no way to say what these write (`events.A_PERSON_S_WORD`).
"""

from __future__ import annotations

import hashlib
import logging
from datetime import datetime, timedelta

from pydantic import ValidationError
from sqlalchemy import Connection, select

from agents.durable import log
from agents.durable import schema as s
from agents.durable.errors import ApprovalError
from agents.edits import Edit, EditError, edited
from agents.events import ApprovalDecided, Event, StrategyEdited, is_person, short_id
from agents.facts import Strategy
from agents.incident import Incident
from agents.records import Approval

SKEW = timedelta(seconds=5)
"""So far may a clock be behind the log, as one that is set by the network now and then is."""

DEADLINE = "deadline"

_log = logging.getLogger(__name__)


def decide(
    connection: Connection, id_: str, *, approved: bool, by: str, reason: str, confirm: str, binding: str, now: datetime
) -> tuple[list[Event], Approval]:
    """A person's decision on a request (its own id, or its incident's), and the request as it stands after it.

    `binding` is what they looked at, where they say so. Raises ApprovalError.
    """
    incident, approval = _waiting(connection, id_, by, now)
    if binding and binding != approval.binding:
        raise ApprovalError(f"{approval.id} is another plan than {binding!r}: look again with `overwatch-tui approvals`")
    if approved:
        if (refused := approval.refuses(by, confirm)) is not None:
            raise ApprovalError(f"{approval.id} is not approved: {refused}")
        _refuse_past_times(connection, approval, now)
    typed = confirm if approved and approval.confirm else ""
    said = _decision(incident.id, approval, approved=approved, by=by, at=now, reason=reason, confirm=typed)
    added = log.append(connection, [said])
    after = log.read_incident(connection, incident.id)
    if not added or after is None or after.approval is None:
        raise ApprovalError(f"{approval.id} was not decided: look again with `overwatch-tui approvals`")
    return added, after.approval


def edit(connection: Connection, id_: str, change: Edit, *, by: str, now: datetime) -> tuple[list[Event], Strategy]:
    """A person's edit of the plan that waits, and the new plan, which goes through the gate. Raises ApprovalError."""
    incident, approval = _waiting(connection, id_, by, now)
    plan = incident.strategy
    if plan is None or plan.id != approval.strategy:
        raise ApprovalError(f"{approval.id} has no plan any more: look again with `overwatch-tui approvals`")
    _refuse_past_times(connection, approval, now)
    try:
        new = edited(plan, change, by=by, id_=f"{incident.id}.s{plan.attempt}v{incident.version}")
    except EditError as error:
        raise ApprovalError(f"{approval.id} is not edited: {error}") from error
    said = StrategyEdited(approval=approval.id, replaces=plan.id, strategy=new, by=by)
    event = Event(id=short_id(f"edited:{new.id}"), source=by, incident=incident.id, data=said, time=now)
    return log.append(connection, [event]), new


def expire(connection: Connection, now: datetime) -> list[Event]:
    """Decide what nobody decided in time."""
    rows = connection.execute(select(s.approval).where(s.approval.c.decided.is_(None))).all()
    events = []
    for row in rows:
        if now <= datetime.fromisoformat(row.deadline):
            continue
        try:
            incident = log.read_incident(connection, row.incident)
        except ValidationError:  # one that was changed must not keep the others from running out
            _log.error("%s can't be read, so its request does not run out: overwatch-tui audit verify", row.incident)
            continue
        approval = _open_request(incident, row.id)
        if incident is not None and approval is not None:
            reason = "nobody decided" if not approval.given else f"{len(approval.given)} of {approval.needs} had approved"
            events.append(_decision(incident.id, approval, approved=False, by=DEADLINE, at=now, reason=reason, confirm=""))
    return log.append(connection, events)


def _waiting(connection: Connection, id_: str, by: str, now: datetime) -> tuple[Incident, Approval]:
    """What waits under this name, for a person who is one, in time. Raises ApprovalError."""
    if not is_person(by):
        raise ApprovalError(f"{by!r} is not a person: nothing is decided")
    named = log.read_incident(connection, id_)
    current = named.approval.id if named is not None and named.approval is not None else id_
    asked = (s.approval.c.id == current) | (s.approval.c.incident == id_)
    newest_first = select(s.approval).where(asked).order_by(s.approval.c.id != current, s.approval.c.deadline.desc())
    row = connection.execute(newest_first).first()
    if row is None:
        raise ApprovalError(f"{id_!r} asks for nothing: `overwatch-tui approvals` shows what waits")
    if row.decided is not None:
        raise ApprovalError(f"{row.id} was decided already, by {row.by}")
    if now > datetime.fromisoformat(row.deadline):
        raise ApprovalError(f"{row.id} has expired at {row.deadline}: it is made anew")
    incident = log.read_incident(connection, row.incident)
    approval = _open_request(incident, row.id)
    if incident is None or approval is None:
        raise ApprovalError(f"{row.id} is not waited for any more: {row.incident} moved on")
    return incident, approval


def _open_request(incident: Incident | None, id_: str) -> Approval | None:
    approval = incident.approval if incident is not None and incident.status == "awaiting" else None
    return approval if approval is not None and approval.id == id_ and approval.approved is None else None


def _refuse_past_times(connection: Connection, approval: Approval, now: datetime) -> None:
    """Whether it is in time can't be told by a clock that was set back: what has expired would come back with it."""
    newest = connection.execute(select(s.event.c.time).order_by(s.event.c.seq.desc()).limit(1)).scalar()
    latest = max(approval.requested_at, datetime.fromisoformat(newest) if newest else approval.requested_at)
    if now < latest - SKEW:
        raise ApprovalError(
            f"the clock says {now:%H:%M:%S}, and the log has {latest:%H:%M:%S} already: set the clock right, then decide again"
        )


def _decision(incident: str, approval: Approval, *, approved: bool, by: str, at: datetime, reason: str, confirm: str) -> Event:
    data = ApprovalDecided(
        approval=approval.id,
        strategy=approval.strategy,
        binding=approval.binding,
        approved=approved,
        by=by,
        reason=reason,
        confirm=confirm,
    )
    who = hashlib.sha256(by.encode()).hexdigest()[:12]
    word = "approved" if approved else "rejected"
    return Event(id=short_id(f"{word}:{approval.id}>{who}"), source=by, incident=incident, data=data, time=at)
