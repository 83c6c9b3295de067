"""What was measured and thought around incidents, as rows: written in batches, read back in the order of their times."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, func, insert, select

from agents.durable import schema as s
from agents.telemetry import AgentState, RegionSample, SwarmState, Thought, UsersSample

EVERYBODY = ""
"""The target of what is about no single one: states of the agents and of the swarm."""

MOST = 50_000
"""Rows that are read at once; beyond them only each n-th measurement is, so that a long incident is still drawn as a whole."""

THINNED = ("region", "users")
"""Measurements of which some may be left out. What is said once is never."""

Sample = RegionSample | UsersSample | Thought | AgentState | SwarmState

_KINDS: dict[str, type[Sample]] = {
    "region": RegionSample,
    "users": UsersSample,
    "thought": Thought,
    "agent": AgentState,
    "swarm": SwarmState,
}
_NAMES: dict[type[Sample], str] = {made: kind for kind, made in _KINDS.items()}
_LOST = "lost"


@dataclass(frozen=True, slots=True)
class Samples:
    """What was recorded, oldest first. `lost` counts what could not be kept, `unread` rows that can't be read any more.

    `step` says that only each so many-th measurement was read.
    """

    items: tuple[Sample, ...] = ()
    lost: int = 0
    unread: int = 0
    step: int = 1


def write(connection: Connection, rows: Iterable[tuple[str, Sample]], lost: int = 0, *, at: datetime) -> None:
    """Add samples, each with its target. `lost` tells at `at` that so many before them could not be kept."""
    made = [
        {
            "target": target,
            "at": _stamp(item.at),
            "kind": _NAMES[type(item)],
            "data": _json(item),
        }
        for target, item in rows
    ]
    if lost:
        made.append({"target": EVERYBODY, "at": _stamp(at), "kind": _LOST, "data": json.dumps({"count": lost})})
    if made:
        connection.execute(insert(s.sample), made)


def read(connection: Connection, target: str, since: datetime, until: datetime) -> Samples:
    """What is kept of a target, and of the agents, from `since` to `until`. A row that can't be read is counted, never raised."""
    c = s.sample.c
    where = c.target.in_((target, EVERYBODY)) & c.at.between(_stamp(since), _stamp(until))
    count = connection.execute(select(func.count()).select_from(s.sample).where(where)).scalar() or 0
    step = -(-count // MOST) or 1
    if step > 1:
        where &= (c.seq % step == 0) | c.kind.not_in(THINNED)
    query = select(c.kind, c.data).where(where).order_by(c.at, c.seq).limit(2 * MOST)
    items: list[Sample] = []
    lost = unread = 0
    for kind, data in connection.execute(query):
        try:
            if kind == _LOST:
                lost += int(json.loads(data)["count"])
            else:
                items.append(_adapter(kind).validate_json(data))
        except (ValidationError, ValueError, KeyError, TypeError):
            unread += 1
    return Samples(tuple(items), lost, unread, step)


def _json(item: Sample) -> str:
    return str(_adapter(_NAMES[type(item)]).dump_json(item), "utf-8")


def _stamp(at: datetime) -> str:
    """A time as text that sorts as the times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


@cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    """Made with its first row."""
    return TypeAdapter(_KINDS[kind])


__all__ = ["EVERYBODY", "Sample", "Samples", "read", "write"]
