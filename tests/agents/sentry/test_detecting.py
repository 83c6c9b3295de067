"""Sentry at work in a simulated world: what it opens, updates and clears, and how fast."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from tests_support import Build

from agents.events import IncidentDiagnosed, StrategyApproved, StrategyProposed
from agents.facts import Action
from agents.telemetry import AgentState, RegionSample, UsersSample


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


async def test_a_slow_answer_is_judged_at_once_and_still_read(station):
    async with station:
        await station.clock.run(20.05)
        station.world.regions["east"].latency_ms = 1_500
        took = await station.until("incident.opened")
        assert took is not None
        assert took <= 2.6
        seen = {(o.region, o.metric): o for o in station.store.of("incident.opened")[0].data.observations}
        await station.clock.run(2)
        assert station.store.folded["INC-1"].regions == ("east",)
        assert {s.kind for s in station.store.folded["INC-1"].symptoms if s.region} == {"latency"}
        assert seen["east", "health"].text in {
            "east health: pass (200 in 1500 ms)",
            "east health: not known (no answer after 0.6 s yet)",
        }
        sample = next(i for i in reversed(station.telemetry.items) if isinstance(i, RegionSample) and i.region == "east")
        assert sample.detail in {"200", "no answer after 0.6 s yet"}


async def test_a_slow_region_delays_no_look(station):
    async with station:
        await station.clock.run(20)
        station.world.regions["east"].trouble = "timeout"
        before = sum("east/health" in url for url in station.world.asked)
        await station.clock.run(10)
        assert sum("east/health" in url for url in station.world.asked) - before >= 9


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


async def test_where_users_fail_first_the_region_that_had_a_bad_look_is_named_with_them(make_station, make_target):
    station = make_station(targets={"demo": make_target(platform=False)})
    async with station:
        await station.clock.run(20.05)
        station.world.regions["east"].dead.add(1)
        took = await station.until("incident.opened")
        assert took is not None
        assert took <= 3.1
        assert "east" in station.store.folded["INC-1"].regions
        assert "west" not in station.store.folded["INC-1"].regions


async def test_numbers_from_before_an_outage_are_not_shown_as_those_of_now(station):
    async with station:
        await station.clock.run(20.05)
        station.world.regions["east"].status = 503
        await station.until("incident.opened")
        seen = {(o.region, o.metric) for o in station.store.of("incident.opened")[0].data.observations}
        assert ("east", "error_rate") not in seen
        assert ("west", "health") in seen


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


async def test_a_slow_replica_of_two_is_seen(station):
    async with station:
        await station.clock.run(20.05)
        east = station.world.regions["east"]
        honest = station.world._ask

        async def one_slow(region, path, timeout_s):
            slow = region is east and (region.turn + 1) % 2 == 0 and path != "/metrics"
            region.latency_ms = 1_500 if slow else 8
            return await honest(region, path, timeout_s)

        station.world._ask = one_slow
        took = await station.until("incident.opened")
        assert took is not None
        assert took <= 3


async def test_one_bad_look_opens_nothing(station):
    async with station:
        await station.clock.run(20.5)
        station.world.regions["east"].status = 503
        await station.clock.run(1)
        station.world.regions["east"].status = 200
        await station.clock.run(20)
        assert station.store.events == []


async def test_users_who_fail_while_both_regions_look_well_are_seen(station):
    async with station:
        await station.clock.run(20)
        station.world.public_trouble = "unreachable"
        assert await station.until("incident.opened", seconds=3) is not None
        opened = station.store.of("incident.opened")[0].data
        assert opened.title == "users failing"
        assert [(s.region, s.kind) for s in opened.symptoms] == [(None, "users_failing")]


async def test_another_region_that_fails_later_updates_the_incident_once(station):
    async with station:
        await station.clock.run(20)
        station.world.regions["east"].status = 503
        await station.until("incident.opened")
        station.world.regions["west"].health = 503
        assert await station.until("incident.updated", seconds=4) is not None
        await station.clock.run(10)
        assert len(station.store.of("incident.updated")) == 1
        assert station.store.folded["INC-1"].regions == ("east", "west")


async def test_nothing_is_updated_while_infrastructure_is_being_changed(station):
    async with station:
        await station.clock.run(20)
        station.world.regions["east"].status = 503
        await station.until("incident.opened")
        await station.carry_out(Build(station.clock).failover())
        station.world.regions["west"].health = 503
        await station.clock.run(10)
        assert station.store.of("incident.updated") == []


async def test_symptoms_that_go_on_while_nothing_is_done_are_escalated_after_a_minute(station):
    async with station:
        await station.clock.run(20)
        station.world.regions["east"].health = 503
        await station.until("incident.opened")
        build = Build(station.clock)
        plan = build.strategy(Action(kind="do_nothing"))
        for payload in (
            IncidentDiagnosed(diagnosis=build.diagnosis("observer_fault")),
            StrategyProposed(strategy=plan),
            StrategyApproved(strategy=plan, by="policy", reasons=()),
        ):
            await station.store.append([build.event(payload, id_=payload.TYPE)])
        took = await station.until("incident.escalated", seconds=70)
        assert took is not None
        assert 60 <= took <= 62
        assert "still so" in station.store.of("incident.escalated")[0].data.reason
        station.world.regions["east"].health = None
        assert await station.until("incident.resolved") is not None


async def test_a_platform_that_can_not_be_read_is_a_fact_and_no_failure_of_a_region(station):
    async with station:
        await station.clock.run(20)
        station.world.tools_away = True
        await station.clock.run(20)
        assert station.store.events == []
        station.world.regions["east"].status = 503
        await station.until("incident.opened")
        seen = station.store.of("incident.opened")[0].data.observations
        reachable = next(o for o in seen if o.metric == "platform_reachable")
        assert (reachable.value, reachable.baseline) == (0, 1)
        assert "the server is away" in reachable.text


async def test_a_restart_by_order_is_no_incident(station):
    async with station:
        await station.clock.run(20)
        station.world.regions["west"].ready = 1
        station.world.regions["west"].running_state = "Processing"
        await station.clock.run(20)
        station.world.regions["west"].ready = 2
        station.world.regions["west"].running_state = "Running"
        await station.clock.run(20)
        assert station.store.events == []


async def test_the_platform_is_left_in_peace_while_all_is_well_and_asked_at_once_when_something_is_odd(station):
    async with station:
        await station.clock.run(20)
        calm = len(station.world.reads)
        assert calm <= 3 * 5
        station.world.regions["west"].status = 503
        await station.clock.run(4)
        assert len(station.world.reads) - calm >= 3 * 3


async def test_a_store_that_fails_ends_one_look_and_not_the_watching(station):
    async with station:
        await station.clock.run(20)
        station.store.broken = True
        station.world.regions["east"].status = 503
        await station.clock.run(5)
        assert station.running
        assert any("the database is locked" in i.detail for i in station.telemetry.items if isinstance(i, AgentState))
        station.store.broken = False
        assert await station.until("incident.opened", seconds=2) is not None


async def test_what_is_normal_is_never_learnt_from_what_is_broken(station):
    async with station:
        await station.clock.run(20)
        station.world.regions["east"].latency_ms = 900
        await station.until("incident.opened")
        await station.clock.run(120)
        assert len(station.store.of("incident.opened")) == 1
        assert station.store.of("incident.resolved") == []


async def test_a_new_version_is_seen_as_a_change(station):
    async with station:
        await station.clock.run(20)
        station.world.regions["east"].revision = "demo-east--2"
        await station.clock.run(10)
        station.world.regions["east"].status = 500
        await station.until("incident.opened")
        seen = {(o.region, o.metric): o for o in station.store.of("incident.opened")[0].data.observations}
        assert seen["east", "app_version_changed"].value == 1
        assert "before demo-east--1" in seen["east", "app_version_changed"].text
        assert seen["west", "app_version_changed"].value == 0
        assert seen["east", "revision_age"].value < 15


async def test_samples_and_heartbeats_are_broadcast_each_second(station):
    async with station:
        await station.clock.run(10)
        items = station.telemetry.items
        assert sum(isinstance(i, RegionSample) and i.region == "east" for i in items) >= 10
        assert sum(isinstance(i, UsersSample) for i in items) >= 10
        beats = [i for i in items if isinstance(i, AgentState)]
        assert len(beats) >= 10
        assert beats[-1].state == "idle"
        sample = [i for i in items if isinstance(i, RegionSample)][-2]
        assert (sample.state, sample.replicas_ready, sample.traffic, sample.detail) == ("ok", 2, 100, "200")
        users = [i for i in items if isinstance(i, UsersSample)][-1]
        assert (users.state, users.region, users.error_rate) == ("ok", "east", 0)
    assert station.world.closed


async def test_a_look_that_hangs_is_told_by_the_heartbeat(station):
    async with station:
        await station.clock.run(5)

        async def hang(*_args, **_more):
            await asyncio.Event().wait()

        station.world.get = hang
        await station.clock.run(40)
        beat = [i for i in station.telemetry.items if isinstance(i, AgentState)][-1]
        assert beat.state == "down"
        assert "no look at demo/east for" in beat.detail
        assert station.sentry.latest("demo") == {"east": "unknown", "west": "unknown"}


async def test_nobody_is_called_slow_while_this_machine_is_held_up(station):
    async with station:
        await station.clock.run(20)
        for _ in range(6):
            station.world.regions["east"].latency_ms = 800
            await station.clock.run(0.5)
            station.clock.time += timedelta(seconds=0.5)
        station.world.regions["east"].latency_ms = 8
        await station.clock.run(20)
        assert station.store.events == []


async def test_flapping_slower_than_the_rise_opens_ever_fewer_incidents(station):
    async with station:
        await station.clock.run(20)
        for _ in range(40):
            station.world.regions["west"].health = 503
            await station.clock.run(2)
            station.world.regions["west"].health = None
            await station.clock.run(5)
        assert 1 <= len(station.store.of("incident.opened")) <= 3


async def test_targets_are_looked_at_side_by_side(make_station, make_target):
    targets = {"demo": make_target(), "other": make_target(platform=False, public=False, demo=False)}
    station = make_station(targets=targets)
    async with station:
        await station.clock.run(20)
        station.world.regions["west"].status = 503
        await station.until("incident.opened", count=2)
        await station.clock.run(10)
        assert sorted(e.data.target for e in station.store.of("incident.opened")) == ["demo", "other"]
