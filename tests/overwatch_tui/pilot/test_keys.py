"""What the keys of the main view do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.overwatch_tui import story
from tests.overwatch_tui.scripted import DEMO, PLAIN, SHOP, ScriptedSwarm


async def asked(r, *, ripe: bool = True) -> None:
    r.swarm.publish(*story.told(*story.AWAITING))
    await r.until(lambda: r.app.state.approvals)
    if ripe:
        r.clock.forward(0.6)


async def test_a_approves_the_only_request(room):
    async with room() as r:
        await asked(r)
        await r.press("a")
        await r.until(lambda: r.swarm.commands)
        assert r.swarm.commands == [("decide", "INC-7-1-v3", True, "")]


@pytest.mark.parametrize(("key", "fault"), [("d", "degrade"), ("o", "outage"), ("r", "recover")])
async def test_chaos_on_the_demo_acts_at_once_on_the_first_region(room, key, fault):
    async with room() as r:
        await r.press(key)
        await r.until(lambda: r.swarm.commands)
        assert r.swarm.commands == [("chaos", "demo", "east", fault)]
        await r.until(lambda: f"east: {fault}" in r.toasts)


async def test_x_asks_for_a_reason_and_sends_it(room):
    async with room() as r:
        await asked(r)
        await r.press("x")
        assert not r.swarm.commands
        await r.press(*"too risky", "enter")
        await r.until(lambda: r.swarm.commands)
        assert r.swarm.commands == [("decide", "INC-7-1-v3", False, "too risky")]


async def test_q_quits_and_the_swarm_ends_with_it(room):
    async with room() as r:
        await r.press("q")
        await r.until(lambda: not r.app.host.alive)


async def test_chaos_on_a_persons_own_service_asks_first_and_cancel_is_the_default(room):
    async with room(ScriptedSwarm(targets=(SHOP,))) as r:
        await r.press("o", "enter")
        assert not r.swarm.commands
        await r.press("o", "tab", "enter")
        await r.until(lambda: r.swarm.commands)
        assert r.swarm.commands == [("chaos", "shop", "north", "outage")]


async def test_a_target_without_a_chaos_endpoint_is_never_broken(room):
    async with room(ScriptedSwarm(targets=(PLAIN,))) as r:
        await r.press("o")
        assert not r.swarm.commands
        assert any("no chaos endpoint" in toast for toast in r.toasts)


async def test_the_selected_region_is_what_the_chaos_keys_are_about(room):
    async with room(ScriptedSwarm(targets=(DEMO, SHOP))) as r:
        r.app.screen.query_one("#health").focus()
        await r.press("j", "d")
        await r.until(lambda: r.swarm.commands)
        assert r.swarm.commands == [("chaos", "demo", "west", "degrade")]


@pytest.mark.parametrize(("before", "broken"), [((), "east"), (("k",), "east"), (("j", "k", "j"), "west")])
async def test_until_the_person_chose_the_first_region_is_selected_whichever_answered_first(room, before, broken):
    async with room(ScriptedSwarm(targets=(replace(DEMO, regions=("west",)),))) as r:
        r.app.screen.query_one("#health").focus()
        r.swarm.publish(story.region_sample("east", 21))
        await r.until(lambda: "east" in r.text())
        await r.press(*before)
        r.swarm.publish(story.region_sample("west", 22, broken=True))
        await r.until(lambda: "FAIL" in r.text())
        await r.press("o")
        await r.until(lambda: r.swarm.commands)
        assert r.swarm.commands == [("chaos", "demo", broken, "outage")]
