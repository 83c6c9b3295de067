"""What was about to be done is durable before it is done."""

from __future__ import annotations

import sqlite3
import stat
from datetime import UTC, datetime

import pytest

from overwatch_mcp.errors import JournalError
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
