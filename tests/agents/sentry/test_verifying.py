"""Sentry judges what the others did: in the simulated world, on simulated time."""

from __future__ import annotations

import asyncio

import pytest
from tests_support import Build

from agents.seams import Context, Outcome


@pytest.fixture
async def broken(station):
    """A watched target whose east region has been failing since its incident was opened."""
    async with station:
        await station.clock.run(20)
        station.world.regions["east"].status = 503
        assert await station.until("incident.opened") is not None
        yield station


def failover(station):
    return Build(station.clock).failover()


def named(outcome):
    return {check.name: check for check in outcome.emit[0].data.checks}


async def test_a_failover_that_helped_is_verified_though_the_source_stays_broken(broken):
    event = await broken.carry_out(failover(broken))
    broken.world.weights = {"east": 0, "west": 100}
    start = broken.clock.seconds
    outcome = await broken.verify(event)
    assert [e.type for e in outcome.emit] == ["verification.passed", "incident.resolved"]
    assert 4 <= broken.clock.seconds - start <= 6
    checks = named(outcome)
    assert set(checks) == {"west health", "west signals", "users reach it", "users are served", "stable"}
    assert "answered by west" in checks["users reach it"].detail
    assert outcome.record is not None
    assert (outcome.record.action, outcome.record.succeeded, outcome.record.simulated) == ("failover_region", True, True)
    assert (outcome.record.operation, outcome.record.fault_class) == ("INC-1/s1:0", "region_down")
    assert broken.store.folded["INC-1"].status == "resolved"


async def test_what_is_left_behind_opens_no_second_incident_until_it_was_well_again(broken):
    event = await broken.carry_out(failover(broken))
    broken.world.weights = {"east": 0, "west": 100}
    await broken.verify(event)
    await broken.clock.run(30)
    await broken.restart()
    await broken.clock.run(30)
    assert len(broken.store.of("incident.opened")) == 1
    broken.world.regions["east"].status = 200
    await broken.clock.run(10)
    broken.world.regions["east"].status = 503
    assert await broken.until("incident.opened", count=2) is not None


async def test_users_who_are_moved_back_to_what_was_left_behind_open_an_incident(broken):
    event = await broken.carry_out(failover(broken))
    broken.world.weights = {"east": 0, "west": 100}
    await broken.verify(event)
    await broken.clock.run(10)
    broken.world.weights = {"east": 100, "west": 0}
    assert await broken.until("incident.opened", count=2, seconds=15) is not None


async def test_an_api_that_says_done_while_users_still_fail_is_not_believed(broken):
    event = await broken.carry_out(failover(broken))
    outcome = await broken.verify(event)
    assert [e.type for e in outcome.emit] == ["verification.failed"]
    checks = named(outcome)
    assert not checks["users reach it"].passed
    assert not checks["stable"].passed
    assert outcome.record is not None
    assert not outcome.record.succeeded
    assert broken.store.folded["INC-1"].status == "undoing"


async def test_a_restart_that_did_not_help_has_failed_after_its_time(broken):
    event = await broken.carry_out(Build(broken.clock).restart())
    start = broken.clock.seconds
    outcome = await broken.verify(event)
    assert [e.type for e in outcome.emit] == ["verification.failed"]
    assert 17 <= broken.clock.seconds - start <= 19
    assert not named(outcome)["east health"].passed


async def test_a_restart_is_verified_when_the_region_and_all_its_replicas_are_back(station):
    async with station:
        await station.clock.run(20)
        station.world.regions["east"].dead.add(1)
        assert await station.until("incident.opened") is not None
        event = await station.carry_out(Build(station.clock).restart(), fault_class="crash")
        task = asyncio.create_task(station.verify(event))
        await station.clock.run(3)
        station.world.regions["east"].dead.clear()
        assert await station.clock.run(20, task.done)
        outcome = task.result()
        assert [e.type for e in outcome.emit] == ["verification.passed", "incident.resolved"]
        assert named(outcome)["east replicas"].detail == "2 of 2 replicas are ready"
        await station.clock.run(20)
        assert len(station.store.of("incident.opened")) == 1


async def test_an_answer_from_a_region_that_should_not_answer_blocks_success(broken):
    event = await broken.carry_out(failover(broken))
    broken.world.regions["east"].status = 200
    outcome = await broken.verify(event)
    assert outcome.emit[0].type == "verification.failed"
    assert "west should answer" in named(outcome)["users reach it"].detail


async def test_metrics_of_the_edge_that_were_readable_before_must_be_readable_after(broken):
    event = await broken.carry_out(failover(broken))
    broken.world.weights = {"east": 0, "west": 100}
    broken.world.edge_broken = True
    outcome = await broken.verify(event)
    assert outcome.emit[0].type == "verification.failed"
    assert "can't be read" in named(outcome)["users are served"].detail


async def test_good_looks_that_are_not_in_a_row_verify_nothing(broken):
    event = await broken.carry_out(failover(broken))
    broken.world.weights = {"east": 0, "west": 100}
    west = broken.world.regions["west"]

    async def flap():
        while True:
            west.health = None if west.health else 503
            await broken.clock.sleep(1)

    task = asyncio.create_task(flap())
    try:
        outcome = await broken.verify(event)
    finally:
        task.cancel()
    assert outcome.emit[0].type == "verification.failed"


async def test_the_same_event_delivered_again_is_verified_again_with_the_same_ids(broken):
    event = await broken.carry_out(failover(broken))
    broken.world.weights = {"east": 0, "west": 100}
    first = await broken.verify(event, commit=False)
    await broken.restart()
    second = await broken.verify(event)
    assert [e.id for e in first.emit] == [e.id for e in second.emit]
    assert [e.type for e in second.emit] == ["verification.passed", "incident.resolved"]


async def test_what_is_not_for_sentry_is_left_alone(broken):
    build = Build(broken.clock)
    context = Context(incident=build.acting(), attempt=1, clock=broken.clock, telemetry=broken.telemetry)
    for event in (
        build.event(build.finished(build.acting(), 0)),
        build.event(build.finished(build.acting(), 0, undo=True)),
        build.event(build.opened()),
    ):
        assert await broken.sentry.handle(event, context) == Outcome()


async def test_a_manual_failover_of_a_healthy_target_is_verified_like_any_other(station):
    async with station:
        await station.clock.run(10)
        build = Build(station.clock)
        opened = build.opened().model_copy(update={"manual": True, "symptoms": (), "observations": ()})
        await station.store.open_incident(opened, "person", station.clock.now())
        await station.clock.run(10)
        assert station.store.folded["INC-1"].status == "open"
        event = await station.carry_out(build.failover())
        station.world.weights = {"east": 0, "west": 100}
        assert (await station.verify(event)).emit[0].type == "verification.passed"


async def test_a_target_that_is_no_longer_watched_is_not_verified(broken):
    event = await broken.carry_out(failover(broken))
    broken.targets.pop("demo")
    outcome = await broken.verify(event)
    assert outcome.emit[0].type == "verification.failed"
    assert "is not watched" in outcome.emit[0].data.checks[0].detail
