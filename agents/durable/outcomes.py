"""The table of verified outcomes: what the track record and the calibration are made of."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, Row, func, select
from sqlalchemy.dialects.sqlite import insert

from agents.confidence import weigh
from agents.durable import schema as s
from agents.durable.errors import DurableError
from agents.facts import Confidence
from agents.seams import OutcomeRecord, Record


def row_of(record: OutcomeRecord) -> dict[str, object]:
    """One outcome as its row, by the names of the columns."""
    return {
        "operation": record.operation,
        "target": record.target,
        "action": record.action,
        "fault_class": record.fault_class,
        "succeeded": record.succeeded,
        "simulated": record.simulated,
        "at": record.at.isoformat(),
        "confidence": record.confidence.value if record.confidence else None,
        "track_record": record.confidence.track_record if record.confidence else None,
        "evidence": record.confidence.evidence if record.confidence else None,
        "word": record.confidence.word if record.confidence else None,
        "decided_by": record.decided_by,
    }


def remember(connection: Connection, record: OutcomeRecord) -> None:
    """Add one outcome; the same operation counts once."""
    connection.execute(insert(s.outcome).values(row_of(record)).on_conflict_do_nothing())


def read(connection: Connection, action: str, fault_class: str, target: str, now: datetime, *, demo: bool) -> Record:
    """The weighted record of one action against one fault class; `demo` says that `target` itself is simulated.

    Raises DurableError where an outcome was changed so that it can't be read.
    """
    rows = connection.execute(select(s.outcome).where(s.outcome.c.action == action))
    return weigh(map(_record, rows), action=action, fault_class=fault_class, target=target, now=now, demo=demo)


def every(connection: Connection) -> tuple[OutcomeRecord, ...]:
    """All outcomes, the oldest first, with the numbers that they were decided on where those are known. Raises as `read`."""
    return tuple(map(_record, connection.execute(select(s.outcome).order_by(s.outcome.c.at, s.outcome.c.operation))))


def count(connection: Connection) -> int:
    """How many outcomes there are."""
    return int(connection.execute(select(func.count()).select_from(s.outcome)).scalar_one())


def _record(row: Row[Any]) -> OutcomeRecord:
    return OutcomeRecord(
        operation=row.operation,
        target=row.target,
        action=row.action,
        fault_class=row.fault_class,
        succeeded=row.succeeded,
        simulated=row.simulated,
        at=_moment_of(row),
        confidence=_numbers(row._mapping),  # noqa: SLF001 - SQLAlchemy's public name for it
        decided_by=row.decided_by,
    )


def moment(stored: object) -> datetime | None:
    """The time that a row says; None where it says none, which no swarm wrote."""
    with contextlib.suppress(ValueError):
        at = datetime.fromisoformat(str(stored))
        return at if at.tzinfo is not None else None
    return None


def _moment_of(row: Row[Any]) -> datetime:
    """When it was; an outcome of no moment was not written by a swarm, and none is counted beside it."""
    if (at := moment(row.at)) is not None:
        return at
    raise DurableError(f"the outcome of {row.operation!r} says no time: `overwatch-tui audit verify` says what was changed")


def _numbers(row: Mapping[Any, Any]) -> Confidence | None:
    """The numbers of a decision; None where none were kept (0.1.0 kept none), or where they are no confidence."""
    if row["track_record"] is None or row["evidence"] is None:
        return None
    try:
        return Confidence(track_record=row["track_record"], evidence=row["evidence"], word=row["word"])
    except ValidationError:
        return None
