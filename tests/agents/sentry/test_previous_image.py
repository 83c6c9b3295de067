"""Which image a region could go back to: the one that ran well before, and never one that was in trouble."""

from __future__ import annotations


async def test_the_image_that_ran_well_before_is_the_previous_one(station):
    async with station:
        await station.clock.run(20)
        assert station.sentry.previous_image("demo") == {}
        station.world.regions["east"].image = "mini-app:2"
        await station.clock.run(20)
        assert station.sentry.previous_image("demo") == {"east": "mini-app:1"}


async def test_a_release_that_fails_leaves_the_one_before_as_the_previous_one(station):
    async with station:
        await station.clock.run(20)
        station.world.regions["east"].image = "mini-app:2"
        station.world.regions["east"].status = 500
        await station.until("incident.opened")
        await station.clock.run(5)
        assert station.sentry.previous_image("demo") == {"east": "mini-app:1"}


async def test_after_a_rollback_the_failed_image_is_not_offered(station):
    async with station:
        await station.clock.run(20)
        east = station.world.regions["east"]
        east.image, east.status = "mini-app:2", 500
        await station.until("incident.opened")
        await station.clock.run(5)
        east.image, east.status = "mini-app:1", 200
        await station.clock.run(5)
        assert station.sentry.previous_image("demo") == {}


async def test_of_a_target_that_is_not_watched_nothing_is_known(station):
    assert station.sentry.previous_image("bank") == {}
