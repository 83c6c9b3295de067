"""Property 20, Sentry's part: noise opens nothing, flapping opens little, and the watcher says when it does not see."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from sentry_support import Station

from agents.sentry.detect import Stream

START = datetime(2026, 11, 23, tzinfo=UTC)
SECOND = timedelta(seconds=1)
BAD = frozenset({"errors"})


def noisy(gaps: list[int]) -> list[bool]:
    """Looks of a healthy region: single bad ones, with at least three good ones before the next."""
    looks: list[bool] = []
    for gap in gaps:
        looks += [True] * gap + [False]
    return looks


@given(st.lists(st.integers(3, 9), max_size=40))
def test_single_bad_looks_never_become_a_symptom(gaps):
    stream = Stream(fall=2, rise=3)
    for n, good in enumerate(noisy(gaps)):
        stream.add(frozenset() if good else BAD, START + n * SECOND)
        assert stream.on == {}


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(3, 9), min_size=1, max_size=6),
    st.sampled_from(["status", "trouble", "latency", "health"]),
    st.lists(st.floats(2, 120), min_size=1, max_size=12),
    st.integers(0, 30),
)
def test_a_noisy_but_healthy_target_opens_no_incident(gaps, noise, latencies, rps):
    async def run():
        station = Station()
        station.world.rps = rps
        east = station.world.regions["east"]
        async with station:
            await station.clock.run(10.5)
            for n, good in enumerate(noisy(gaps)):
                east.latency_ms = latencies[n % len(latencies)]
                east.status = 503 if not good and noise == "status" else 200
                east.trouble = "unreachable" if not good and noise == "trouble" else ""
                east.health = 503 if not good and noise == "health" else None
                if not good and noise == "latency":
                    east.latency_ms = 900
                await station.clock.run(1)
            assert station.store.events == []

    asyncio.run(run())


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 2)), min_size=1, max_size=15))
def test_flapping_faster_than_the_rise_opens_at_most_one_incident(flaps):
    async def run():
        station = Station()
        async with station:
            await station.clock.run(10.5)
            for bad, good in flaps:
                station.world.regions["west"].health = 503
                await station.clock.run(bad)
                station.world.regions["west"].health = None
                await station.clock.run(good)
            assert len(station.store.of("incident.opened")) <= 1

    asyncio.run(run())


@settings(max_examples=6, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 8)), min_size=15, max_size=25))
def test_any_flapping_opens_few_incidents_and_changes_nothing(flaps):
    async def run():
        station = Station()
        async with station:
            await station.clock.run(10.5)
            for bad, good in flaps:
                station.world.regions["west"].health = 503
                await station.clock.run(bad)
                station.world.regions["west"].health = None
                await station.clock.run(good)
            assert len(station.store.of("incident.opened")) <= 3

    asyncio.run(run())
