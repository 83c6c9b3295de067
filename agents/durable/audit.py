"""Examines the journal as it lies: is the chain whole, and does what is derived from it follow from it?

Reads one consistent snapshot through a connection that can't write, beside a running swarm or on a copy, with bounded memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agents.durable.chain import ANCHOR_KEY, HEAD_KEY, Broken, Flaw, Mark, Record, Walk, broken_at
from agents.durable.errors import DurableError, StorageError
from agents.durable.follows import Follows
from agents.durable.schema import HEAD, UNIQUE, metadata
from agents.durable.upgrade import KNOWN
from agents.events import AutomationArmed, AutomationPaused
from agents.sanitize import clean

BATCH = 1_000
COLUMNS = ", ".join(Record._fields)

Progress = Callable[[int, int], None]
"""Told now and then how many records of how many were read."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found. `head` is the newest record, to be kept elsewhere; `pruned` the last one that retention took away."""

    records: int
    head: Mark
    pruned: Mark
    broken: Broken | None
    since_head: int | None = None
    """How many records were written since the head that was asked for."""
    derived: bool = True
    """Whether incidents, requests and automation were compared with the events; an older schema's are not."""


class UnknownHeadError(DurableError):
    """The head that somebody kept is not in the journal."""


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A snapshot of a database that is only read. Raises DurableError where it is none."""
    if not path.is_file():
        raise DurableError(f"{str(path)!r} does not exist: name a database of Overwatch")
    connection = _opened(path)
    try:
        connection.execute("BEGIN")
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not {"event", "meta", "alembic_version"} <= tables:
            raise DurableError(f"{str(path)!r} holds no journal: name a database of Overwatch")
        yield connection
    except sqlite3.OperationalError as error:
        raise StorageError(f"{str(path)!r} can't be read now ({error}): is it locked, or its disk broken?") from error
    except sqlite3.Error as error:
        raise DurableError(f"{str(path)!r} is damaged or no database ({error}): restore a copy, or move it away") from error
    finally:
        connection.close()


def _opened(path: Path) -> sqlite3.Connection:
    uri = f"{path.resolve().as_uri()}?mode=ro"
    beside = path.with_name(path.name + "-wal").exists()
    for suffix in ("",) if beside else ("", "&immutable=1"):  # a copy in a folder that can't be written to has no other process
        connection = sqlite3.connect(uri + suffix, uri=True, timeout=5, isolation_level=None)
        connection.text_factory = _text
        try:
            connection.execute("SELECT count(*) FROM sqlite_master")
        except sqlite3.OperationalError:
            connection.close()
            continue
        except sqlite3.Error:
            return connection
        return connection
    raise StorageError(f"{str(path)!r} can't be read now: is it locked, or its folder not yours?")


def _text(raw: bytes) -> str:
    """Text as it lies; what is no UTF-8 can't have been written, and must be named like any other change."""
    return raw.decode("utf-8", "surrogateescape")


def examine(path: Path, *, head: str | None = None, newest: int | None = None, progress: Progress | None = None) -> Verdict:
    """Walk the chain and name the first thing that does not fit.

    `head` is the start of a hash that somebody kept: it has to be there. `newest` reads only so many records, and only the chain.
    Raises DurableError where the file can't be read, and UnknownHeadError.
    """
    with reading(path) as connection:
        version = _version(connection, path)
        pruned, remembered, broken = _marks(connection, version)
        if broken is not None:
            return Verdict(0, Mark(), pruned, broken)
        total, first, last = connection.execute(
            "SELECT count(*), coalesce(min(seq), 1), coalesce(max(seq), 0) FROM event"
        ).fetchone()
        if total and first <= pruned.seq:
            text = f"it lies before record {pruned.seq + 1}, where the journal begins"
            return Verdict(0, Mark(), pruned, Broken("anchor" if pruned.seq else "extra", text, first))
        start = _start(connection, pruned, newest)
        walk = Walk(start)
        follows = Follows(connection) if newest is None and version == HEAD else None
        kept: int | None = 0 if head is not None and pruned.seq and pruned.hash.startswith(head) else None
        for record in records(connection, start.seq):
            if (broken := walk.step(record)) is not None:
                return Verdict(walk.count, walk.at, pruned, _at(connection, broken, record, walk), derived=follows is not None)
            if head is not None and record.hash.startswith(head):
                kept = record.seq
            if follows is not None:
                follows.take(record)
            if progress is not None and walk.count % BATCH == 0:
                progress(walk.count, total)
        broken = _end(connection, follows, pruned, _tail(version, walk.at, remembered, last))
    verdict = Verdict(walk.count, walk.at, pruned, broken, derived=follows is not None)
    if head is None or broken is not None:
        return verdict
    if kept is None:
        raise UnknownHeadError(
            f"the head {head!r} is not in this journal: it was written anew or cut off since then, or that record was pruned "
            "(then `audit verify --file` on the archive finds it)"
        )
    return Verdict(walk.count, walk.at, pruned, None, walk.at.seq - max(kept, pruned.seq), follows is not None)


def records(connection: sqlite3.Connection, after: int, until: int | None = None, incident: str = "") -> Iterator[Record]:
    """The records behind `after`, of all incidents or of one, in batches: memory stays bounded, and no statement stays open."""
    bounds = "" if until is None else f" AND seq <= {int(until)}"
    bounds += " AND incident = ?" if incident else ""
    query = f"SELECT {COLUMNS} FROM event WHERE seq > ?{bounds} ORDER BY seq LIMIT {BATCH}"  # noqa: S608 - our own names
    while True:
        rows = connection.execute(query, (after, incident) if incident else (after,)).fetchall()
        for row in rows:
            yield Record(*row)
        if len(rows) < BATCH:
            return
        after = rows[-1][0]


def _version(connection: sqlite3.Connection, path: Path) -> str:
    """The schema that the database says it has. Raises DurableError where this program does not know it."""
    said = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    if len(said) != 1 or said[0][0] not in KNOWN:
        raise DurableError(
            f"{str(path)!r} says that it has the schema {clean([one for (one,) in said], 80)}, and this Overwatch knows "
            f"{', '.join(KNOWN)}: where no newer one wrote it, it was changed"
        )
    return str(said[0][0])


def _shape(connection: sqlite3.Connection, version: str) -> Broken | None:
    """What would make rows differ from what was written, or keep them from being compared: the walk alone would not see it."""
    found = connection.execute("SELECT type, name FROM sqlite_master ORDER BY name").fetchall()
    strange = next(((kind, name) for kind, name in found if kind in {"trigger", "view"}), None)
    if strange is not None:
        return Broken("schema", f"it has a {strange[0]}, {strange[1]!r}, that Overwatch did not make")
    names = {name for _, name in found}
    if version != HEAD:
        newer = "sample" in names
        return Broken("schema", f"it says that it has the older schema {version}, and has not") if newer else None
    missing = next((name for name in (*metadata.tables, UNIQUE) if name not in names), None)
    if missing is not None:
        return Broken("schema", f"its {missing!r} is missing")
    rows = connection.execute("SELECT count(*) FROM automation").fetchone()[0]
    return None if rows <= 1 else Broken("schema", f"whether automation is paused is said {rows} times")


def _marks(connection: sqlite3.Connection, version: str) -> tuple[Mark, Mark | None, Broken | None]:
    """The anchor and the remembered head; what does not fit about them, or about the tables."""
    if (broken := _shape(connection, version)) is not None:
        return Mark(), None, broken
    found: dict[str, Mark] = {}
    for key, value in connection.execute("SELECT key, value FROM meta WHERE key IN (?, ?)", (ANCHOR_KEY, HEAD_KEY)):
        try:
            found[key] = Mark.parse(value)
        except ValueError as error:
            flaw: Flaw = "head" if key == HEAD_KEY else "anchor"
            return Mark(), None, Broken(flaw, f"what was remembered of it can't be read: {error}")
    return found.get(ANCHOR_KEY, Mark()), found.get(HEAD_KEY), None


def _start(connection: sqlite3.Connection, pruned: Mark, newest: int | None) -> Mark:
    if newest is None:
        return pruned
    row = connection.execute("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1 OFFSET ?", (newest,)).fetchone()
    return pruned if row is None else Mark(*row)


def _at(connection: sqlite3.Connection, broken: Broken, record: Record, walk: Walk) -> Broken:
    """A link that does not fit, told closer: is what it was written behind still there, in another place?"""
    if broken.flaw not in {"link", "missing"}:
        return broken
    place = connection.execute("SELECT seq FROM event WHERE hash = ? AND seq != ?", (record.prev_hash, record.seq)).fetchone()
    if place is None:
        return broken
    return broken_at(record, "order", f"it was written behind what is record {place[0]} now, not behind record {walk.at.seq}")


def _end(connection: sqlite3.Connection, follows: Follows | None, pruned: Mark, tail: Broken | None) -> Broken | None:
    """What does not fit once the records do: all that is derived from them, or, where time is short, the pause alone."""
    if follows is None:
        return tail or _pause(connection)
    if tail is not None:
        follows.close()
        return tail
    return follows.end(pruned)


def _pause(connection: sqlite3.Connection) -> Broken | None:
    """Whether automation stands as the newest record about it says: nobody acts on a pause that was taken away meanwhile."""
    kinds = (AutomationPaused.TYPE, AutomationArmed.TYPE)
    said = connection.execute("SELECT type FROM event WHERE type IN (?, ?) ORDER BY seq DESC LIMIT 1", kinds).fetchone()
    stands = connection.execute("SELECT paused FROM automation").fetchall()
    if said is None or stands == [(said[0] == AutomationPaused.TYPE,)]:
        return None
    return Broken("automation", "whether automation is paused is not what the events say")


def _tail(version: str, at: Mark, remembered: Mark | None, last: int) -> Broken | None:
    """Whether the journal ends where it was left."""
    if remembered is None:
        return None if version != HEAD or last == 0 else Broken("head", "what was remembered of the newest record is gone")
    if remembered == at:
        return None
    if remembered.seq > at.seq:
        return Broken("tail", f"the records {at.seq + 1} to {remembered.seq} are missing at the end", at.seq + 1)
    if remembered.seq == at.seq:
        return Broken("head", f"the newest record is not the one that was remembered ({remembered.hash[:12]}…)", at.seq)
    text = f"it was added behind the newest record that was remembered, {remembered.seq}"
    return Broken("extra", text, remembered.seq + 1)
