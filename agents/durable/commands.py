"""A person's word on an incident as a whole, and on automation. Every function runs inside a transaction of the log.

What waits for a person is decided in `approvals`. Nothing here is reachable from the bus either (`events.A_PERSON_S_WORD`).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from agents.durable import log
from agents.durable import schema as s
from agents.durable.errors import ApprovalError
from agents.events import AutomationArmed, AutomationPaused, Event, FailoverRequested, IncidentClosed, IncidentOpened, is_person
from agents.incident import IllegalTransitionError


def failover(connection: Connection, target: str, region: str, *, by: str, now: datetime) -> list[Event]:
    """A person's wish, on the open incident or on one of its own, which the last event names. Raises ApprovalError."""
    if not is_person(by):
        raise ApprovalError(f"{by!r} is not a person: nothing is moved")
    incident = log.unresolved(connection, target)
    events: list[Event] = []
    id_ = incident.id if incident else log.next_incident(connection)
    if incident is None:
        data = IncidentOpened(target=target, title=f"{by} asks for {region}", symptoms=(), observations=(), manual=True)
        events.append(log.opened(data, id_, by, now, None))
    wish = FailoverRequested(target=target, region=region, by=by)
    events.append(Event(id=f"failover:{id_}:{now.isoformat()}", source=by, incident=id_, data=wish, time=now))
    return log.append(connection, events)


def close(connection: Connection, id_: str, *, by: str, reason: str, gone: bool, now: datetime) -> list[Event]:
    """A person ends an incident; `gone` lets it end while its target is being changed. Raises ApprovalError."""
    if not is_person(by):
        raise ApprovalError(f"{by!r} is not a person: nothing is closed")
    if not reason.strip():
        raise ApprovalError(f"no reason to close {id_} was given: say why, it is kept")
    closed = IncidentClosed(by=by, reason=reason, gone=gone)
    event = Event(id=f"closed:{id_}", source=by, incident=id_, data=closed, time=now)
    incident = log.read_incident(connection, id_)
    if incident is None:
        raise ApprovalError(f"{id_!r} is not an incident here: `overwatch-tui incidents list` shows them")
    if incident.status == "resolved":
        raise ApprovalError(f"{id_} is over already ({incident.resolved_how}): nothing was changed")
    under_way = (s.intent.c.incident == id_) & (s.intent.c.status == "started")
    operation = connection.execute(select(s.intent.c.operation).where(under_way)).scalar()
    if operation is not None and not gone:
        raise ApprovalError(f"{operation} of {id_} is under way, and nobody knows yet how it ends: close it after that")
    try:
        return log.append(connection, [event])
    except IllegalTransitionError as error:
        raise ApprovalError(str(error)) from error


def pause(connection: Connection, *, by: str, reason: str, now: datetime) -> list[Event]:
    """Stop all automation; nobody is refused that."""
    said = AutomationPaused(by=by, reason=reason)
    return log.append(connection, [Event(id=f"pause:{now.isoformat()}", source=by, data=said, time=now)])


def rearm(connection: Connection, *, by: str, now: datetime) -> list[Event]:
    """Let automation act again. Raises ApprovalError."""
    if not is_person(by):
        raise ApprovalError(f"{by!r} is not a person: automation stays as it is")
    said = AutomationArmed(by=by)
    return log.append(connection, [Event(id=f"arm:{now.isoformat()}", source=by, data=said, time=now)])
