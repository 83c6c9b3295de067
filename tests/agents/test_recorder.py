"""What is kept of telemetry around an incident, and that keeping it harms nobody."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from tests_support import Build, SpyTelemetry

from agents import recorder as recording
from agents.durable import schema as s
from agents.durable.errors import DurableError
from agents.durable.store import Store
from agents.events import IncidentClosed, IncidentResolved
from agents.recorder import Recorder
from agents.telemetry import AgentState, RegionSample, SwarmState, Thought, UsersSample


def region(clock, *, after: float = 0, target: str = "demo", name: str = "east", state="ok") -> RegionSample:
    return RegionSample(target, name, clock.now() + timedelta(seconds=after), state, p95_ms=40.0, traffic=100)


@pytest.fixture
async def store(tmp_path, clock):
    opened = await Store.open(tmp_path / "overwatch.db", exclusive=True, clock=clock)
    yield opened
    await opened.close()


@pytest.fixture
def spy():
    return SpyTelemetry()


@pytest.fixture
def recorder(spy, clock):
    return Recorder(spy, clock)


@pytest.fixture
def build(clock):
    return Build(clock)


def resolved(build, **changes):
    return build.event(IncidentResolved(how="cleared", checks=()), **changes)


async def kept(recorder, store, target: str = "demo"):
    """What the store has once everything that waits was written."""
    assert await recorder._write(store)
    now = store.clock.now()
    return await store.samples(target, now - timedelta(days=2), now + timedelta(days=2))


async def rows(store) -> int:
    return await store.database.run(lambda c: c.execute(select(func.count()).select_from(s.sample)).scalar())


async def test_everything_is_passed_on_and_nothing_is_kept_while_nothing_is_wrong(recorder, spy, store, clock):
    sample = region(clock)
    recorder.publish(sample)
    assert spy.items == [sample]
    assert (await kept(recorder, store)).items == ()


async def test_the_two_minutes_before_an_incident_and_the_minute_after_it_are_kept(recorder, store, build, clock):
    looks = []
    for _ in range(200):
        looks.append(region(clock))
        recorder.publish(looks[-1])
        clock.advance(1)
    opened = clock.now()
    recorder.publish(build.event(build.opened()))
    recorder.publish(region(clock, state="fail"))
    clock.advance(5)
    ended = clock.now()
    recorder.publish(resolved(build))
    for _ in range(90):
        clock.advance(1)
        recorder.publish(region(clock))
    items = (await kept(recorder, store)).items
    assert items[0].at == opened - timedelta(seconds=120)
    assert items[-1].at == ended + timedelta(seconds=60)
    assert len(items) == 120 + 1 + 60


async def test_what_is_read_back_is_what_was_said_in_the_order_of_time(recorder, store, build, clock):
    told = (
        AgentState("Logistics", "working", clock.now(), "INC-1 strategy.approved"),
        SwarmState(clock.now() + timedelta(seconds=0.5), "armed", "embedded", "embedded", 0.85),
        region(clock, after=1, state="fail"),
        UsersSample("demo", clock.now() + timedelta(seconds=2), "fail", 0.4, 1900.0, 18.0, "east"),
        Thought("Strategist", "INC-1", "west has headroom\n", "embedded", clock.now() + timedelta(seconds=3), done=True),
    )
    recorder.publish(build.event(build.opened()))
    for item in reversed(told):
        recorder.publish(item)
    assert (await kept(recorder, store)).items == told


async def test_a_target_without_an_incident_is_not_kept_beside_one_that_has_one(recorder, store, build, clock):
    recorder.publish(build.event(build.opened()))
    recorder.publish(region(clock, target="shop"))
    recorder.publish(region(clock))
    await kept(recorder, store)
    assert await rows(store) == 1


async def test_how_the_agents_stood_before_the_incident_is_known_however_long_ago_they_said_it(recorder, store, build, clock):
    recorder.publish(AgentState("Sentry", "idle", clock.now(), "watches 2 regions"))
    recorder.publish(SwarmState(clock.now(), "armed", "embedded", "embedded", 0.85))
    clock.advance(7_200)
    recorder.publish(AgentState("Sentry", "idle", clock.now(), "watches 2 regions"))
    recorder.publish(AgentState("Logistics", "idle", clock.now()))
    recorder.publish(build.event(build.opened()))
    items = (await kept(recorder, store)).items
    assert {type(i).__name__ for i in items} == {"AgentState", "SwarmState"}
    assert {i.agent for i in items if isinstance(i, AgentState)} == {"Sentry", "Logistics"}
    assert min(i.at for i in items) == clock.now() - timedelta(seconds=120)


async def test_an_incident_that_stays_open_without_news_is_recorded_ever_more_seldom_but_every_change_is(
    recorder, store, build, clock
):
    recorder.publish(build.event(build.opened()))
    for second in range(3 * 3_600):
        recorder.publish(region(clock, after=second, state="fail" if second != 7_000 else "ok"))
        if second % 1_000 == 0:
            await recorder._write(store)
    items = (await kept(recorder, store)).items
    assert len(items) == pytest.approx(600 + 3_000 / 15 + 7_200 / 120, abs=8)
    assert [i.state for i in items].count("ok") == 1


async def test_a_model_that_streams_word_by_word_makes_few_rows(recorder, store, build, clock):
    recorder.publish(build.event(build.opened()))
    words = [f"word{n} " for n in range(200)]
    for n, word in enumerate(words):
        at = clock.now() + timedelta(seconds=n / 100)
        recorder.publish(Thought("Diagnostician", "INC-1", word, "model", at, done=n == 199))
    items = (await kept(recorder, store)).items
    assert "".join(i.text for i in items) == "".join(words)
    assert len(items) < 10
    assert items[-1].done


async def test_a_restart_goes_on_recording_the_incident_that_is_open(recorder, store, build, clock):
    await store.append([build.event(build.opened())])
    running = asyncio.create_task(recorder.run(store))
    await asyncio.sleep(0)
    while not recorder._open:
        await asyncio.sleep(0)
    recorder.publish(region(clock, state="fail"))
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert await rows(store) == 1, "what waited at the end was written still"


async def test_a_database_that_takes_nothing_costs_samples_which_are_counted_and_nothing_else(
    recorder, spy, store, build, clock, monkeypatch
):
    recorder.publish(build.event(build.opened()))
    recorder.publish(region(clock))

    async def full(_work):
        raise DurableError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(store.database, "run", full)
        assert not await recorder._write(store)
        recorder.publish(region(clock, after=1))
        assert not await recorder._write(store)
    assert recorder.dropped == 2
    recorder.publish(region(clock, after=2))
    found = await kept(recorder, store)
    assert (len(found.items), found.lost, recorder.dropped) == (1, 2, 0)
    assert len(spy.items) == 4


async def test_the_last_of_the_disk_is_left_to_the_log(recorder, store, build, clock, monkeypatch):
    usage = type("usage", (), {"free": recording.RESERVE - 1})
    monkeypatch.setattr(recording.shutil, "disk_usage", lambda _: usage)
    recorder.publish(build.event(build.opened()))
    recorder.publish(region(clock))
    assert not await recorder._write(store)
    assert await rows(store) == 0


async def test_what_waits_is_bounded(recorder, build, clock):
    recorder.publish(build.event(build.opened()))
    for n in range(recording.WAITING + 7):
        recorder.publish(region(clock, after=n / 1_000))
    assert (len(recorder._waiting), recorder.dropped) == (recording.WAITING, 7)
    assert recorder._remembered == {}
    for n in range(recording.REMEMBERED + 9):
        recorder.publish(region(clock, after=n / 1_000, target="shop"))
    assert len(recorder._remembered["shop"]) == recording.REMEMBERED


async def test_a_row_that_can_not_be_read_is_counted_and_hides_no_other(recorder, store, build, clock):
    recorder.publish(build.event(build.opened()))
    recorder.publish(region(clock))
    await recorder._write(store)
    for kind, data in (("region", "{}"), ("later", "{}"), ("users", "[")):
        row = {"target": "demo", "at": clock.now().isoformat(), "kind": kind, "data": data}
        await store.database.run(lambda c, row=row: c.execute(s.sample.insert(), row))
    found = await kept(recorder, store)
    assert (len(found.items), found.unread) == (1, 3)


async def test_of_more_than_can_be_read_at_once_each_nth_measurement_is_and_every_thought(
    recorder, store, build, clock, monkeypatch
):
    from agents.durable import samples

    monkeypatch.setattr(samples, "MOST", 50)
    recorder.publish(build.event(build.opened()))
    for n in range(200):
        recorder.publish(replace(region(clock, after=n / 10)))
    thoughts = [Thought("Strategist", "INC-1", f"{n}", "m", clock.now() + timedelta(seconds=n), done=True) for n in range(5)]
    for thought in thoughts:
        recorder.publish(thought)
    found = await kept(recorder, store)
    assert found.step == 5
    assert [i for i in found.items if isinstance(i, Thought)] == thoughts
    assert len(found.items) == pytest.approx(205 / 5, abs=5)


async def test_an_incident_that_a_person_closed_is_over_for_the_recorder_too(recorder, store, build, clock):
    recorder.publish(build.event(build.opened()))
    recorder.publish(build.event(IncidentClosed(by="ada", reason="it was a drill")))
    clock.advance(61)
    recorder.publish(region(clock))
    clock.advance(1)
    recorder.publish(region(clock))
    assert (await kept(recorder, store)).items == ()


async def test_an_incident_that_can_not_be_read_ends_nothing(recorder, store, build, clock):
    await store.open_incident(build.opened(), "Sentry", clock.now())
    await store.database.run(lambda c: c.execute(s.incident.update().values(state="{}")))
    running = asyncio.create_task(recorder.run(store))
    await asyncio.wait({running}, timeout=0.2)
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
