"""Property 18, at the executor: a freeze or a maintenance window holds whatever was approved, undoing too, until its end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from durable_support import CountingTools

from agents.durable.effects import DurableEffects
from agents.durable.store import Store
from agents.policy_settings import PolicySettings, PolicyWindow
from agents.seams import RetryLaterError


async def nothing_against():
    return None


async def execute(door, build, *, operation="INC-1:0", refuse=nothing_against):
    action = build.failover()
    return await door.execute(
        action.call, operation=operation, incident="INC-1", inverse=action.inverse, holder="INC-1", refuse=refuse
    )


def closed(clock, kind="freeze", minutes=60, targets=()):
    begins = clock.now()
    window = PolicyWindow(name="no change", kind=kind, begins=begins, ends=begins + timedelta(minutes=minutes), targets=targets)
    return PolicySettings(windows=(window,))


@pytest.mark.parametrize("kind", ["freeze", "maintenance"])
@pytest.mark.parametrize("operation", ["INC-1:0", "INC-1:0u"])
async def test_p18_in_a_window_nothing_is_called_and_the_delivery_waits_uncounted_until_its_end(
    store, tools, clock, build, kind, operation
):
    door = DurableEffects(store=store, tools=tools, clock=clock, policy=closed(clock, kind))
    for _ in range(10):
        with pytest.raises(RetryLaterError, match="no change") as waits:
            await execute(door, build, operation=operation)
        assert waits.value.counted is False
        clock.advance(300)
    assert tools.world == []
    clock.advance(600)
    assert (await execute(door, build, operation=operation)).status == "succeeded"
    assert tools.world == [operation]


async def test_p18_a_window_that_begins_during_the_last_look_still_holds(store, tools, clock, build):
    begins = clock.now() + timedelta(seconds=5)
    window = PolicyWindow(name="no change", begins=begins, ends=begins + timedelta(hours=1))
    door = DurableEffects(store=store, tools=tools, clock=clock, policy=PolicySettings(windows=(window,)))

    async def slow():
        clock.advance(10)

    with pytest.raises(RetryLaterError, match="no change"):
        await execute(door, build, refuse=slow)
    assert tools.world == []


@pytest.mark.parametrize("where", ["before", "between"])
async def test_p18_a_window_holds_for_what_was_begun_but_did_not_happen(store, tools, clock, build, where):
    tools.cut = where
    with pytest.raises(RetryLaterError):
        await execute(DurableEffects(store=store, tools=tools, clock=clock), build)
    door = DurableEffects(store=store, tools=tools, clock=clock, policy=closed(clock))
    with pytest.raises(RetryLaterError, match="no change"):
        await execute(door, build)
    assert tools.world == []


async def test_p18_in_a_window_what_is_known_to_have_happened_is_told(store, tools, clock, build):
    tools.cut = "after"
    with pytest.raises(RetryLaterError):
        await execute(DurableEffects(store=store, tools=tools, clock=clock), build)
    door = DurableEffects(store=store, tools=tools, clock=clock, policy=closed(clock))
    assert (await execute(door, build)).status == "succeeded"
    assert tools.world == ["INC-1:0"]


async def test_p18_a_window_holds_after_a_restart_and_another_target_s_holds_nobody(tmp_path, clock, build):
    path, tools = tmp_path / "again.db", CountingTools()
    for targets, called in ((("demo",), []), (("bank",), ["INC-1:0"])):
        store = await Store.open(path, exclusive=True, clock=clock)
        door = DurableEffects(store=store, tools=tools, clock=clock, policy=closed(clock, targets=targets))
        if called:
            assert (await execute(door, build)).status == "succeeded"
        else:
            with pytest.raises(RetryLaterError, match="no change"):
                await execute(door, build)
        await store.close()
        assert tools.world == called
