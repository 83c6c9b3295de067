"""Property 16, Sentry's part: what was well before an action and is worse after it blocks success."""

from __future__ import annotations

import pytest
from sentry_support import Station, World, target_settings
from tests_support import Build

from agents.settings import SentrySettings

FAST = SentrySettings(verify_timeout_s=6)


def restart(station: Station):
    return Build(station.clock).restart("east")


async def restarted(station: Station):
    """East failed and was restarted: by itself, that is a success."""
    await station.clock.run(15)
    station.world.regions["east"].status = 503
    assert await station.until("incident.opened") is not None
    event = await station.carry_out(restart(station), fault_class="crash")
    station.world.regions["east"].status = 200
    return event


async def test_without_harm_the_same_restart_is_a_success():
    station = Station(FAST)
    async with station:
        outcome = await station.verify(await restarted(station))
        assert outcome.emit[0].type == "verification.passed"
        assert any(c.name == "west unharmed" and c.passed for c in outcome.emit[0].data.checks)


@pytest.mark.parametrize("harm", ["health", "errors", "latency", "unreachable", "replicas"])
async def test_another_region_that_became_worse_blocks_success(harm):
    station = Station(FAST)
    async with station:
        event = await restarted(station)
        west = station.world.regions["west"]
        if harm == "health":
            west.health = 503
        elif harm == "errors":
            west.status = 500
        elif harm == "latency":
            west.latency_ms = 700
        elif harm == "unreachable":
            west.trouble = "unreachable"
        else:
            west.ready = 1
        outcome = await station.verify(event)
        assert outcome.emit[0].type == "verification.failed"
        checks = {c.name: c for c in outcome.emit[0].data.checks}
        assert not checks["west unharmed"].passed
        assert checks["east health"].passed
        assert not outcome.record.succeeded


async def test_what_was_left_broken_by_an_earlier_recovery_does_not_block_the_next():
    station = Station(FAST)
    async with station:
        await station.clock.run(15)
        station.world.regions["east"].status = 503
        assert await station.until("incident.opened") is not None
        event = await station.carry_out(Build(station.clock).failover())
        station.world.weights = {"east": 0, "west": 100}
        assert (await station.verify(event)).emit[0].type == "verification.passed"
        await station.clock.run(5)
        station.world.regions["west"].status = 503
        assert await station.until("incident.opened", count=2) is not None
        event = await station.carry_out(Build(station.clock).restart("west"), fault_class="crash")
        station.world.regions["west"].status = 200
        outcome = await station.verify(event)
        assert outcome.emit[0].type == "verification.passed"
        check = next(c for c in outcome.emit[0].data.checks if c.name == "east unharmed")
        assert "as bad as before" in check.detail


async def test_a_region_that_was_as_bad_before_the_action_does_not_block_success():
    station = Station(FAST, targets={"demo": target_settings("east", "west", "north")}, world=None)
    station.world = World(station.clock, "east", "west", "north")
    station.sentry = station.make()
    async with station:
        await station.clock.run(15)
        station.world.regions["north"].health = 503
        station.world.regions["east"].status = 503
        assert await station.until("incident.opened") is not None
        to_west = Build(station.clock).failover()
        weights = {"east": 0, "west": 100, "north": 0}
        call = to_west.call.model_copy(update={"weights": weights})
        event = await station.carry_out(to_west.model_copy(update={"call": call}))
        station.world.weights = weights
        assert (await station.verify(event)).emit[0].type == "verification.passed"


async def test_another_target_that_became_worse_blocks_success():
    station = Station(FAST, targets={"demo": target_settings(), "other": target_settings("south", public=False, platform=False)})
    station.world = World(station.clock, "east", "west", "south")
    station.sentry = station.make()
    async with station:
        event = await restarted(station)
        station.world.regions["south"].status = 500
        outcome = await station.verify(event)
        assert outcome.emit[0].type == "verification.failed"
        check = next(c for c in outcome.emit[0].data.checks if c.name == "other unharmed")
        assert not check.passed
        assert "south" in check.detail


async def test_another_target_with_an_older_incident_of_its_own_does_not_block_success():
    station = Station(FAST, targets={"demo": target_settings(), "other": target_settings("south", public=False, platform=False)})
    station.world = World(station.clock, "east", "west", "south")
    station.sentry = station.make()
    async with station:
        await station.clock.run(15)
        station.world.regions["south"].status = 500
        await station.until("incident.opened")
        event = await restarted_beside(station)
        assert (await station.verify(event)).emit[0].type == "verification.passed"


async def restarted_beside(station: Station):
    station.world.regions["east"].status = 503
    assert await station.until("incident.opened", count=2) is not None
    event = await station.carry_out(restart(station), fault_class="crash")
    station.world.regions["east"].status = 200
    return event
