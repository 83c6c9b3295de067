"""Starting, crashing, starting again and leaving."""

from __future__ import annotations

import asyncio
import threading
import time

from agents.telemetry import AgentState
from overwatch_tui.app import OverwatchApp
from tests.overwatch_tui import story
from tests.overwatch_tui.scripted import ScriptedSwarm


async def test_the_frame_is_painted_before_the_swarm_is_made(room):
    go = threading.Event()

    class Late(ScriptedSwarm):
        def __init__(self):
            super().__init__()

    swarm = Late()
    from tests.overwatch_tui.conftest import HandClock

    def factory():
        go.wait(10)
        return swarm

    app = OverwatchApp(factory, theme="dark", ascii_only=False, keymap={}, read_only=False, clock=HandClock())
    async with app.run_test(size=(120, 40)) as pilot:
        try:
            await pilot.pause(0.1)
            assert app.screen.query_one("#board").display
            assert not app.screen.query_one("#live").display
        finally:
            go.set()
        for _ in range(200):
            if app.screen.query_one("#live").display:
                break
            await pilot.pause(0.02)
        assert not app.screen.query_one("#board").display


async def test_the_board_gives_way_when_all_six_are_there(room):
    class Slow(ScriptedSwarm):
        async def run(self, telemetry, ready):
            self._loop, self._stop, self._telemetry = asyncio.get_running_loop(), asyncio.Event(), telemetry
            ready()
            for state in story.agent_states()[:5]:
                telemetry.publish(state)
            await self._stop.wait()

    async with room(Slow(), live=False) as r:
        await r.until(lambda: "5 of 6 are up" in r.text())
        await r.press("o", "p", "u")
        assert len(r.app.screen_stack) == 1
        r.swarm.publish(AgentState("Traffic Controller", "idle", story.NOW))
        await r.until(lambda: "Timeline" in r.text())


async def test_a_crash_is_shown_and_the_swarm_can_be_started_again(room):
    async with room() as r:
        r.swarm.crash = OSError("no space left on device: free some and press R")
        r.swarm.stop()
        await r.until(lambda: "DISCONNECTED" in r.text())
        assert "no space left on device" in r.text()
        await r.press("o")
        assert not r.swarm.commands
        await r.until(lambda: not r.app.host.alive)
        r.swarm.crash = None
        await r.press("R")
        await r.until(lambda: r.app.state.host.phase == "running")
        assert "DISCONNECTED" not in r.text()
        await r.press("o")
        await r.until(lambda: r.swarm.commands)


async def test_a_start_that_fails_is_shown_on_the_board(clock):
    def factory():
        raise RuntimeError("the database is of a newer version: upgrade")

    app = OverwatchApp(factory, theme="dark", ascii_only=False, keymap={}, read_only=False, clock=clock)
    async with app.run_test(size=(120, 40)) as pilot:
        for _ in range(200):
            if app.state.host.phase == "failed":
                break
            await pilot.pause(0.02)
        await pilot.pause()
        strips = app.screen._compositor.render_strips()
        text = "\n".join("".join(segment.text for segment in strip) for strip in strips)
        assert "of a newer version: upgrade" in text
        assert "R starts" in text


async def test_leaving_waits_at_most_two_seconds_for_a_swarm_that_hangs(clock):
    release = threading.Event()

    class Hanging(ScriptedSwarm):
        async def live(self):
            release.wait(20)

    app = OverwatchApp(Hanging, theme="dark", ascii_only=False, keymap={}, read_only=False, clock=clock)
    try:
        async with app.run_test(size=(120, 40)) as pilot:
            for _ in range(200):
                if app.state.targets:
                    break
                await pilot.pause(0.02)
            start = time.perf_counter()
            await pilot.press("q")
        assert time.perf_counter() - start < 3
        assert app.host.alive
    finally:
        release.set()
        assert await app.host.closed(5)


async def test_a_flood_keeps_the_screen_alive_and_says_what_was_dropped(room):
    from agents.telemetry import Thought

    async with room() as r:
        for n in range(12_000):
            r.swarm.publish(Thought("Strategist", "INC-7", f"word{n} ", "m", story.NOW))
        await r.until(lambda: r.app.state.dropped)
        assert "dropped" in r.text().splitlines()[0]
        await r.press("o")
        await r.until(lambda: r.swarm.commands)


async def test_nothing_is_drawn_while_nothing_happens(room):
    async with room() as r:
        await r.pilot.pause(0.4)
        drawn = []
        timeline = r.app.screen.query_one("#timeline")
        original = timeline.render_line
        timeline.render_line = lambda y: drawn.append(y) or original(y)
        await r.pilot.pause(0.3)
        assert drawn == []
