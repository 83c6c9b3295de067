"""The journal of operations is kept short, and what was done once is never done again."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from overwatch_mcp.errors import JournalError, RequestError
from overwatch_mcp.journal import Journal
from overwatch_mcp.journal_retention import GONE, keep_short

RELEASED = sorted((Path(__file__).parent / "released").glob("operations-*.db"))
EAST = {"region": "east"}


class CountingClock:
    """Time that stands far ahead; the days that were waited for are counted, and the last one never ends."""

    def __init__(self, days: int = 1) -> None:
        self.left = days
        self.over = asyncio.Event()

    def now(self) -> datetime:
        return datetime(2036, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self.left -= 1
        if self.left == 0:
            self.over.set()
            await asyncio.Event().wait()


async def much_later(bench) -> int:
    now = bench.workshop.clock.now()
    return await bench.workshop.journal.prune(now + timedelta(days=500))


async def ran(bench, *names: str) -> None:
    for n, name in enumerate(names):
        await bench.run("scale_service", name, region="east", replicas=3 + n % 2)


async def test_the_details_of_what_ended_long_ago_go_and_how_it_ended_stays(bench):
    await ran(bench, "op-1", "op-2")
    assert await much_later(bench) == 1
    record = await bench.workshop.operations.get("op-1")
    assert (record.known, record.status, record.inverse, record.state_before) == (True, "succeeded", None, {})
    assert record.arguments == EAST
    assert record.result.summary.endswith(GONE + ")")
    assert await much_later(bench) == 0


async def test_an_id_that_was_pruned_is_not_carried_out_again(bench):
    await ran(bench, "op-1", "op-2")
    await much_later(bench)
    made = bench.platform.revisions_made()
    again = await bench.run("scale_service", "op-1", region="east", replicas=3)
    assert (again.status, again.replayed) == ("succeeded", True)
    assert bench.platform.revisions_made() == made


async def test_a_pruned_id_with_other_arguments_is_refused_still(bench):
    await ran(bench, "op-1", "op-2")
    await much_later(bench)
    made = bench.platform.revisions_made()
    other = await bench.run("scale_service", "op-1", region="east", replicas=5)
    assert other.status == "refused"
    assert "begun with other arguments" in other.summary
    assert bench.platform.revisions_made() == made


async def test_what_was_pruned_can_not_be_undone_and_says_so(bench):
    await ran(bench, "op-1", "op-2")
    await much_later(bench)
    with pytest.raises(RequestError, match="ended long ago and its details were pruned"):
        await bench.workshop.undo("op-1", "undo")


async def test_the_newest_operation_of_a_target_keeps_everything(bench):
    await ran(bench, "op-1", "op-2")
    before = await bench.workshop.journal.get("op-2")
    await much_later(bench)
    assert await bench.workshop.journal.get("op-2") == before


@pytest.mark.parametrize("status", ["started", "unknown"])
async def test_what_nobody_knows_the_end_of_keeps_everything(bench, status):
    await ran(bench, "op-1", "op-2")
    bench.workshop.journal._db.execute("UPDATE operations SET status = ? WHERE operation_id = 'op-1'", (status,))
    assert await much_later(bench) == 0


async def test_what_is_young_keeps_everything(bench):
    await ran(bench, "op-1", "op-2")
    assert await bench.workshop.journal.prune(bench.workshop.clock.now() - timedelta(days=1)) == 0


async def test_the_server_prunes_once_a_day_and_with_zero_days_never(bench):
    await ran(bench, "op-1", "op-2")
    clock = CountingClock(days=3)
    await asyncio.wait_for(keep_short(bench.workshop.journal, 0, clock), 5)
    assert clock.left == 3
    keeping = asyncio.create_task(keep_short(bench.workshop.journal, 400, clock))
    await asyncio.wait_for(clock.over.wait(), 5)
    keeping.cancel()
    assert (await bench.workshop.operations.get("op-1")).inverse is None


async def test_a_journal_that_can_not_be_written_is_pruned_another_day(bench, monkeypatch):
    async def full(before):
        raise JournalError("the disk is full")

    monkeypatch.setattr(bench.workshop.journal, "prune", full)
    clock = CountingClock(days=2)
    keeping = asyncio.create_task(keep_short(bench.workshop.journal, 400, clock))
    await asyncio.wait_for(clock.over.wait(), 5)
    assert not keeping.done()
    keeping.cancel()


@pytest.fixture(params=RELEASED, ids=lambda path: path.stem)
def released(request, tmp_path) -> Path:
    return Path(shutil.copy(request.param, tmp_path / "operations.db"))


async def test_the_journal_of_a_released_version_is_taken_over_and_pruned(released):
    with closing(sqlite3.connect(released)) as database:
        (name, status), *_ = database.execute("SELECT operation_id, status FROM operations").fetchall()
        highest = database.execute("SELECT target, epoch FROM epochs").fetchone()
    journal = Journal(released)
    try:
        entry = await journal.get(name)
        assert (entry.status, entry.result.operation_id, entry.inverse is None) == (status, name, False)
        assert await journal.highest_epoch(highest[0]) == highest[1]
        assert await journal.prune(datetime(2036, 1, 1, tzinfo=UTC)) == 0, "it is the newest of its target"
    finally:
        journal.close()
    Journal(released).close()


def test_there_is_a_journal_of_a_released_version():
    assert RELEASED
