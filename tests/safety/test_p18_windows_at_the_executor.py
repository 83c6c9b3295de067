"""Property 18: a freeze or a maintenance window holds at the executor: what was approved, what was begun, and undoing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agents.durable.effects import DurableEffects
from agents.policy_settings import PolicySettings, PolicyWindow
from agents.seams import RetryLaterError


async def nothing_against():
    return None


def frozen(clock, *, starts=0.0, seconds=3_600.0, **changes):
    begins = clock.now() + timedelta(seconds=starts)
    window = PolicyWindow(name="launch", begins=begins, ends=begins + timedelta(seconds=seconds), **changes)
    return PolicySettings(windows=(window,))


async def execute(effects, build, *, undo=False, refuse=nothing_against):
    action = build.failover()
    call, inverse = (action.inverse, action.call) if undo else (action.call, action.inverse)
    operation = f"INC-1.s1:0{'u' if undo else ''}"
    return await effects.execute(call, operation=operation, incident="INC-1", inverse=inverse, holder="INC-1", refuse=refuse)


@pytest.mark.parametrize("kind", ["freeze", "maintenance"])
@pytest.mark.parametrize("undo", [False, True])
async def test_p18_in_a_window_nothing_is_called_and_the_delivery_waits_uncounted(store, tools, clock, build, kind, undo):
    effects = DurableEffects(store=store, tools=tools, clock=clock, policy=frozen(clock, kind=kind))
    for _ in range(3):
        with pytest.raises(RetryLaterError, match="'launch'") as waits:
            await execute(effects, build, undo=undo)
        assert waits.value.counted is False
    assert tools.world == []
    clock.advance(3_600)
    assert (await execute(effects, build, undo=undo)).status == "succeeded"


async def test_p18_a_window_that_begins_during_the_last_look_holds(store, tools, clock, build):
    effects = DurableEffects(store=store, tools=tools, clock=clock, policy=frozen(clock, starts=2))

    async def slow():
        clock.advance(3)

    with pytest.raises(RetryLaterError, match="'launch'"):
        await execute(effects, build, refuse=slow)
    assert tools.world == []


@pytest.mark.parametrize("cut", ["before", "between"])
async def test_p18_a_window_holds_for_what_was_begun_before_it(store, tools, clock, build, cut):
    effects = DurableEffects(store=store, tools=tools, clock=clock, policy=frozen(clock, starts=10))
    tools.cut = cut
    with pytest.raises(RetryLaterError):
        await execute(effects, build)
    clock.advance(11)
    with pytest.raises(RetryLaterError, match="'launch'"):
        await execute(effects, build)
    assert tools.world == []
    clock.advance(3_600)
    assert (await execute(effects, build)).status == "succeeded"
    assert tools.world == ["INC-1.s1:0"]


async def test_p18_what_is_known_to_have_happened_is_told_in_a_window_too(store, tools, clock, build):
    effects = DurableEffects(store=store, tools=tools, clock=clock, policy=frozen(clock, starts=10))
    tools.cut = "after"
    with pytest.raises(RetryLaterError):
        await execute(effects, build)
    clock.advance(11)
    assert (await execute(effects, build)).status == "succeeded"


async def test_p18_a_window_of_another_target_holds_nothing(store, tools, clock, build):
    effects = DurableEffects(store=store, tools=tools, clock=clock, policy=frozen(clock, targets=("shop",)))
    assert (await execute(effects, build)).status == "succeeded"
