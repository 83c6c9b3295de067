"""Sentry at work in a simulated world: what it opens, updates and clears, and how fast."""

from __future__ import annotations


async def test_a_healthy_target_stays_quiet_and_is_drawn_as_healthy(station):
    async with station:
        await station.clock.run(30)
        assert station.store.events == []
        assert station.sentry.latest("demo") == {"east": "ok", "west": "ok"}


async def test_a_region_outage_is_seen_within_three_seconds_as_health_and_errors(station):
    async with station:
        await station.clock.run(20.05)
        station.world.regions["east"].status = 503
        took = await station.until("incident.opened")
        assert took is not None
        assert took <= 3
        opened = station.store.of("incident.opened")[0].data
        assert opened.title == "east: health fail, errors; users failing"
        assert {(s.region, s.kind) for s in opened.symptoms} == {
            ("east", "health_fail"),
            ("east", "errors"),
            (None, "users_failing"),
        }


async def test_a_refused_region_is_unreachable(station):
    async with station:
        await station.clock.run(20.05)
        station.world.regions["east"].trouble = "unreachable"
        took = await station.until("incident.opened")
        assert took is not None
        assert took <= 3
        kinds = {s.kind for s in station.store.of("incident.opened")[0].data.symptoms if s.region == "east"}
        assert kinds == {"unreachable"}


async def test_a_slow_region_is_seen_within_three_seconds_though_its_probes_run_into_their_time_out(station):
    async with station:
        await station.clock.run(20.05)
        station.world.regions["east"].latency_ms = 1_500
        station.world.regions["east"].error_rate = 0.4
        took = await station.until("incident.opened")
        assert took is not None
        assert took <= 3
        opened = station.store.of("incident.opened")[0].data
        assert ("east", "latency") in {(s.region, s.kind) for s in opened.symptoms}
        assert {o.region for o in opened.observations} == {"east", "west", None}
        assert [o.id for o in opened.observations] == [f"o{n}" for n in range(1, len(opened.observations) + 1)]


async def test_one_dead_replica_of_two_is_seen_through_the_alternation(station):
    async with station:
        await station.clock.run(20.05)
        station.world.regions["east"].dead.add(1)
        took = await station.until("incident.opened")
        assert took is not None
        assert took <= 3
        opened = station.store.of("incident.opened")[0].data
        assert ("east", "replicas_missing") in {(s.region, s.kind) for s in opened.symptoms}
        ready = next(o for o in opened.observations if o.region == "east" and o.metric == "replicas_ready")
        assert (ready.value, ready.baseline) == (1, 2)


async def test_both_regions_failing_at_once_open_one_incident_that_names_both(station):
    async with station:
        await station.clock.run(20.05)
        for region in station.world.regions.values():
            region.health = 503
        await station.until("incident.opened")
        await station.clock.run(5)
        assert len(station.store.of("incident.opened")) == 1
        assert {s.region for s in station.store.of("incident.opened")[0].data.symptoms} >= {"east", "west"}


async def test_symptoms_that_go_away_clear_the_incident(station):
    async with station:
        await station.clock.run(20)
        station.world.regions["east"].status = 503
        await station.until("incident.opened")
        station.world.regions["east"].status = 200
        took = await station.until("incident.resolved")
        assert took is not None
        assert 2 <= took <= 6
        assert station.store.of("incident.resolved")[0].data.how == "cleared"


async def test_a_restarted_sentry_goes_on_with_the_open_incident(station):
    async with station:
        await station.clock.run(20)
        station.world.regions["east"].status = 503
        await station.until("incident.opened")
        await station.restart()
        await station.clock.run(10)
        assert len(station.store.of("incident.opened")) == 1
        station.world.regions["east"].status = 200
        assert await station.until("incident.resolved") is not None
