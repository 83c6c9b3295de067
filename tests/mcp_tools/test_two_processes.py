"""Two servers on one journal, a leader that wakes up too late, a caller that leaves: still once each, one after the other."""

from __future__ import annotations

import asyncio

import pytest

from overwatch_mcp.errors import BusyError
from overwatch_mcp.journal import Entry, Journal
from overwatch_mcp.operations import Call


async def run(workshop, tool, operation_id: str, **arguments):
    effect = await workshop.effect(tool, "demo", arguments, operation_id)
    return await workshop.operations.execute(effect, Call(operation_id))


@pytest.fixture
def held(bench):
    """The platform's next restart waits for this."""
    event = asyncio.Event()
    bench.platform.before["restart"] = [event.wait]
    return event


@pytest.fixture
def polled(bench, monkeypatch):
    """How often somebody waited; waiting takes no time, so that no patience ends."""
    seen = []

    async def sleep(seconds: float) -> None:
        seen.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr(bench.clock, "sleep", sleep)
    return seen


async def test_the_same_call_through_another_process_waits_and_gets_the_stored_result(bench, held, polled):
    bench.platform.start_seconds = 0
    first = asyncio.create_task(run(bench.workshop, "restart_service", "op-1", region="east"))
    await bench.until(lambda: not bench.platform.before["restart"])
    second = asyncio.create_task(run(bench.anew(), "restart_service", "op-1", region="east"))
    await bench.until(lambda: polled)
    held.set()
    results = [await first, await second]
    assert [(one.status, one.replayed) for one in results] == [("succeeded", False), ("succeeded", True)]
    assert results[1] == results[0].model_copy(update={"replayed": True})
    assert bench.platform.calls["restart east"] == 1


async def test_another_call_through_another_process_starts_when_the_first_has_ended(bench, held, polled):
    bench.platform.start_seconds = 0
    first = asyncio.create_task(run(bench.workshop, "restart_service", "op-1", region="east"))
    await bench.until(lambda: not bench.platform.before["restart"])
    second = asyncio.create_task(run(bench.anew(), "scale_service", "op-2", region="east", replicas=3))
    await bench.until(lambda: len(polled) > 2)
    assert bench.platform.revisions_made() == 0
    assert await bench.workshop.journal.get("op-2") is None
    held.set()
    assert [(await first).status, (await second).status] == ["succeeded", "succeeded"]


async def test_what_waits_for_its_turn_is_known_as_started_so_that_nobody_takes_it_for_never_sent(bench, held, polled):
    bench.platform.start_seconds = 0
    first = asyncio.create_task(run(bench.workshop, "restart_service", "op-1", region="east"))
    await bench.until(lambda: not bench.platform.before["restart"])
    second = asyncio.create_task(run(bench.anew(), "scale_service", "op-2", region="east", replicas=3))
    await bench.until(lambda: polled)
    record = await bench.workshop.operations.get("op-2")
    assert (record.known, record.status) == (True, "started")
    held.set()
    await asyncio.gather(first, second)


async def test_a_server_that_ends_does_not_begin_what_waited_for_its_turn(bench, held, polled):
    bench.platform.start_seconds = 0
    first = asyncio.create_task(run(bench.workshop, "restart_service", "op-1", region="east"))
    await bench.until(lambda: not bench.platform.before["restart"])
    second = asyncio.create_task(run(bench.anew(), "scale_service", "op-2", region="east", replicas=3))
    await bench.until(lambda: polled)
    draining = asyncio.create_task(bench.workshop.operations.drain(10))
    await asyncio.sleep(0)
    held.set()
    assert (await first).status == "succeeded"
    with pytest.raises(BusyError, match="'op-2' was not begun"):
        await second
    assert await draining == 0
    assert (await bench.workshop.operations.get("op-2")).known is False
    assert bench.platform.revisions_made() == 0


async def test_what_a_caller_left_is_seen_through_and_recorded_without_anybody_asking(bench, held):
    call = asyncio.create_task(bench.run("restart_service", region="east"))
    await bench.until(lambda: not bench.platform.before["restart"])
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    held.set()
    assert await bench.workshop.operations.drain(10) == 0
    assert (await bench.workshop.operations.get("op-1")).status == "succeeded"
    assert bench.platform.calls["restart east"] == 1


async def test_a_leader_that_was_overtaken_while_it_looked_does_nothing(bench):
    other = Journal(bench.workshop.journal.path)

    async def overtake() -> None:
        entry = Entry("op-2", "restart_service", "demo", {"region": "west"}, 5, {}, None, "az", bench.clock.now())
        assert await other.begin(entry) is None

    bench.platform.before["service"] = [overtake]
    try:
        result = await bench.run("restart_service", epoch=4, region="east")
    finally:
        other.close()
    assert result.status == "refused"
    assert "epoch 4 is stale, 5 has acted" in result.error
    assert bench.platform.calls["restart east"] == 0
    assert (await bench.workshop.operations.get("op-1")).status == "absent"


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_stale_leader_hears_so_before_anything_is_read_or_stored(bench, dry_run):
    await bench.run("restart_service", "op-new", epoch=7, region="west")
    looked = []
    bench.platform.before["service"] = [lambda: looked.append(True)]
    result = await bench.run("restart_service", epoch=6, dry_run=dry_run, region="east", expected_revision="other")
    assert (result.status, looked) == ("refused", [])
    assert "epoch 6 is stale" in result.error
    assert (await bench.workshop.operations.get("op-1")).status == "absent"
