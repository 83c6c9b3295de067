"""How automation stands, and what waits for a person. Every function runs inside a transaction of the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select
from sqlalchemy.dialects.sqlite import insert as upsert

from agents.durable import schema as s


@dataclass(frozen=True, slots=True)
class Automation:
    """Whether automation is paused, by whom, why and since when."""

    paused: bool = False
    by: str = ""
    reason: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How automation stands, and how many deliveries are parked."""

    automation: Automation = Automation()
    parked: int = 0


@dataclass(frozen=True, slots=True)
class Parked:
    """A delivery that failed too often and waits for a person."""

    consumer: str
    event_id: str
    attempts: int
    error: str


def automation(connection: Connection) -> Automation:
    """Whether automation is paused; it is not in a log where nobody ever said so."""
    row = connection.execute(select(s.automation)).first()
    return Automation() if row is None else Automation(row.paused, row.by, row.reason, datetime.fromisoformat(row.at))


def parked(connection: Connection) -> list[Parked]:
    """Deliveries that wait for a person."""
    rows = connection.execute(select(s.delivery).where(_parked()))
    return [Parked(row.consumer, row.event_id, row.attempts, row.error) for row in rows]


def standing(connection: Connection, written: datetime | None) -> Standing:
    """How it all stands; with a time, that time is written too, which shows that the log takes writes."""
    if written is not None:
        value = {"value": written.isoformat()}
        change = upsert(s.meta).values(key="written", **value)
        connection.execute(change.on_conflict_do_update(index_elements=["key"], set_=value))
    count = connection.execute(select(func.count()).select_from(s.delivery).where(_parked())).scalar() or 0
    return Standing(automation(connection), count)


def _parked() -> ColumnElement[bool]:
    """What a restart would deliver again: nothing of an incident that is over waits for anybody."""
    unresolved = select(s.incident.c.id).where(s.incident.c.status != "resolved")
    return s.delivery.c.parked & s.delivery.c.event_id.in_(select(s.event.c.id).where(s.event.c.incident.in_(unresolved)))
