"""Text from outside is data: no markup, no link, no escape, in any pane, toast or question."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agents.facts import Observation
from agents.telemetry import AgentState, Thought
from overwatch_tui.bridge.seam import TargetInfo
from tests.overwatch_tui import story
from tests.overwatch_tui.scripted import ScriptedSwarm

HOSTILE = (
    "[@click=app.quit]press me[/]",
    "boom [/etc/passwd] [/x]",
    "[$error]red[/] [link=https://evil.example]here[/link] [",
    "\x1b]52;c;ZXZpbA==\x07 \x1b]0;title\x07 \x1b[2J \x9b31m \x90dcs\x9c",
    "rtl \u202e evil \u2066 hidden \u200b zero \ufeff",
    "line\nbreak\ttab\r\x00\x7f",
    "wide 漢字 e\u0301 \U0001f525 " + "x" * 500,
)
FORBIDDEN = set("\x1b\x07\x9b\x90\x9c\x00\x7f\r\u202e\u2066\u200b\ufeff")


def poisoned(text: str):
    """The whole story, with `text` wherever a string may come from outside."""
    events = []
    for event in story.told(*story.ESCALATED):
        data = event.data
        changes = {}
        for name in ("title", "reason", "summary", "command"):
            if isinstance(getattr(data, name, None), str):
                changes[name] = text
        if hasattr(data, "observations"):
            changes["observations"] = (Observation(id="o1", region="east", metric=text, text=text, at=story.at(1)),)
        if hasattr(data, "diagnosis"):
            found = data.diagnosis
            guesses = tuple(h.model_copy(update={"why": text, "fault_class": text}) for h in found.hypotheses)
            changes["diagnosis"] = found.model_copy(update={"cause": text, "hypotheses": guesses, "source": text})
        if hasattr(data, "checks"):
            changes["checks"] = tuple(c.model_copy(update={"name": text, "detail": text}) for c in data.checks)
        if hasattr(data, "reasons"):
            changes["reasons"] = (text, text)
        if hasattr(data, "by"):
            changes["by"] = text
        events.append(event.model_copy(update={"data": data.model_copy(update=changes)}))
    return events


def telemetry(text: str):
    east = replace(story.region_sample("east", 20, broken=True, traffic=100), detail=text)
    yield east
    yield replace(east, region=text[:40])
    yield replace(story.users_sample(20), region=text)
    yield AgentState("Sentry", "down", story.NOW, text)
    yield Thought("Diagnostician", text, text, text, story.NOW)
    yield Thought("Strategist", "INC-7", text, text, story.NOW, done=True)
    yield replace(story.swarm_state(21), problem=text, reasoning=text, bus=text, paused_by=text, held=text, automation="paused")


def assert_harmless(r):
    for strip in r.app.screen._compositor.render_strips():
        for segment in strip:
            assert not FORBIDDEN.intersection(segment.text), repr(segment.text)
            meta = segment.style.meta if segment.style is not None else {}
            assert "@click" not in meta
            assert segment.style is None or segment.style.link is None


@pytest.mark.parametrize("text", HOSTILE)
async def test_every_pane_shows_it_as_it_is(room, text):
    async with room() as r:
        events = poisoned(text)
        r.swarm.publish(*telemetry(text), *events[:4])
        await r.until(lambda: r.app.state.approvals)
        await r.pilot.pause(0.3)
        assert_harmless(r)
        await r.press("enter")
        assert_harmless(r)
        r.swarm.publish(*events[4:])
        await r.until(lambda: r.app.state.paged)
        assert_harmless(r)
        await r.press("escape", "u")
        assert_harmless(r)
        await r.press("escape", "f")
        assert_harmless(r)
        await r.press("escape", "y")
        assert not FORBIDDEN.intersection(r.app.clipboard)


@pytest.mark.parametrize("text", HOSTILE)
async def test_toasts_and_questions_show_it_as_it_is(room, text):
    target = TargetInfo(text, ("east",), has_chaos=True, is_demo=False, faults=("degrade", "outage", "recover"))
    swarm = ScriptedSwarm(targets=(target,))
    async with room(swarm) as r:
        swarm.refuse = RuntimeError(text)
        await r.press("o")
        assert_harmless(r)
        await r.press("escape", "c")
        assert_harmless(r)
        await r.press("escape", "r")
        await r.pilot.pause(0.1)
        assert_harmless(r)
        assert not any(FORBIDDEN.intersection(toast) for toast in r.toasts)


async def test_plain_brackets_are_shown_in_full(room):
    async with room() as r:
        r.swarm.publish(Thought("Strategist", "INC-7", "index [0] of [/etc/hosts]", "m", story.NOW, done=True))
        await r.until(lambda: "index [0] of [/etc/hosts]" in r.text())


async def test_an_ascii_room_draws_nothing_but_ascii(room):
    async with room(ascii_only=True) as r:
        r.swarm.publish(*story.told(*story.AWAITING), *story.thoughts())
        await r.until(lambda: r.app.state.approvals)
        await r.pilot.pause(0.3)
        r.clock.forward(1)
        for keys in (
            (),
            ("enter",),
            ("escape", "u"),
            ("escape", "question_mark"),
            ("escape", "f"),
            ("escape", "x"),
            ("escape", "c"),
        ):
            await r.press(*keys)
            odd = {c for c in r.text() if not c.isascii()}
            assert not odd, (keys, odd, r.text())
