"""What was about to be done is durable before it is done."""

from __future__ import annotations

import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from overwatch_mcp import journal as module
from overwatch_mcp.errors import BarredError, JournalError
from overwatch_mcp.journal import Entry, Journal
from overwatch_mcp.models import Inverse, WriteResult

NOW = datetime(2026, 11, 23, 14, 2, 11, 123456, tzinfo=UTC)


def entry(operation_id: str = "op-1", epoch: int = 0) -> Entry:
    return Entry(
        operation_id=operation_id,
        tool="scale_service",
        target="demo",
        arguments={"region": "east", "replicas": 3},
        epoch=epoch,
        state_before={"replicas_desired": 2, "words": "ä'\""},
        inverse=Inverse(tool="scale_service", arguments={"target": "demo", "region": "east", "replicas": 2}),
        command="az containerapp update",
        started_at=NOW,
    )


@pytest.fixture
def journal(tmp_path):
    opened = Journal(tmp_path / "deep" / "operations.db")
    yield opened
    opened.close()


async def test_what_was_begun_is_read_back_by_the_next_process(journal, tmp_path):
    assert await journal.begin(entry()) is None
    other = Journal(tmp_path / "deep" / "operations.db")
    try:
        assert await other.get("op-1") == entry()
    finally:
        other.close()


async def test_an_end_is_read_back(journal):
    await journal.begin(entry())
    await journal.accepted("op-1", NOW, "at:42")
    result = WriteResult(operation_id="op-1", tool="scale_service", target="demo", status="succeeded", summary="scaled")
    await journal.finish(result, NOW)
    stored = await journal.get("op-1")
    assert (stored.status, stored.result, stored.accepted_at, stored.finished_at) == ("succeeded", result, NOW, NOW)
    assert stored.continuation == "at:42"


async def test_an_operation_can_not_be_begun_twice(journal):
    await journal.begin(entry())
    with pytest.raises(JournalError, match="nothing may be done without it"):
        await journal.begin(entry())


async def test_a_lower_epoch_writes_nothing(journal):
    await journal.begin(entry("op-1", epoch=5))
    assert await journal.begin(entry("op-2", epoch=4)) == 5
    assert await journal.get("op-2") is None
    assert await journal.highest_epoch("demo") == 5
    assert await journal.highest_epoch("other") == 0


@pytest.mark.parametrize(
    ("status", "barred"), [("started", True), ("succeeded", True), ("unknown", True), ("failed", False), ("refused", False)]
)
async def test_an_undoing_bars_another_one_unless_it_certainly_came_to_nothing(journal, status, barred):
    await journal.begin(entry("do"))
    await journal.finish(ended("do", "succeeded"), NOW)
    await journal.begin(replace(entry("undo-1"), undoes="do"))
    if status != "started":
        await journal.finish(ended("undo-1", status), NOW)
    if not barred:
        assert await journal.begin(replace(entry("undo-2"), undoes="do")) is None
        return
    with pytest.raises(BarredError, match="'do' is undone by 'undo-1' already"):
        await journal.begin(replace(entry("undo-2"), undoes="do"))
    assert await journal.get("undo-2") is None


def ended(operation_id: str, status: str) -> WriteResult:
    return WriteResult(operation_id=operation_id, tool="scale_service", target="demo", status=status, summary="")


def test_the_journal_is_for_its_owner_alone(journal):
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600


def test_commits_survive_a_lost_power_supply(journal):
    assert journal._db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert journal._db.execute("PRAGMA synchronous").fetchone()[0] == 2


def test_a_newer_journal_is_refused(tmp_path):
    path = tmp_path / "operations.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(JournalError, match="version 99"):
        Journal(path)


FIRST_VERSION = """
CREATE TABLE operations (
    operation_id TEXT PRIMARY KEY, tool TEXT NOT NULL, target TEXT NOT NULL, arguments TEXT NOT NULL,
    arguments_hash TEXT NOT NULL, epoch INTEGER NOT NULL, state_before TEXT NOT NULL, inverse TEXT, command TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('started', 'succeeded', 'failed', 'refused', 'unknown')),
    started_at TEXT NOT NULL, accepted_at TEXT, finished_at TEXT, result TEXT
) STRICT;
CREATE TABLE epochs (target TEXT PRIMARY KEY, epoch INTEGER NOT NULL) STRICT;
INSERT INTO operations VALUES
    ('op-1', 'restart_service', 'demo', '{"region": "east"}', 'x', 7, '{}', NULL, 'az', 'started',
     '2026-11-23T14:02:11+00:00', NULL, NULL, NULL);
INSERT INTO epochs VALUES ('demo', 7);
PRAGMA user_version=1;
"""


async def test_a_journal_of_the_first_version_is_taken_over_with_what_it_holds(tmp_path):
    path = tmp_path / "operations.db"
    with sqlite3.connect(path) as db:
        db.executescript(FIRST_VERSION)
    db.close()
    upgraded = Journal(path)
    try:
        old = await upgraded.get("op-1")
        assert (old.status, old.continuation, old.undoes) == ("started", None, None)
        assert await upgraded.begin(entry("op-2", epoch=6)) == 7
        assert await upgraded.begin(entry("op-2", epoch=8)) is None
        assert await upgraded.writes_since("demo", NOW.replace(hour=0)) == 2
    finally:
        upgraded.close()
    Journal(path).close()


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "operations.db"
    path.write_text("not a database, only text that is long enough to be looked at" * 20, encoding="utf-8")
    with pytest.raises(JournalError, match="can't be opened"):
        Journal(path)


async def test_a_write_without_a_journal_does_nothing(bench):
    bench.workshop.journal._db.close()
    with pytest.raises(JournalError):
        await bench.run("restart_service", region="east")
    assert bench.platform.calls["restart east"] == 0
    bench.anew()


# --- bad luck: a full disk, a file that is gone, an upgrade broken off ---


class FailingOnce:
    """A connection of which one statement fails once, leaving its transaction open as a busy disk may."""

    def __init__(self, real: sqlite3.Connection, statement: str) -> None:
        self._real = real
        self._left = [statement]

    def execute(self, statement: str, *values):
        if statement in self._left:
            self._left.remove(statement)
            raise sqlite3.OperationalError("disk I/O error")
        return self._real.execute(statement, *values)

    def __getattr__(self, name: str):
        return getattr(self._real, name)


async def test_a_commit_that_failed_leaves_nothing_and_does_not_bar_the_next(journal):
    journal._db = FailingOnce(journal._db, "COMMIT")
    with pytest.raises(JournalError, match=r"disk I/O error.*nothing may be done without it"):
        await journal.begin(entry("op-1"))
    assert await journal.get("op-1") is None
    assert await journal.begin(entry("op-2")) is None


async def test_a_full_disk_is_named_and_survived(journal):
    pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
    journal._db.execute(f"PRAGMA max_page_count={pages}")
    big = replace(entry("op-1"), command="x" * 50_000)
    with pytest.raises(JournalError, match=r"database or disk is full.*nothing may be done without it"):
        await journal.begin(big)
    assert await journal.get("op-1") is None
    journal._db.execute("PRAGMA max_page_count=100000")
    assert await journal.begin(big) is None


@pytest.mark.parametrize("replaced", [False, True])
async def test_nothing_is_begun_in_a_journal_that_was_removed_or_replaced(bench, replaced):
    await bench.run("restart_service", "op-1", region="west")
    path = Path(bench.config["journal"])
    take_away(path, replaced)
    with pytest.raises(JournalError, match="was removed or replaced while in use: put it back"):
        await bench.run("restart_service", "op-2", region="east")
    assert bench.platform.calls["restart east"] == 0
    put_back(path)
    assert (await bench.run("restart_service", "op-2", region="east")).status == "succeeded"


def take_away(path: Path, replaced: bool) -> None:
    path.rename(path.with_name("kept.db"))
    if replaced:
        path.touch()


def put_back(path: Path) -> None:
    path.with_name("kept.db").rename(path)


UNREADABLE = [
    ("arguments", "{"),
    ("started_at", "yesterday"),
    ("inverse", '{"tool": "x", "arguments": 7}'),
    ("result", '{"status": "from a later program"}'),
]


@pytest.mark.parametrize(("column", "content"), UNREADABLE)
async def test_what_the_journal_holds_and_nobody_can_read_stops_the_operation(bench, column, content):
    await bench.run("scale_service", region="east", replicas=3)
    bench.workshop.journal._db.execute(f"UPDATE operations SET {column} = ?", (content,))
    with pytest.raises(JournalError, match=r"can't be read or written .*: nothing may be done without it"):
        await bench.run("scale_service", region="east", replicas=3)
    assert bench.platform.revisions_made() == 1


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as db:
        db.executescript(FIRST_VERSION)
    db.close()
    return path


def version(path: Path) -> tuple[int, set[str]]:
    with sqlite3.connect(path) as db:
        found = db.execute("PRAGMA user_version").fetchone()[0], {row[1] for row in db.execute("PRAGMA table_info(operations)")}
    db.close()
    return found


async def test_an_upgrade_that_is_broken_off_half_way_has_changed_nothing(old, monkeypatch):
    before = version(old)
    broken = module._UPGRADES[1] + "CREATE TABLE epochs (again TEXT);"
    monkeypatch.setitem(module._UPGRADES, 1, broken)
    with pytest.raises(JournalError, match="already exists"):
        Journal(old)
    assert version(old) == before
    monkeypatch.undo()
    upgraded = Journal(old)
    try:
        assert (await upgraded.get("op-1")).epoch == 7
    finally:
        upgraded.close()


@pytest.mark.parametrize("fresh", [False, True])
def test_servers_that_open_one_journal_at_once_upgrade_it_once(old, fresh):
    if fresh:
        old.unlink()
    with ThreadPoolExecutor(6) as pool:
        opened = list(pool.map(Journal, [old] * 6))
    for journal in opened:
        journal.close()
    assert version(old)[0] == module._VERSION
