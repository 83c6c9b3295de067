"""At most so many writes to a target within an hour, whoever asks; undoing is always possible."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from overwatch_mcp.errors import BarredError
from overwatch_mcp.journal import Entry, Journal, WriteLimit
from overwatch_mcp.operations import Call

WEST, EAST = {"east": 0, "west": 100}, {"east": 100, "west": 0}


@pytest.fixture
def two_an_hour(bench):
    bench.config["targets"]["demo"]["limits"]["writes_per_hour"] = 2
    bench.anew()
    return bench


async def test_the_third_write_of_an_hour_is_refused_and_does_nothing(two_an_hour):
    await two_an_hour.run("scale_service", "op-1", region="east", replicas=3)
    await two_an_hour.run("scale_service", "op-2", region="east", replicas=4)
    result = await two_an_hour.run("scale_service", "op-3", region="east", replicas=5)
    assert result.status == "refused"
    assert "2 writes to 'demo' were begun within the last hour, 2 are allowed" in result.error
    assert two_an_hour.platform.revisions_made() == 2
    assert (await two_an_hour.workshop.summary("demo")).writes_left == 0


async def test_the_limit_holds_over_a_new_process(two_an_hour):
    await two_an_hour.run("scale_service", "op-1", region="east", replicas=3)
    await two_an_hour.run("scale_service", "op-2", region="east", replicas=4)
    two_an_hour.anew()
    assert (await two_an_hour.run("scale_service", "op-3", region="east", replicas=5)).status == "refused"


async def test_an_hour_later_it_may_go_on_under_the_same_id(two_an_hour):
    await two_an_hour.run("scale_service", "op-1", region="east", replicas=3)
    await two_an_hour.run("scale_service", "op-2", region="east", replicas=4)
    await two_an_hour.run("scale_service", "op-3", region="east", replicas=5)
    two_an_hour.clock.advance(3_600)
    assert (await two_an_hour.run("scale_service", "op-3", region="east", replicas=5)).status == "succeeded"


async def test_at_the_limit_an_operation_can_still_be_undone(two_an_hour):
    await two_an_hour.run("scale_service", "op-1", region="east", replicas=3)
    await two_an_hour.run("switch_traffic", "op-2", weights=WEST)
    effect = await two_an_hour.workshop.undo("op-2", "undo")
    result = await two_an_hour.workshop.operations.execute(effect, Call("undo", undoes="op-2"))
    assert result.status == "succeeded"
    assert (await two_an_hour.platform.traffic()).weights == EAST


async def undo(bench, undoes: str, operation_id: str, dry_run: bool = False):
    effect = await bench.workshop.undo(undoes, operation_id)
    return await bench.workshop.operations.execute(effect, Call(operation_id, dry_run=dry_run, undoes=undoes))


async def test_undoing_an_undoing_does_it_again_and_counts_so_that_no_chain_gets_round_the_limit(two_an_hour):
    await two_an_hour.run("switch_traffic", "do", weights=WEST)
    assert (await undo(two_an_hour, "do", "undo")).status == "succeeded"
    assert (await undo(two_an_hour, "undo", "again")).status == "succeeded"
    assert (await two_an_hour.workshop.summary("demo")).writes_left == 0
    assert (await undo(two_an_hour, "again", "back")).status == "succeeded"
    once_more = await undo(two_an_hour, "back", "once-more")
    assert once_more.status == "refused"
    assert "2 writes to 'demo' were begun within the last hour" in once_more.error
    assert (await two_an_hour.platform.traffic()).weights == EAST


async def test_a_dry_run_at_the_limit_says_that_it_would_be_refused(two_an_hour):
    await two_an_hour.run("scale_service", "op-1", region="east", replicas=3)
    await two_an_hour.run("switch_traffic", "op-2", weights=WEST)
    planned = await two_an_hour.run("scale_service", "op-3", region="east", replicas=4, dry_run=True)
    assert planned.status == "refused"
    assert "would be refused: 2 writes to 'demo'" in planned.summary
    assert (await undo(two_an_hour, "op-2", "undo", dry_run=True)).status == "planned"


async def test_refused_planned_and_repeated_calls_do_not_count(two_an_hour):
    await two_an_hour.run("scale_service", "no-1", region="east", replicas=9)
    await two_an_hour.run("scale_service", "no-2", region="east", replicas=3, expected_replicas=1)
    await two_an_hour.run("scale_service", "no-3", region="east", replicas=3, dry_run=True)
    await two_an_hour.run("scale_service", "op-1", region="east", replicas=3)
    await two_an_hour.run("scale_service", "op-1", region="east", replicas=3)
    assert (await two_an_hour.workshop.summary("demo")).writes_left == 1


async def test_a_burst_of_two_processes_does_not_slip_through(tmp_path):
    now = datetime(2026, 11, 23, 14, 2, 11, tzinfo=UTC)
    limit = WriteLimit(most=2, since=now - timedelta(hours=1))
    journals = [Journal(tmp_path / "operations.db") for _ in range(2)]
    burst = [journals[n % 2].begin(entry(f"op-{n}", now), limit) for n in range(8)]
    ends = await asyncio.gather(*burst, return_exceptions=True)
    for journal in journals:
        journal.close()
    assert sum(end is None for end in ends) == 2
    assert sum(isinstance(end, BarredError) for end in ends) == 6


def entry(operation_id: str, now: datetime) -> Entry:
    return Entry(operation_id, "restart_service", "demo", {"region": "east"}, 0, {}, None, "az", now)
