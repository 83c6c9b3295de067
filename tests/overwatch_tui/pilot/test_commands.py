"""Pausing, arming, failing over, and what a read-only room leaves out."""

from __future__ import annotations

import pytest

from overwatch_tui.actions import KeymapError
from overwatch_tui.app import OverwatchApp
from overwatch_tui.themes import UnknownThemeError
from tests.overwatch_tui import story


async def test_p_asks_and_pauses_with_a_reason(room):
    async with room() as r:
        await r.press("p")
        assert not r.swarm.commands
        await r.press(*"release", "enter")
        await r.until(lambda: r.swarm.commands)
        assert r.swarm.commands == [("pause", "release")]


async def test_p_asks_before_it_arms_and_cancel_is_the_default(room):
    async with room() as r:
        r.swarm.publish(story.swarm_state(21, automation="paused", paused_by="anna"))
        await r.until(lambda: r.app.state.swarm.automation == "paused")
        assert "PAUSED by anna" in r.text()
        await r.until(lambda: "p arm" in r.text())
        await r.press("p", "enter")
        assert not r.swarm.commands
        await r.press("p", "tab", "enter")
        await r.until(lambda: r.swarm.commands)
        assert r.swarm.commands == [("arm",)]


async def test_f_moves_users_only_to_a_region_that_was_typed_in_full(room):
    async with room() as r:
        await r.press("f", *"wes", "enter")
        assert len(r.app.screen_stack) == 2
        assert any("'wes' is not a region of demo: type east or west" in toast for toast in r.toasts)
        await r.press("t", "enter")
        await r.until(lambda: r.swarm.commands)
        assert r.swarm.commands == [("failover", "demo", "west")]


async def test_f_can_be_left_without_moving_anyone(room):
    async with room() as r:
        await r.press("f", "escape")
        assert len(r.app.screen_stack) == 1
        assert not r.swarm.commands


async def test_c_offers_what_the_target_can_inject(room):
    async with room() as r:
        await r.press("c")
        assert "one replica is killed" in r.text()
        await r.press("j", "j", "enter")
        await r.until(lambda: r.swarm.commands)
        assert r.swarm.commands == [("chaos", "demo", "east", "crash")]


async def test_a_read_only_room_has_no_keys_that_change_anything(room):
    async with room(read_only=True) as r:
        r.swarm.publish(*story.told(*story.AWAITING))
        await r.until(lambda: r.app.state.approvals)
        r.clock.forward(2)
        await r.press("a", "x", "d", "o", "r", "c", "f", "p")
        assert not r.swarm.commands
        assert len(r.app.screen_stack) == 1
        bar = r.text().splitlines()[-1]
        assert "details" in bar
        for word in ("approve", "reject", "degrade", "outage", "failover", "pause", "chaos"):
            assert word not in bar


async def test_keys_can_be_remapped_and_the_bar_and_help_say_so(room):
    async with room(keymap={"chaos.outage": "t", "help": "h"}) as r:
        await r.press("o")
        assert not r.swarm.commands
        await r.press("t")
        await r.until(lambda: r.swarm.commands)
        assert r.swarm.commands == [("chaos", "demo", "east", "outage")]
        assert "t outage" in r.text().splitlines()[-1]
        await r.press("h")
        assert any("Take the selected region down" in line and " t " in line for line in r.text().splitlines())


def test_a_keymap_or_theme_that_can_not_be_used_is_refused_before_anything_is_drawn(clock):
    made = {"ascii_only": False, "read_only": False, "clock": clock}
    with pytest.raises(KeymapError):
        OverwatchApp(None, theme="dark", keymap={"nothing": "a"}, **made)
    with pytest.raises(UnknownThemeError, match="'neon' is no theme: choose one of dark, light"):
        OverwatchApp(None, theme="neon", keymap={}, **made)


async def test_the_palette_names_the_actions_and_the_themes(room):
    async with room() as r:
        names = [command.title for command in r.app.get_system_commands(r.app.screen)]
        assert "Outage" in names
        assert "Theme: colour-blind" in names
        assert "Approve" not in names
        await r.press("ctrl+p", *"light", "enter")
        await r.until(lambda: r.app.theme == "overwatch-light")
