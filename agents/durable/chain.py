"""The hash chain of the journal: what a record's hash covers, where the chain begins and ends, and what does not fit.

A record's hash is SHA-256 over the canonical JSON of the hash before it and its own content, so that no record can be changed,
moved or taken out without changing every later one. Two marks lie beside the records: the head (the newest record, written in
the transaction of each append) tells a truncated journal from a whole one, and the anchor is the last record that was pruned.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.sqlite import insert

from agents.durable import schema as s
from agents.facts import canonical
from agents.sanitize import clean

GENESIS = "0" * 64
HEAD_KEY = "journal.head"
ANCHOR_KEY = "journal.anchor"
CONTENT = ("id", "type", "source", "incident", "cause", "time", "data", "traceparent")
"""The columns that a record's hash covers."""

Flaw = Literal[
    "content",
    "link",
    "order",
    "missing",
    "tail",
    "extra",
    "head",
    "anchor",
    "unreadable",
    "incident",
    "approval",
    "automation",
    "intent",
    "outcome",
    "schema",
]


class Record(NamedTuple):
    """One record as it is stored, in the order of the columns."""

    seq: int
    id: str
    type: str
    source: str
    incident: str
    cause: str | None
    time: str
    data: str
    traceparent: str | None
    prev_hash: str
    hash: str

    def content(self) -> dict[str, str | None]:
        """What the hash covers beside the hash before it."""
        return {name: getattr(self, name) for name in CONTENT}


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the chain: a record's number and its hash. The place before the first record is 0 and sixty-four zeros."""

    seq: int = 0
    hash: str = GENESIS

    def __str__(self) -> str:
        return f"{self.seq} {self.hash}"

    @classmethod
    def parse(cls, text: str) -> Mark:
        """The mark that was written. Raises ValueError."""
        seq, _, hash_ = text.partition(" ")
        if len(hash_) != 64 or not set(hash_) <= set("0123456789abcdef"):
            raise ValueError(f"{text!r} is not a mark of the journal: a number and a hash")
        return cls(int(seq), hash_)


@dataclass(frozen=True, slots=True)
class Broken:
    """The first thing that does not fit: which record, and what about it. `seq` is where it was, or should have been.

    Whoever changed the record chose its words, which people and the journal itself are told: so they are cleaned.
    """

    flaw: Flaw
    text: str
    seq: int | None = None
    id: str = ""
    type: str = ""
    time: str = ""

    def __post_init__(self) -> None:
        for name in ("text", "id", "type", "time"):
            object.__setattr__(self, name, clean(getattr(self, name)))

    def line(self) -> str:
        """One line for people."""
        where = "" if self.seq is None else f"record {self.seq}"
        about = ", ".join(part for part in (self.id, self.type, self.time) if part)
        return f"{where}{f' ({about})' if about else ''}: {self.text}".removeprefix(": ")


def chained(prev: str, content: dict[str, str | None]) -> str:
    """The hash of a record that follows `prev`."""
    return hashlib.sha256(canonical([prev, content])).hexdigest()


def broken_at(record: Record, flaw: Flaw, text: str) -> Broken:
    """What does not fit about a record that is there."""
    return Broken(flaw, text, record.seq, record.id, record.type, record.time)


class Walk:
    """Follows the chain, record by record. `at` is the last one that fits."""

    def __init__(self, start: Mark) -> None:
        self.at = start
        self.count = 0

    def step(self, record: Record) -> Broken | None:
        """The next record; what does not fit about it, or None."""
        try:
            fits = record.hash == chained(record.prev_hash, record.content())
        except (TypeError, ValueError, RecursionError):
            fits = False
        if not fits:
            return broken_at(record, "content", "its content is not what was written")
        if record.prev_hash != self.at.hash:
            if record.seq != self.at.seq + 1:
                return broken_at(record, "missing", f"what was written between {self.at.seq} and {record.seq} is missing")
            return broken_at(record, "link", f"it was not written behind record {self.at.seq} as that is now")
        if record.seq != self.at.seq + 1:
            return broken_at(record, "order", f"it was written as record {self.at.seq + 1}, not as {record.seq}")
        self.at = Mark(record.seq, record.hash)
        self.count += 1
        return None


def head(connection: Connection) -> Mark:
    """Where the next record is chained to.

    That is what was remembered, not the last row: where rows were cut off, or the memory was taken away, the next record does not
    fit to what is left, and the break stays to be seen.
    """
    last = connection.execute(select(func.max(s.event.c.seq))).scalar() or 0
    known = _mark(connection, HEAD_KEY)
    return Mark(max(last, known.seq), known.hash)


def set_head(connection: Connection, mark: Mark) -> None:
    """Remember the newest record."""
    if connection.execute(update(s.meta).where(s.meta.c.key == HEAD_KEY).values(value=str(mark))).rowcount == 0:
        connection.execute(insert(s.meta).values(key=HEAD_KEY, value=str(mark)))


def anchor(connection: Connection) -> Mark:
    """The last record that was pruned."""
    return _mark(connection, ANCHOR_KEY)


def set_anchor(connection: Connection, mark: Mark) -> None:
    """Remember the last record that was pruned."""
    row = insert(s.meta).values(key=ANCHOR_KEY, value=str(mark))
    connection.execute(row.on_conflict_do_update(index_elements=["key"], set_={"value": str(mark)}))


def _mark(connection: Connection, key: str) -> Mark:
    value = connection.execute(select(s.meta.c.value).where(s.meta.c.key == key)).scalar()
    try:
        return Mark() if value is None else Mark.parse(value)
    except ValueError:
        return Mark()
