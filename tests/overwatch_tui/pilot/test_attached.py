"""The control room over a swarm of another process: it says so, follows it when it comes back, and leaves it alone."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest

from agents.telemetry import AgentState, Thought
from overwatch_tui.app import OverwatchApp
from overwatch_tui.attach.remote import RemoteSwarm
from tests.overwatch_tui import story
from tests.overwatch_tui.attached import FakeDesk, Heard
from tests.overwatch_tui.conftest import Room
from tests.overwatch_tui.pilot.test_hostile import FORBIDDEN, HOSTILE, poisoned


@asynccontextmanager
async def attached(home, clock, *, read_only=False):
    """A room attached to the swarm of `home`; the swarm lives in the test's loop, the room's end in a thread of its own."""
    app = OverwatchApp(
        lambda: RemoteSwarm(home, "anna", read_only=read_only, pauses=(0.01,)),
        theme="dark",
        ascii_only=False,
        keymap={},
        read_only=read_only,
        clock=clock,
        attached=True,
    )
    async with app.run_test(size=(140, 40), notifications=True) as pilot:
        yield Room(app, pilot, None, clock)


async def up(r, swarm):
    await r.until(lambda: r.app.state.loaded)
    swarm.all_well()
    await r.until(lambda: r.app.state.targets and r.app.screen.query("#live").first().display)
    await r.pilot.pause(0.3)  # the tables' next turn


async def test_the_room_says_that_it_is_attached_and_sends_the_person_s_word(tmp_path, clock):
    async with Heard(tmp_path, FakeDesk(story.told(*story.AWAITING))) as swarm, attached(tmp_path, clock) as r:
        await up(r, swarm)
        assert "attached" in r.text().splitlines()[0]
        assert "q detach" in r.text().splitlines()[-1]
        assert "from now on" in r.text()
        await r.until(lambda: "Approvals (1)" in r.text())
        clock.forward(5)
        await r.press("a")
        await r.until(lambda: swarm.desk.asked)
        (asked,) = swarm.desk.asked
        assert (asked[0], asked[2], asked[-1]) == ("decide", True, "anna")
        await r.until(lambda: "decide done" in r.toasts)


async def test_a_swarm_that_has_gone_is_shown_with_the_remedy_and_followed_when_it_is_back(tmp_path, clock):
    desk = FakeDesk(story.told("opened", "diagnosed"))
    async with attached(tmp_path, clock) as r:
        async with Heard(tmp_path, desk) as swarm:
            await up(r, swarm)
        await r.until(lambda: "DISCONNECTED" in r.text())
        assert "overwatch-tui run" in r.text()
        assert "R starts it again" not in r.text()
        assert "INC-7" in r.text(), "what was seen stays"
        await r.press("o")
        await r.until(lambda: any("away" in toast for toast in r.toasts))
        await r.press("R")
        assert "swarm is running" not in " ".join(r.toasts)
        desk.past = list(story.told(*story.RESOLVED))
        async with Heard(tmp_path, desk) as swarm:
            await r.until(lambda: "DISCONNECTED" not in r.text())
            await r.until(lambda: len(r.app.state.entries) == len(desk.past))
            assert r.app.state.incidents["INC-7"].status == "resolved"


async def test_before_the_swarm_has_told_anything_the_board_says_that_it_is_away(tmp_path, clock):
    async with attached(tmp_path, clock) as r:
        await r.until(lambda: "this screen follows by itself" in " ".join(r.text().split()))


async def test_a_room_that_only_looks_offers_nothing_else(tmp_path, clock):
    async with Heard(tmp_path) as swarm, attached(tmp_path, clock, read_only=True) as r:
        await up(r, swarm)
        assert "read-only" in r.text().splitlines()[0]
        assert "attached" in r.text().splitlines()[0]
        await r.press("o", "p")
        assert len(r.app.screen_stack) == 1
        assert swarm.desk.asked == []


@pytest.mark.parametrize("text", HOSTILE)
async def test_nothing_that_a_compromised_swarm_says_reaches_the_terminal(tmp_path, clock, text):
    async with Heard(tmp_path, FakeDesk(poisoned(text))) as swarm, attached(tmp_path, clock) as r:
        await up(r, swarm)
        swarm.say(
            story.swarm_state(problem=text, paused_by=text),
            AgentState("Sentry", "down", story.NOW, text),
            Thought("Strategist", text, f"thinking {text}", text, story.NOW, done=True),
            story.region_sample("east", 20, target=text),
        )
        await r.until(lambda: r.app.state.thoughts and len(r.app.state.targets) > 1)
        await r.pilot.pause(0.3)
        assert not FORBIDDEN & set(r.text().replace("\n", ""))
        assert r.app.is_running


async def test_leaving_detaches_and_the_swarm_hears_of_nothing_else(tmp_path, clock):
    async with Heard(tmp_path) as swarm:
        async with attached(tmp_path, clock) as r:
            await up(r, swarm)
            await r.press("q")
        assert swarm.desk.asked == []
        swarm.all_well()
        async with attached(tmp_path, clock) as again:
            await up(again, swarm)
