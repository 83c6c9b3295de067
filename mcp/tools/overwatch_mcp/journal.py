"""The journal of operations: what was about to be done is durable before it is done, and how it ended after.

SQLite in WAL mode with `synchronous=FULL`: a row that was committed survives a lost power supply. Two processes may use one
journal (the server and a person's hand); the locks of `target_lock` keep them from acting on one target at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from overwatch_mcp import journal_retention
from overwatch_mcp.errors import BarredError, JournalError
from overwatch_mcp.models import Inverse, OperationStatus, WriteResult
from overwatch_mcp.plain_text import plain

T = TypeVar("T")

_VERSION = 3
_SCHEMA = """
CREATE TABLE operations (
    operation_id TEXT PRIMARY KEY,
    tool TEXT NOT NULL,
    target TEXT NOT NULL,
    arguments TEXT NOT NULL,
    arguments_hash TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    state_before TEXT NOT NULL,
    inverse TEXT,
    command TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('started', 'succeeded', 'failed', 'refused', 'unknown')),
    started_at TEXT NOT NULL,
    accepted_at TEXT,
    finished_at TEXT,
    result TEXT
) STRICT;
CREATE TABLE epochs (target TEXT PRIMARY KEY, epoch INTEGER NOT NULL) STRICT;
"""
_UPGRADES = {
    1: """
ALTER TABLE operations ADD COLUMN continuation TEXT;
ALTER TABLE operations ADD COLUMN undoes TEXT;
CREATE INDEX operations_of_target ON operations (target, started_at);
""",
    2: "ALTER TABLE operations ADD COLUMN pruned_at TEXT",
}
"""From each version to the next; a new journal goes the same way."""
_SUBJECTS = {
    "scale_service": "replicas",
    "deploy_container": "image",
    "rollback_revision": "image",
    "switch_traffic": "traffic",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One operation as the journal holds it. `accepted_at` is set once the platform has taken the request.

    `continuation` is what the platform gave to follow a long operation with, `undoes` the operation that this one undoes.
    """

    operation_id: str
    tool: str
    target: str
    arguments: Mapping[str, Any]
    epoch: int
    state_before: Mapping[str, Any]
    inverse: Inverse | None
    command: str
    started_at: datetime
    undoes: str | None = None
    status: OperationStatus = "started"
    accepted_at: datetime | None = None
    continuation: str | None = None
    finished_at: datetime | None = None
    result: WriteResult | None = None
    pruned_hash: str | None = None
    """The hash of what was asked, where retention has taken that away."""

    @property
    def arguments_hash(self) -> str:
        """What tells two operations of one id apart: tool, target and arguments."""
        return self.pruned_hash or hash_arguments(self.tool, self.target, self.arguments)

    @property
    def subject(self) -> tuple[str | None, str | None]:
        """What of its target it changes for good, and in which region; two that differ in it don't undo each other."""
        return _SUBJECTS.get(self.tool), self.arguments.get("region")


@dataclass(frozen=True, slots=True)
class WriteLimit:
    """At most so many writes to one target since a moment."""

    most: int
    since: datetime


def hash_arguments(tool: str, target: str, arguments: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON of what is to be done."""
    content = json.dumps([tool, target, arguments], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(content.encode()).hexdigest()


class Journal:
    """The operations database, used from one thread of its own so that no commit holds up the loop."""

    def __init__(self, path: Path) -> None:
        """Open or make the database. Raises JournalError where that can't be."""
        self.path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            self._file = os.fstat(file)
            os.close(file)
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise JournalError(f"the journal {str(path)!r} can't be opened ({error}): check the path and its rights") from error

    async def get(self, operation_id: str) -> Entry | None:
        """The operation, or None where it was never begun."""
        return await self._run(lambda: self._get(operation_id))

    async def highest_epoch(self, target: str) -> int:
        """The highest epoch that acted on a target; 0 where none did."""
        return await self._run(lambda: self._epoch(target))

    async def writes_since(self, target: str, since: datetime) -> int:
        """How many writes to a target were begun since. Undoing one is not counted; undoing that, which does it again, is."""
        return await self._run(lambda: self._count(target, since))

    async def begin(self, entry: Entry, limit: WriteLimit | None = None) -> int | None:
        """Commit what is about to be done.

        Returns None when it is durable, or the epoch that has overtaken this one: then nothing was written.

        Raises:
            BarredError: See `barred`; nothing was written.
        """
        return await self._run(lambda: self._begin(entry, limit))

    async def barred(self, entry: Entry, limit: WriteLimit) -> str | None:
        """Why what the journal holds forbids it: too many writes, undone already, or changed by others since."""
        return await self._run(lambda: self._barred(entry, limit))

    async def resume(self, entry: Entry, epoch: int) -> int | None:
        """Take over an operation that another process left behind; as `begin`, under the epoch of whoever asks now."""
        return await self._run(lambda: self._raise_epoch(entry.target, epoch))

    async def accepted(self, operation_id: str, at: datetime, continuation: str | None) -> None:
        """Commit that the platform has taken the request, and how a long operation is followed."""
        await self._run(
            lambda: self._write(
                "UPDATE operations SET accepted_at = ?, continuation = ? WHERE operation_id = ?",
                (at.isoformat(), continuation, operation_id),
            )
        )

    async def finish(self, result: WriteResult, at: datetime) -> None:
        """Commit how an operation ended."""
        await self._run(
            lambda: self._write(
                "UPDATE operations SET status = ?, finished_at = ?, result = ? WHERE operation_id = ?",
                (result.status, at.isoformat(), result.model_dump_json(), result.operation_id),
            )
        )

    async def refuse(self, entry: Entry, result: WriteResult, at: datetime) -> None:
        """Commit that an operation was refused for the state of the world; asking again gives the same answer."""
        await self._run(lambda: self._refuse(entry, result, at))

    async def prune(self, before: datetime) -> int:
        """Take away the details of some operations that ended before then; how many. See `journal_retention`."""

        def work() -> int:
            with self._transaction():
                return journal_retention.prune(self._db, before)

        return await self._run(work)

    def close(self) -> None:
        """Wait for the last commit and close the database."""
        self._thread.shutdown(wait=True)
        self._db.close()

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except sqlite3.Error as error:
            raise JournalError(f"the journal {str(self.path)!r} failed ({error}): nothing may be done without it") from error
        except (ValueError, TypeError) as error:
            what = f"the journal {str(self.path)!r} can't be read or written ({plain(error, 300)})"
            raise JournalError(f"{what}: nothing may be done without it") from error

    def _prepare(self) -> None:
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        with self._transaction():
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
            if version > _VERSION:
                raise JournalError(
                    f"the journal {str(self.path)!r} has version {version!r}, this program knows {_VERSION}: "
                    "use the program that wrote it, or another file"
                )
            steps = [] if version else [_SCHEMA]
            steps += [_UPGRADES[step] for step in range(max(version, 1), _VERSION)]
            for statement in ";".join(steps).split(";"):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version={_VERSION}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._refuse_lost_file()
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # a full disk has ended it already
                self._db.execute("ROLLBACK")
            raise

    def _refuse_lost_file(self) -> None:
        """Raises JournalError where the file was removed or replaced: SQLite would go on writing to what no process finds."""
        try:
            same = os.path.samestat(self._file, self.path.stat())
        except OSError:
            same = False
        if not same:
            raise JournalError(
                f"the journal {str(self.path)!r} was removed or replaced while in use: put it back, or start the server anew"
            )

    def _write(self, statement: str, values: tuple[Any, ...]) -> None:
        with self._transaction():
            self._db.execute(statement, values)

    def _get(self, operation_id: str) -> Entry | None:
        row = self._db.execute("SELECT * FROM operations WHERE operation_id = ?", (operation_id,)).fetchone()
        return None if row is None else _entry(row)

    def _epoch(self, target: str) -> int:
        row = self._db.execute("SELECT epoch FROM epochs WHERE target = ?", (target,)).fetchone()
        return 0 if row is None else int(row[0])

    def _begin(self, entry: Entry, limit: WriteLimit | None) -> int | None:
        with self._transaction():
            overtaken = self._seen(entry.target, entry.epoch)
            if overtaken is not None:
                return overtaken
            if (reason := self._barred(entry, limit)) is not None:
                raise BarredError(reason)
            self._insert(entry)
            return None

    def _barred(self, entry: Entry, limit: WriteLimit | None) -> str | None:
        if entry.undoes is not None and (reason := self._undo_barred(entry.undoes)) is not None:
            return reason
        if limit is None or not self._counts(entry.undoes):
            return None
        begun = self._count(entry.target, limit.since)
        if begun < limit.most:
            return None
        return (
            f"{begun} writes to {entry.target!r} were begun within the last hour, {limit.most} are allowed: "
            "wait, or raise limits.writes_per_hour"
        )

    def _count(self, target: str, since: datetime) -> int:
        rows = self._db.execute(
            "SELECT undoes FROM operations WHERE target = ? AND started_at > ? AND status != 'refused'",
            (target, since.isoformat()),
        ).fetchall()
        return sum(self._counts(row["undoes"]) for row in rows)

    def _counts(self, undoes: str | None) -> bool:
        """Whether an operation does something, or does it again; undoing it takes it back."""
        does = True
        while undoes is not None:
            row = self._db.execute("SELECT undoes FROM operations WHERE operation_id = ?", (undoes,)).fetchone()
            undoes, does = row and row["undoes"], not does
        return does

    def _undo_barred(self, undone: str) -> str | None:
        row = self._db.execute(
            "SELECT operation_id FROM operations WHERE undoes = ? AND status IN ('started', 'succeeded', 'unknown')", (undone,)
        ).fetchone()
        if row is not None:
            return f"{undone!r} is undone by {row[0]!r} already: see get_operation"
        since = self._changed_since(undone)
        return since and f"{since!r} has changed the same since {undone!r}, which did not succeed: undo that one first"

    def _changed_since(self, undone: str) -> str | None:
        """The later operation that undoing one without success would overwrite; where it had success, its state is expected."""
        first = self._get(undone)
        if first is None or first.status == "succeeded":
            return None
        rows = self._db.execute(
            "SELECT * FROM operations WHERE target = ? AND status != 'refused' "
            "AND rowid > (SELECT rowid FROM operations WHERE operation_id = ?) ORDER BY rowid",
            (first.target, undone),
        ).fetchall()
        later = [_entry(row) for row in rows]
        done = {one.operation_id for one in later} | {undone}
        taken_back: set[str | None] = set()
        for one in reversed(later):
            if one.status == "succeeded" and one.operation_id not in taken_back:
                taken_back.add(one.undoes)
        for one in later:
            if one.subject == first.subject and one.undoes not in done and one.operation_id not in taken_back:
                return one.operation_id
        return None

    def _raise_epoch(self, target: str, epoch: int) -> int | None:
        with self._transaction():
            return self._seen(target, epoch)

    def _seen(self, target: str, epoch: int) -> int | None:
        highest = self._epoch(target)
        if epoch < highest:
            return highest
        self._db.execute(
            "INSERT INTO epochs VALUES (?, ?) ON CONFLICT (target) DO UPDATE SET epoch = excluded.epoch", (target, epoch)
        )
        return None

    def _refuse(self, entry: Entry, result: WriteResult, at: datetime) -> None:
        with self._transaction():
            self._insert(entry)
            self._db.execute(
                "UPDATE operations SET status = 'refused', finished_at = ?, result = ? WHERE operation_id = ?",
                (at.isoformat(), result.model_dump_json(), entry.operation_id),
            )

    def _insert(self, entry: Entry) -> None:
        self._db.execute(
            "INSERT INTO operations (operation_id, tool, target, arguments, arguments_hash, epoch, state_before, inverse, "
            "command, status, started_at, undoes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'started', ?, ?)",
            (
                entry.operation_id,
                entry.tool,
                entry.target,
                json.dumps(entry.arguments, sort_keys=True),
                entry.arguments_hash,
                entry.epoch,
                json.dumps(entry.state_before),
                None if entry.inverse is None else entry.inverse.model_dump_json(),
                entry.command,
                entry.started_at.isoformat(),
                entry.undoes,
            ),
        )


def _entry(row: sqlite3.Row) -> Entry:
    def moment(name: str) -> datetime | None:
        return None if row[name] is None else datetime.fromisoformat(row[name])

    return Entry(
        operation_id=row["operation_id"],
        tool=row["tool"],
        target=row["target"],
        arguments=json.loads(row["arguments"]),
        epoch=row["epoch"],
        state_before=json.loads(row["state_before"]),
        inverse=None if row["inverse"] is None else Inverse.model_validate_json(row["inverse"]),
        command=row["command"],
        started_at=datetime.fromisoformat(row["started_at"]),
        undoes=row["undoes"],
        status=row["status"],
        continuation=row["continuation"],
        accepted_at=moment("accepted_at"),
        finished_at=moment("finished_at"),
        pruned_hash=None if row["pruned_at"] is None else row["arguments_hash"],
        result=None if row["result"] is None else WriteResult.model_validate_json(row["result"]),
    )
