"""The event log: appending with the hash chain, folding incidents, and reading back. Every function runs inside a transaction."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from agents.durable import chain
from agents.durable import schema as s
from agents.durable.errors import ConflictError
from agents.events import (
    ApprovalDecided,
    ApprovalRequested,
    AutomationArmed,
    AutomationPaused,
    Event,
    IncidentOpened,
    load_payload,
)
from agents.incident import Incident, evolve
from agents.sanitize import clean

_log = logging.getLogger(__name__)


def append(connection: Connection, events: Iterable[Event], expect: int | None = None) -> list[Event]:
    """Add events, each with what it changes; those that are known already are skipped.

    `expect` is the version of the incident that the events were made on. Raises ConflictError where it moved on, and
    IllegalTransitionError where an event does not fit; the caller's transaction is then rolled back.
    """
    added: list[Event] = []
    expected = {event.incident: expect for event in events if event.incident} if expect is not None else {}
    for event in events:
        if connection.execute(select(s.event.c.seq).where(s.event.c.id == event.id)).first() is not None:
            expected.pop(event.incident, None)
            continue
        after = _fold(connection, event, expected.pop(event.incident, None)) if event.incident else None
        _side_effects(connection, event, after)
        _write(connection, event)
        added.append(event)
    return added


def _fold(connection: Connection, event: Event, expect: int | None) -> Incident:
    before = read_incident(connection, event.incident)
    if expect is not None and (before is None or before.version != expect):
        raise ConflictError(f"{event.incident} is at version {before and before.version}, not {expect}")
    after = evolve(before, event)
    row = {"target": after.target, "status": after.status, "version": after.version, "state": after.model_dump_json()}
    if before is None:
        number = int(event.incident.rpartition("-")[2])
        try:
            connection.execute(insert(s.incident).values(id=after.id, number=number, **row))
        except IntegrityError as error:
            raise ConflictError(f"{after.target} has an unresolved incident already") from error
        return after
    where = (s.incident.c.id == after.id) & (s.incident.c.version == before.version)
    if connection.execute(update(s.incident).where(where).values(row)).rowcount != 1:
        raise ConflictError(f"{after.id} moved on while it was changed")
    return after


def _side_effects(connection: Connection, event: Event, after: Incident | None) -> None:
    match event.data:
        case ApprovalRequested() as asked:
            values = {
                "id": asked.approval,
                "incident": event.incident,
                "binding": asked.binding,
                "deadline": asked.deadline.isoformat(),
            }
            connection.execute(insert(s.approval).values(values))
        case ApprovalDecided() as decided:
            settled = after.approval.approved if after is not None and after.approval is not None else None
            where = (s.approval.c.id == decided.approval) & s.approval.c.decided.is_(None)
            by = decided.by if settled is not None else None  # one of several people alone decides nothing yet
            change = update(s.approval).where(where).values(decided=settled, by=by, at=event.time.isoformat())
            if connection.execute(change).rowcount != 1:
                raise ConflictError(f"{decided.approval} was decided already")
        case AutomationPaused() as paused:
            _automation(connection, paused=True, by=paused.by, reason=paused.reason, at=event.time)
        case AutomationArmed() as armed:
            _automation(connection, paused=False, by=armed.by, reason="", at=event.time)
        case _:
            pass


def _automation(connection: Connection, *, paused: bool, by: str, reason: str, at: datetime) -> None:
    values = {"paused": paused, "by": by, "reason": reason, "at": at.isoformat()}
    if connection.execute(update(s.automation).values(values)).rowcount == 0:
        connection.execute(insert(s.automation).values(id=1, **values))


def _write(connection: Connection, event: Event) -> None:
    row = {
        "id": event.id,
        "type": event.type,
        "source": event.source,
        "incident": event.incident,
        "cause": event.cause,
        "time": event.time.isoformat(),
        "data": event.data_json(),
        "traceparent": event.traceparent,
    }
    before = chain.head(connection)
    mark = chain.Mark(before.seq + 1, chain.chained(before.hash, row))
    connection.execute(insert(s.event).values(seq=mark.seq, **row, prev_hash=before.hash, hash=mark.hash))
    chain.set_head(connection, mark)


def derive(connection: Connection, event: Event, after: Incident | None) -> None:
    """Write what follows from an event beside its incident (requests to a person, automation), as `append` does.

    For whoever compares those rows with the log. `after` is the incident as the event left it. Raises ConflictError.
    """
    _side_effects(connection, event, after)


def read_incident(connection: Connection, id_: str) -> Incident | None:
    """One incident as its last event left it."""
    state = connection.execute(select(s.incident.c.state).where(s.incident.c.id == id_)).scalar()
    return None if state is None else Incident.model_validate_json(state)


def unresolved(connection: Connection, target: str) -> Incident | None:
    """The unresolved incident of a target; there is at most one."""
    where = (s.incident.c.target == target) & (s.incident.c.status != "resolved")
    state = connection.execute(select(s.incident.c.state).where(where)).scalar()
    return None if state is None else Incident.model_validate_json(state)


def incidents(connection: Connection, *, limit: int, unresolved_only: bool, target: str | None) -> list[Incident]:
    """The newest incidents, of all targets or of one."""
    query = select(s.incident.c.state).order_by(s.incident.c.number.desc()).limit(limit)
    if unresolved_only:
        query = query.where(s.incident.c.status != "resolved")
    if target is not None:
        query = query.where(s.incident.c.target == target)
    return [Incident.model_validate_json(state) for state in connection.execute(query).scalars()]


def next_incident(connection: Connection) -> str:
    """The id of the next incident."""
    last = connection.execute(select(func.max(s.incident.c.number))).scalar()
    return f"INC-{(last or 0) + 1}"


def to_event(row: Row[tuple[object, ...]] | chain.Record) -> Event:
    """A stored record as an event."""
    return Event(
        id=row.id,
        source=row.source,
        incident=row.incident,
        data=load_payload(row.type, row.data),
        cause=row.cause,
        time=datetime.fromisoformat(row.time),
        traceparent=row.traceparent,
    )


def newest(connection: Connection) -> int:
    """The number of the newest record; 0 where there is none."""
    return connection.execute(select(s.event.c.seq).order_by(s.event.c.seq.desc())).scalar() or 0


def events_of(connection: Connection, incident: str) -> list[Event]:
    """Everything that was said about one incident."""
    rows = connection.execute(select(s.event).where(s.event.c.incident == incident).order_by(s.event.c.seq))
    return [to_event(row) for row in rows]


def recent(connection: Connection, limit: int) -> list[Event]:
    """The newest events, oldest first."""
    rows = connection.execute(select(s.event).order_by(s.event.c.seq.desc()).limit(limit))
    return [to_event(row) for row in rows][::-1]


def after(connection: Connection, seq: int, limit: int) -> Sequence[tuple[int, Event | None]]:
    """Events behind `seq`, in order; None in the place of one that this version can't read."""
    rows = connection.execute(select(s.event).where(s.event.c.seq > seq).order_by(s.event.c.seq).limit(limit))
    return [(row.seq, readable(row)) for row in rows]


def readable(row: Row[tuple[object, ...]]) -> Event | None:
    """A stored record as an event; None, and a word in the log, where this version can't read it: the others must go on.

    A newer version may write beside a running swarm, and `audit verify` finds what was damaged.
    """
    try:
        return to_event(row)
    except ValueError as error:
        _log.warning("the record %s (%s) can't be read: %s", row.id, row.type, clean(error, 200))
        return None


def opened(data: IncidentOpened, id_: str, source: str, at: datetime, traceparent: str | None) -> Event:
    """The event that opens an incident."""
    return Event(id=f"open:{id_}", source=source, incident=id_, data=data, time=at, traceparent=traceparent)
