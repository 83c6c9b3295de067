"""Property 15, Sentry's part: nothing is verified but by good looks from outside, in a row, after the settle window."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sentry_support import Station
from tests_support import Build

from agents.seams import Context
from agents.settings import SentrySettings

FAST = SentrySettings(settle_s=2, verify_timeout_s=8, stable_looks=3)


async def failed_over(station: Station):
    """A station whose east region fails, and the event that says that users were moved."""
    await station.clock.run(15)
    station.world.regions["east"].status = 503
    assert await station.until("incident.opened") is not None
    return await station.carry_out(Build(station.clock).failover())


def script(station: Station, looks: list[bool]) -> None:
    """From now on, west is well or ill by turns of a second, and stays as in the last one."""
    start = station.clock.seconds
    west = station.world.regions["west"]
    honest = station.world.get

    async def scripted(url, **more):
        west.status = 200 if looks[min(int(station.clock.seconds - start), len(looks) - 1)] else 503
        return await honest(url, **more)

    station.world.get = scripted


@settings(max_examples=40, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=14))
def test_success_needs_as_many_good_looks_in_a_row_as_are_asked_for(looks):
    async def run():
        station = Station(FAST)
        async with station:
            event = await failed_over(station)
            station.world.weights = {"east": 0, "west": 100}
            script(station, looks)
            outcome = await station.verify(event)
        seconds = [looks[min(n, len(looks) - 1)] for n in range(30)]
        judged = seconds[2 : 2 + 9]
        ever = any(all(judged[n : n + 3]) for n in range(len(judged) - 2))
        passed = outcome.emit[0].type == "verification.passed"
        assert passed <= ever
        assert passed or not all(judged)
        assert outcome.record.succeeded is passed
        assert station.store.folded["INC-1"].status == ("resolved" if passed else "undoing")

    asyncio.run(run())


@pytest.mark.parametrize(
    "ill",
    ["the destination's health", "the destination's user path", "the public address", "the wrong region answers", "users fail"],
)
async def test_each_thing_that_is_still_wrong_fails_the_verification(ill):
    station = Station(FAST)
    async with station:
        event = await failed_over(station)
        world = station.world
        world.weights = {"east": 0, "west": 100}
        if ill == "the destination's health":
            world.regions["west"].health = 503
        elif ill == "the destination's user path":
            world.regions["west"].status = 500
        elif ill == "the public address":
            world.public_trouble = "timeout"
        elif ill == "the wrong region answers":
            world.weights = {"east": 100, "west": 0}
            world.regions["east"].status = 200
        else:
            world.regions["west"].error_rate = 0.5
        outcome = await station.verify(event)
        assert [e.type for e in outcome.emit] == ["verification.failed"]
        assert station.store.of("incident.resolved") == []


async def test_nothing_is_asked_before_the_settle_window_has_passed():
    station = Station(SentrySettings(settle_s=30, interval_s=1))
    async with station:
        event = await failed_over(station)
        station.world.weights = {"east": 0, "west": 100}
        await station.stop()
        station.world.asked.clear()
        context = Context(station.store.folded["INC-1"], 1, station.clock, station.telemetry)
        task = asyncio.create_task(station.sentry.handle(event, context))
        await station.clock.run(29)
        assert station.world.asked == []
        assert await station.clock.run(20, task.done)
        assert station.world.asked != []


async def test_a_restart_whose_replicas_are_not_all_back_is_not_verified_though_the_answers_are_good():
    station = Station(FAST)
    async with station:
        await station.clock.run(15)
        station.world.regions["east"].status = 503
        assert await station.until("incident.opened") is not None
        event = await station.carry_out(Build(station.clock).restart("east"), fault_class="crash")
        station.world.regions["east"].status = 200
        station.world.regions["east"].ready = 1
        outcome = await station.verify(event)
        assert outcome.emit[0].type == "verification.failed"
        assert [c.name for c in outcome.emit[0].data.checks if not c.passed] == ["east replicas", "stable"]


async def test_replicas_that_the_platform_does_not_tell_are_not_taken_for_ready():
    station = Station(FAST)
    async with station:
        await station.clock.run(15)
        station.world.regions["east"].status = 503
        assert await station.until("incident.opened") is not None
        event = await station.carry_out(Build(station.clock).restart("east"), fault_class="crash")
        station.world.regions["east"].status = 200
        station.world.tools_away = True
        assert (await station.verify(event)).emit[0].type == "verification.failed"


async def test_what_can_not_be_compared_with_a_baseline_is_held_to_the_floor():
    station = Station(FAST)
    build = Build(station.clock)
    opened = build.opened().model_copy(update={"manual": True, "symptoms": (), "observations": ()})
    await station.store.open_incident(opened, "person", station.clock.now())
    event = await station.carry_out(build.failover())
    station.world.weights = {"east": 0, "west": 100}
    station.world.regions["west"].latency_ms = 700
    assert (await station.verify(event)).emit[0].type == "verification.failed"


async def test_a_destination_that_dies_during_the_verification_is_not_verified():
    station = Station(FAST)
    async with station:
        event = await failed_over(station)
        station.world.weights = {"east": 0, "west": 100}
        script(station, [True, True, True, True, False])
        assert (await station.verify(event)).emit[0].type == "verification.failed"


async def test_an_incident_that_was_acted_upon_is_never_cleared_by_good_looks_alone():
    station = Station(FAST)
    async with station:
        await failed_over(station)
        station.world.regions["east"].status = 200
        await station.clock.run(30)
        assert station.store.folded["INC-1"].status == "verifying"
