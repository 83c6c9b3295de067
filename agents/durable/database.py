"""One SQLite file, one thread that talks to it, one process that runs its swarm."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError

from agents.durable.errors import DurableError, LockedError, StorageError
from agents.durable.upgrade import is_current, upgrade

T = TypeVar("T")

_REMEDIES = {
    sqlite3.SQLITE_BUSY: "another program holds its lock; end that one",
    sqlite3.SQLITE_FULL: "make room on its disk",
    sqlite3.SQLITE_IOERR: "is its disk full, or broken?",
    sqlite3.SQLITE_READONLY: "give the file and its folder write permission, or mount them writable",
    sqlite3.SQLITE_CANTOPEN: "is its folder still there, and readable?",
}


class Database:
    """Runs functions over a connection, each in one `BEGIN IMMEDIATE` transaction, all in one thread.

    WAL with `synchronous=FULL`: what was committed survives a loss of power, because an unrecorded effect must not exist.
    """

    def __init__(self, path: Path, *, exclusive: bool) -> None:
        self.path = path
        self._lock = _lock(path) if exclusive else None
        self._files: dict[Path, os.stat_result] = {}
        self._thread = ThreadPoolExecutor(1, "database")
        self._engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False}, pool_size=1, max_overflow=0)
        event.listen(self._engine, "connect", _pragmas)
        event.listen(self._engine, "connect", lambda *_: self._files.clear())
        event.listen(self._engine, "begin", _begin)

    async def prepare(self) -> None:
        """Create or upgrade the tables.

        Raises NewerDatabaseError, LockedError where it would have to be upgraded beside a running swarm, and DurableError where
        the file is no database.
        """

        def work() -> None:
            if self._lock is not None or is_current(self._engine):
                upgrade(self._engine, self.path)
                return
            lock = _lock(self.path)
            try:
                upgrade(self._engine, self.path)
            finally:
                os.close(lock)

        await self._hop(work)

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in the database's thread, in one transaction, which a raised error rolls back.

        Raises StorageError where the file can't be used now, and DurableError where it is damaged.
        """

        def transaction() -> T:
            with self._engine.begin() as connection:
                self._refuse_lost_file()
                return work(connection)

        return await self._hop(transaction)

    async def data_version(self) -> int:
        """A number that changes when another connection has committed."""

        def work() -> int:
            raw = self._engine.raw_connection()
            try:
                return int(raw.cursor().execute("PRAGMA data_version").fetchone()[0])
            finally:
                raw.close()

        return await self._hop(work)

    async def close(self) -> None:
        """Let the file and the lock go."""
        await self._hop(self._engine.dispose)
        self._thread.shutdown(wait=True)
        if self._lock is not None:
            os.close(self._lock)

    async def _hop(self, work: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await asyncio.shield(loop.run_in_executor(self._thread, work))
        except OperationalError as error:
            raise StorageError(f"{self.path} can't be used now ({error.orig}): {_remedy(error.orig)}") from error
        except DatabaseError as error:
            raise DurableError(
                f"{self.path} is damaged or no database ({error.orig}): restore a copy, or move it away"
            ) from error

    def _refuse_lost_file(self) -> None:
        """Raises StorageError where the file was deleted or replaced: SQLite would go on writing to what nobody finds.

        So it is for its write-ahead log, which holds what was committed last.
        """
        for file in (self.path, self.path.with_name(f"{self.path.name}-wal")):
            try:
                now = file.stat()
            except OSError:
                now = None
            known = self._files.get(file)
            if known is None and now is not None:
                self._files[file] = now
            elif known is not None and (now is None or not os.path.samestat(known, now)):
                raise StorageError(
                    f"{file} was deleted or replaced while in use: put it back, or start the swarm anew without it"
                )


def _remedy(error: object) -> str:
    """What a person can do about it, by SQLite's primary result code."""
    code = error.sqlite_errorcode & 0xFF if isinstance(error, sqlite3.Error) and hasattr(error, "sqlite_errorcode") else None
    return _REMEDIES.get(code or 0, "is the disk full, or the file locked?")


def _lock(path: Path) -> int:
    handle = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        holder = os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(handle)
        raise LockedError(
            f"process {holder} runs a swarm on {path}: `overwatch-tui attach` shows it; or end it, or set OVERWATCH_HOME"
        ) from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, str(os.getpid()).encode(), 0)
    return handle


def _pragmas(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    with contextlib.suppress(OSError):
        Path(connection.execute("PRAGMA database_list").fetchone()[2]).chmod(0o600)


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
