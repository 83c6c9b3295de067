"""The thread-safe buffer under a flood."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from agents.telemetry import AgentState, Thought
from overwatch_tui.bridge.buffer import Buffer, HistoryLoaded
from overwatch_tui.state.models import HostView
from tests.overwatch_tui import story


def test_nothing_came_is_told_apart_from_something():
    buffer = Buffer()
    assert buffer.drain() is None
    buffer.publish(story.swarm_state())
    assert buffer.drain() is not None
    assert buffer.drain() is None


def test_a_flood_of_thoughts_is_bounded_and_counted():
    buffer = Buffer(thoughts=100)
    for n in range(1_000):
        buffer.publish(Thought("Strategist", "INC-7", str(n), "m", story.NOW))
    batch = buffer.drain()
    assert batch is not None
    assert [thought.text for thought in batch.thoughts] == [str(n) for n in range(900, 1_000)]
    assert batch.dropped == 900


def test_events_and_deaths_survive_any_flood():
    buffer = Buffer(thoughts=10, samples=10)
    events = story.told(*story.RESOLVED)
    for n in range(500):
        buffer.publish(Thought("Strategist", "INC-7", "x", "m", story.NOW))
        buffer.publish(story.region_sample(f"r{n}", 1))
        if n < len(events):
            buffer.publish(events[n])
    buffer.publish(AgentState("Sentry", "down", story.at(1)))
    buffer.publish(AgentState("Sentry", "idle", story.at(2)))
    batch = buffer.drain()
    assert batch is not None
    assert batch.events == events
    assert [state.state for state in batch.agents] == ["down", "idle"]
    assert len(batch.regions) == 10
    assert batch.dropped == 490 + 490


def test_a_death_comes_before_the_return():
    buffer = Buffer()
    for state in ("idle", "down", "idle"):
        buffer.publish(AgentState("Sentry", state, story.at(1)))
    batch = buffer.drain()
    assert batch is not None
    assert [agent.state for agent in batch.agents] == ["down", "idle"]


def test_the_newest_sample_takes_the_slot():
    buffer = Buffer()
    for n in range(50):
        buffer.publish(story.region_sample("east", n))
        buffer.publish(story.users_sample(n))
    batch = buffer.drain()
    assert batch is not None
    assert [sample.at for sample in batch.regions] == [story.at(49)]
    assert [sample.at for sample in batch.users] == [story.at(49)]
    assert batch.dropped == 0


def test_six_threads_lose_no_event():
    buffer = Buffer()
    events = [story.told("opened", incident=f"INC-{n}")[0] for n in range(1_200)]

    def produce(part: int) -> None:
        for event in events[part * 200 : (part + 1) * 200]:
            buffer.publish(event)
            buffer.publish(Thought("Sentry", event.incident, "x", "m", story.NOW))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(produce, range(6)))
    batch = buffer.drain()
    assert batch is not None
    assert {event.id for event in batch.events} == {event.id for event in events}
    assert len(batch.thoughts) == 1_200


def test_what_is_no_telemetry_is_counted_and_raises_nothing():
    buffer = Buffer()
    buffer.publish(object())
    batch = buffer.drain()
    assert batch is not None
    assert batch.dropped == 1


def test_notices_keep_their_order():
    buffer = Buffer()
    buffer.note(HistoryLoaded(()))
    buffer.note(HostView("running"))
    batch = buffer.drain()
    assert batch is not None
    assert batch.notices == (HistoryLoaded(()), HostView("running"))
