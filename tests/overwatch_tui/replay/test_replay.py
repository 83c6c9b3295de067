"""A replay in the room: it shows what was, moves through it, and sends nothing."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from types import MappingProxyType

import pytest
from textual import events

from agents.settings import Settings
from agents.telemetry import AgentState, RegionSample, SwarmState
from overwatch_tui.actions import ACTIONS
from overwatch_tui.bridge.buffer import Buffer
from overwatch_tui.bridge.pump import Pump
from overwatch_tui.chaos import ChaosFault
from overwatch_tui.replay import swarm as replaying
from overwatch_tui.replay.app import ReplayApp
from overwatch_tui.replay.player import Player
from overwatch_tui.replay.recording import Recording
from overwatch_tui.replay.show import room as replay_room
from overwatch_tui.replay.swarm import ReplayError, ReplaySwarm, fold
from overwatch_tui.state.models import State
from overwatch_tui.state.store import Store
from tests.overwatch_tui import recorded, story
from tests.overwatch_tui.conftest import Room


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def awaiting(tmp_path_factory) -> Recording:
    return recorded.recording(tmp_path_factory.mktemp("awaiting"), *story.AWAITING)


@pytest.fixture(scope="module")
def resolved(tmp_path_factory) -> Recording:
    return recorded.recording(tmp_path_factory.mktemp("resolved"), *story.RESOLVED)


@pytest.fixture(params=[(), recorded.measured()], ids=["nothing measured", "no word of the swarm"])
def half_heard(request, tmp_path) -> Recording:
    looks = [look for look in request.param if not isinstance(look, AgentState | SwarmState)]
    return recorded.recording(tmp_path, *story.AWAITING, looks=looks)


@asynccontextmanager
async def playing(
    recording: Recording, *, start: float | None = None, size=(120, 40), speed: float = 1.0, settings=None, targets=True
):
    seconds = Seconds()
    at = recording.header.since if start is None else story.at(start)
    app = replay_room(recording, settings or Settings(), speed=speed, start=at, seconds=seconds)
    async with app.run_test(size=size, notifications=True) as pilot:
        r = Room(app, pilot, None, seconds)
        await r.until(
            lambda: app.state.loaded and (app.state.targets or not targets) and app.screen.query("#live").first().display
        )
        yield r


async def strike(r, *keys: str) -> None:
    """Press keys, each once the one before has led to its action, or to none. A pilot waits for an idle processor instead."""
    app = r.app
    for key in keys:
        handled = asyncio.Event()

        async def look_up(key: str, priority: bool = False, handled=handled) -> bool:
            found = await ReplayApp._check_bindings(app, key, priority)
            if found or not priority:
                handled.set()
            return found

        app._check_bindings = look_up
        app.post_message(events.Key(key, None))
        await asyncio.wait_for(handled.wait(), 5)


def plain(state: State) -> State:
    """A state without the numbers of its lines, which tell a jump apart and mean nothing."""
    return replace(
        state,
        entries=tuple(replace(e, seq=0) for e in state.entries),
        audit=tuple(replace(e, seq=0) for e in state.audit),
        thoughts=tuple(replace(t, seq=0) for t in state.thoughts),
        agents=MappingProxyType(dict(state.agents)),
    )


def status_of(r) -> str:
    incident = r.app.state.incidents.get("INC-7")
    return "" if incident is None else incident.status


def same(one: State, other: State) -> bool:
    a, b = plain(one), plain(other)
    return (a.incidents, a.agents) == (b.incidents, b.agents) and replace(a, incidents=b.incidents, agents=b.agents) == b


async def test_the_log_of_a_replay_that_begins_in_the_middle_is_what_was_said_till_then(awaiting):
    async with playing(awaiting, start=30) as r:
        said = await r.app.host.handle.history()
        assert said
        assert set(r.app.state.incidents) == {event.incident for event in said if event.incident}


async def test_no_command_leaves_a_replay_whatever_key_is_pressed(awaiting, monkeypatch):
    sent: list[str] = []
    for name in ("decide", "pause", "arm", "force_failover", "chaos"):
        monkeypatch.setattr(ReplaySwarm, name, lambda *_, name=name: sent.append(name))
    async with playing(awaiting, start=30) as r:
        assert r.app.state.approvals, "there is something to decide on, were it real"
        for action in ACTIONS:
            if action.id == "quit":
                continue
            for key in action.keys.split(","):
                await strike(r, key)
                while len(r.app.screen_stack) > 1:
                    await strike(r, "escape")
                await strike(r, "escape", "escape")
        for key in ("a", "x", "d", "o", "r", "c", "f", "p"):
            r.app.clear_notifications()
            await strike(r, key)
            await r.until(lambda: r.toasts)
            assert r.toasts == ["this is a replay: nothing is sent"], key
            assert len(r.app.screen_stack) == 1, "no question is asked whose answer would go nowhere"
    assert sent == []


def test_every_command_of_the_seam_is_refused(awaiting):
    swarm = ReplaySwarm(awaiting, Player(story.at(0), story.at(1), (), speed=1, start=story.at(0), seconds=Seconds()))
    asked = (
        swarm.decide("INC-7-1-v3", True, ""),
        swarm.pause(""),
        swarm.arm(),
        swarm.force_failover("demo", "west"),
        swarm.chaos("demo", "east", ChaosFault("outage")),
    )
    for future in asked:
        with pytest.raises(ReplayError, match="this is a replay: nothing is sent"):
            future.result(0)
    assert not any(target.has_chaos or target.faults for target in swarm.targets())


async def test_the_end_of_a_replay_is_what_a_room_that_saw_it_live_came_to(resolved):
    buffer, store = Buffer(), Store()
    live = Pump(buffer, lambda _: None, store)
    fresh = fold(())
    live._store = fresh
    for item in resolved.items:
        buffer.publish(item.what)
        live.tick()
    async with playing(resolved, speed=4) as r:
        for _ in range(500):
            r.clock.now += 0.05
            await r.pilot.pause(0.001)
            if r.app.first_words()[0].startswith("REPLAY ended"):
                break
        await r.until(lambda: same(replace(r.app.state, targets=()), replace(fresh.state, targets=())))
        await r.press("left", "right")
        await r.until(lambda: same(r.app.state, fresh.state))
        assert r.app.state.incidents["INC-7"] == resolved.incident


async def test_moving_back_and_forth_shows_the_picture_of_that_moment(resolved):
    async with playing(resolved, start=38) as r:
        await r.until(lambda: status_of(r) == "resolved")
        await r.press("space")
        for seconds, status in ((28, "resolved"), (18, "verifying"), (8, "open")):
            await r.press("left")
            await r.until(lambda status=status: status_of(r) == status)
            assert same(r.app.state, fold([i for i in resolved.items if i.at <= story.at(seconds)]).state)
        await r.press("left")
        await r.until(lambda: not r.app.state.incidents)
        await r.press("full_stop")
        await r.until(lambda: status_of(r) == "open")
        await r.press("comma")
        await r.until(lambda: not r.app.state.incidents)


async def test_the_times_on_the_screen_are_those_of_the_recording(awaiting):
    async with playing(awaiting, start=30) as r:
        await r.press("space")
        await r.until(lambda: "14:02:20Z" in r.text().splitlines()[0])
        assert "expires in 9:39" in r.text()
        assert "REPLAY paused 1:00/1:09 · nothing is real" in r.text().splitlines()[0]


async def test_the_keys_of_a_replay_change_its_pace_and_say_so(awaiting):
    async with playing(awaiting) as r:
        assert "REPLAY ×1" in r.text().splitlines()[0]
        await r.press("plus", "plus")
        await r.until(lambda: "REPLAY ×4" in r.text().splitlines()[0])
        await r.press("minus")
        await r.until(lambda: "REPLAY ×2" in r.text().splitlines()[0])
        r.clock.now += 1_000
        await r.until(lambda: "REPLAY ended 1:09/1:09" in r.text().splitlines()[0])
        assert r.app.state.approvals, "the last picture stays"


async def test_what_was_not_recorded_is_not_said_to_be_starting(half_heard):
    measured = any(isinstance(item.what, RegionSample) for item in half_heard.items)
    async with playing(half_heard, start=30, targets=measured) as r:
        await r.until(lambda: "INC-7" in r.text())
        status, agents = r.text().splitlines()[:2]
        assert "automation not known" in status
        assert agents.count("unheard") == 6
        assert "starting" not in r.text()


async def test_the_keys_of_a_replay_can_be_typed_into_the_filter(awaiting):
    async with playing(awaiting, start=30) as r:
        await r.press("slash", *"a", "space", "full_stop", "plus", "left")
        field = r.app.screen.query_one("#filter")
        assert field.value == "a .+"
        assert r.app._player.position().jumps == 0


async def test_a_room_of_now_has_none_of_the_keys_of_a_replay(room):
    async with room() as r:
        active = {b.binding.id for b in r.app.screen.active_bindings.values()}
        assert not any(str(id_).startswith("replay.") for id_ in active)
        assert "REPLAY" not in r.text()


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
async def test_leaving_ends_at_once(awaiting, key):
    async with playing(awaiting) as r:
        await r.press(key)
        await r.until(lambda: not r.app.host.alive)


async def test_a_jump_leaves_nothing_of_what_was_told_before_it(resolved, monkeypatch):
    """What waits in the buffer when a replay is moved back belongs to a future that has not been."""
    buffer = Buffer()
    for item in resolved.items:
        buffer.publish(item.what)
    early = fold([i for i in resolved.items if i.at <= story.at(0)])
    buffer.note(replaying.Rewound(early))
    pump = Pump(buffer, lambda _: None, Store())
    pump.tick()
    assert same(pump.state, early.state)
    assert not pump.state.incidents


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_a_replay_looks_as_it_did(snap_compare, awaiting, size):
    app = replay_room(awaiting, Settings(), speed=4, start=story.at(30), seconds=Seconds())

    async def run_before(pilot):
        while not (app.state.loaded and app.state.approvals):
            await pilot.pause(0.01)
        await pilot.press("space")
        await pilot.pause(0.4)

    assert snap_compare(app, terminal_size=size, run_before=run_before)


def test_a_replay_that_ended_looks_as_it_did(snap_compare, resolved):
    app = replay_room(resolved, Settings(), speed=1, start=resolved.header.until, seconds=Seconds())

    async def run_before(pilot):
        while not (app.state.loaded and app.state.incidents):
            await pilot.pause(0.01)
        await pilot.pause(0.4)

    assert snap_compare(app, terminal_size=(120, 40), run_before=run_before)
