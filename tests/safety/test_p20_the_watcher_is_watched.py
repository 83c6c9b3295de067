"""Property 20: the watcher watches itself. An agent or a swarm that falls silent is said, on the screen and to `health`."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from tests_support import SpyTelemetry

from agents import swarm
from agents.events import AGENTS
from agents.heartbeat import THINKERS, THINKING_S, Heartbeats
from agents.settings import Settings, TargetSettings
from agents.telemetry import AgentState
from overwatch_tui.attach.link import Report, verdict
from overwatch_tui.state.format import UNICODE
from overwatch_tui.state.models import HostView, State
from overwatch_tui.widgets.banner import banner_lines


@pytest.fixture
def beats(clock):
    return Heartbeats(SpyTelemetry(), clock)


def said_down(spy: SpyTelemetry) -> list[AgentState]:
    return [item for item in spy.items if isinstance(item, AgentState) and item.state == "down"]


def word(clock, agent="Sentry", state="idle", detail=""):
    return AgentState(agent, state, clock.now(), detail)


def test_p20_a_missed_heartbeat_is_said_with_how_long_and_the_remedy(beats, clock):
    beats.expect("Sentry", 10)
    beats.publish(word(clock))
    for _ in range(10):
        beats.turn(1)
    assert said_down(beats._telemetry) == []
    beats.turn(1)
    (down,) = said_down(beats._telemetry)
    assert down.agent == "Sentry"
    assert "no word from Sentry for 11 s" in down.detail
    assert "start it again" in down.detail


def test_p20_a_word_ends_the_silence_and_it_is_counted_anew(beats, clock):
    beats.expect("Sentry", 10)
    for _ in range(100):
        for _ in range(10):
            beats.turn(1)
        beats.publish(word(clock))
    assert said_down(beats._telemetry) == []


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)])
def test_p20_a_clock_that_is_set_neither_hides_a_silence_nor_makes_one_up(beats, clock, jump):
    beats.expect("Sentry", 10)
    beats.publish(word(clock))
    clock.time += jump
    for _ in range(10):
        beats.turn(1)
    assert said_down(beats._telemetry) == []
    beats.turn(1)
    assert len(said_down(beats._telemetry)) == 1


@pytest.mark.parametrize("agent", sorted(THINKERS))
def test_p20_an_agent_that_never_finishes_what_it_began_is_said(beats, clock, agent):
    beats.publish(word(clock, agent, "working", "INC-1 incident.opened"))
    for _ in range(int(THINKING_S)):
        beats.turn(1)
    assert said_down(beats._telemetry) == []
    beats.turn(1)
    (down,) = said_down(beats._telemetry)
    assert down.agent == agent
    assert "INC-1 incident.opened" in down.detail


def test_p20_nobody_who_may_be_quiet_is_said_to_be_down(beats, clock):
    for agent in AGENTS:
        beats.publish(word(clock, agent))
    beats.publish(word(clock, "Logistics", "working", "INC-1 strategy.approved"))
    for _ in range(4_000):
        beats.turn(1)
    assert said_down(beats._telemetry) == []


class QuickClock:
    """Time that passes a hundred times faster."""

    def __init__(self) -> None:
        self._start = datetime(2026, 11, 23, 14, tzinfo=UTC)
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=(self._loop.time() - self._began) * 100)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 100)


async def test_p20_a_sentry_that_hangs_is_shown_by_the_swarm_it_lives_in_and_by_health(tmp_path, monkeypatch):
    class Hanging(swarm.Sentry):
        async def watch(self):
            self.looked.set()
            await asyncio.Event().wait()

    async def surroundings():
        target = TargetSettings(regions={"west": {"url": "http://127.0.0.1:9", "metrics_path": None}})
        return swarm.Surroundings(targets={"demo": target}, server=None)

    monkeypatch.setattr(swarm, "Sentry", Hanging)
    spy = SpyTelemetry()
    running = asyncio.create_task(swarm.Swarm(Settings(), tmp_path, spy, QuickClock()).run(surroundings))
    try:
        async with asyncio.timeout(20):
            while not said_down(spy):
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    down = said_down(spy)[0]
    assert down.detail.startswith("no word from Sentry for ")
    agents = {item.agent: item.state for item in spy.items if isinstance(item, AgentState)}
    assert "Sentry is down" in verdict(Report(status="armed", agents=agents, age_s=0.5), fresh_s=10)


def test_p20_health_does_not_trust_a_swarm_that_has_not_said_how_it_stands():
    healthy = dict.fromkeys(AGENTS, "idle")
    assert verdict(Report(status="armed", agents=healthy, age_s=9.9), fresh_s=10) == ""
    assert "has not said how it stands for 11 s" in verdict(Report(status="armed", agents=healthy, age_s=11), fresh_s=10)


def test_p20_a_swarm_that_is_silent_is_the_first_thing_on_the_screen():
    state = State(host=HostView("running", "something else is odd"))
    (first, *_) = banner_lines(state, 120, UNICODE, silent_s=12.4)
    text, tone = first[0]
    assert "NO WORD  from the swarm for 12 s" in text
    assert tone == "alarm"
    assert all("NO WORD" not in line[0][0] for line in banner_lines(state, 120, UNICODE))
