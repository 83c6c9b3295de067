"""Everything that the database has about one incident, read in one transaction: for reports and recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Row, select

from agents.durable import log, samples
from agents.durable import schema as s
from agents.durable.errors import DurableError
from agents.events import AutomationArmed, AutomationPaused, Event
from agents.incident import Incident

BEFORE = timedelta(seconds=120)
AFTER = timedelta(seconds=75)
"""How much of what was measured before the incident began, and after its newest event, belongs to it."""

STILL_OPEN = timedelta(days=365)

FIELDS = ("id", "type", "source", "incident", "cause", "time", "data", "traceparent")
"""What a record's hash is computed over."""


class BrokenCaseError(DurableError):
    """The database has an incident whose records it has not: somebody else than the swarm took them away."""


@dataclass(frozen=True, slots=True)
class Record:
    """One event with its place in the chain. `row` is what was hashed."""

    seq: int
    event: Event
    prev_hash: str
    hash: str
    row: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Intent:
    """What was written down before a call: what it would do, what undoes it, and how things stood, as JSON."""

    operation: str
    tool: str
    arguments: str
    inverse: str | None
    state_before: str
    status: str
    summary: str
    command: str
    started: str
    finished: str | None


@dataclass(frozen=True, slots=True)
class CaseFile:
    """One incident. `switches` are what was said about automation meanwhile; `head` is the chain's newest number and hash."""

    incident: Incident
    records: tuple[Record, ...]
    switches: tuple[Record, ...]
    intents: tuple[Intent, ...]
    samples: samples.Samples
    head: tuple[int, str]

    @property
    def events(self) -> tuple[Event, ...]:
        """What was said about the incident, oldest first."""
        return tuple(record.event for record in self.records)


def read(connection: Connection, id_: str) -> CaseFile | None:
    """The file of an incident; None where there is no such one. Raises BrokenCaseError where its records were taken away."""
    incident = log.read_incident(connection, id_)
    if incident is None:
        return None
    e = s.event.c
    records = _records(connection.execute(select(s.event).where(e.incident == id_).order_by(e.seq)).all())
    if not records:
        raise BrokenCaseError(
            f"{id_!r} has no records in the journal any more: `overwatch-tui audit verify` says what was changed"
        )
    since, until = _window(incident)
    kinds = (AutomationPaused.TYPE, AutomationArmed.TYPE)
    between = select(s.event).where(e.type.in_(kinds), e.seq.between(records[0].seq, records[-1].seq)).order_by(e.seq)
    intents = connection.execute(select(s.intent).where(s.intent.c.incident == id_).order_by(s.intent.c.started)).all()
    newest = connection.execute(select(e.seq, e.hash).order_by(e.seq.desc()).limit(1)).one()
    return CaseFile(
        incident=incident,
        records=records,
        switches=_records(connection.execute(between).all()),
        intents=tuple(_intent(row) for row in intents),
        samples=samples.read(connection, incident.target, since, until),
        head=(newest.seq, newest.hash),
    )


def _window(incident: Incident) -> tuple[datetime, datetime]:
    newest = incident.updated_at
    return incident.opened_at - BEFORE, newest + (AFTER if incident.status == "resolved" else STILL_OPEN)


def _records(rows: Sequence[Row[tuple[object, ...]]]) -> tuple[Record, ...]:
    return tuple(
        Record(
            seq=row.seq,
            event=log.to_event(row),
            prev_hash=row.prev_hash,
            hash=row.hash,
            row={name: getattr(row, name) for name in FIELDS},
        )
        for row in rows
    )


def _intent(row: Row[tuple[object, ...]]) -> Intent:
    return Intent(**{name: getattr(row, name) for name in Intent.__slots__})


__all__ = ["FIELDS", "BrokenCaseError", "CaseFile", "Intent", "Record", "read"]
