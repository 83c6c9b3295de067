"""Property 18: the pause holds for what is queued, approved and in flight, is looked at last, and survives a restart."""

from __future__ import annotations

import pytest

from agents.catalogue import load_catalogue
from agents.durable.store import Store
from agents.orchestrator import History, judge
from agents.policy_settings import PolicySettings
from agents.seams import RetryLaterError
from agents.swarm import StorePast


async def nothing_against():
    return None


async def execute(effects, build, refuse=nothing_against):
    action = build.failover()
    return await effects.execute(
        action.call, operation="INC-1:0", incident="INC-1", inverse=action.inverse, holder="INC-1", refuse=refuse
    )


async def test_p18_paused_nothing_is_called_and_the_delivery_waits_uncounted(effects, store, tools, build):
    await store.pause(by="ada")
    for _ in range(10):
        with pytest.raises(RetryLaterError) as waits:
            await execute(effects, build)
        assert waits.value.counted is False
    assert tools.world == []
    await store.arm(by="ada")
    assert (await execute(effects, build)).status == "succeeded"


async def test_p18_a_pause_during_the_last_look_still_holds(effects, store, tools, build):
    async def paused_meanwhile():
        await store.pause(by="ada")

    with pytest.raises(RetryLaterError, match="paused"):
        await execute(effects, build, refuse=paused_meanwhile)
    assert tools.world == []


async def test_p18_a_pause_holds_for_what_was_begun_but_did_not_happen(effects, store, tools, build):
    tools.cut = "before"
    with pytest.raises(RetryLaterError):
        await execute(effects, build)
    await store.pause(by="ada")
    with pytest.raises(RetryLaterError, match="paused"):
        await execute(effects, build)
    assert tools.world == []


async def test_p18_a_pause_holds_for_what_the_server_would_take_up_again(effects, store, tools, build):
    tools.cut = "between"
    with pytest.raises(RetryLaterError):
        await execute(effects, build)
    await store.pause(by="ada")
    with pytest.raises(RetryLaterError, match="paused"):
        await execute(effects, build)
    assert tools.world == []
    await store.arm(by="ada")
    assert (await execute(effects, build)).status == "succeeded"
    assert tools.world == ["INC-1:0"]


async def test_p18_paused_or_not_what_is_known_to_have_happened_is_told(effects, store, tools, build):
    tools.cut = "after"
    with pytest.raises(RetryLaterError):
        await execute(effects, build)
    await store.pause(by="ada")
    assert (await execute(effects, build)).status == "succeeded"


async def test_p18_the_gate_of_the_swarm_knows_of_the_pause(store):
    past = StorePast(store)
    assert await past.paused() is False
    await store.pause(by="ada")
    assert await past.paused() is True


def test_p18_paused_nothing_is_approved_by_policy_alone(build):
    plan = build.strategy()
    inputs = (PolicySettings(), build.world(), History(paused=True), load_catalogue(), build.clock.now())
    decision = judge(build.proposed(plan), plan, *inputs)
    assert (decision.verdict, decision.reasons) == ("ask", ("automation is paused",))


async def test_p18_a_pause_survives_a_restart(tmp_path, clock):
    path = tmp_path / "again.db"
    store = await Store.open(path, exclusive=True, clock=clock)
    await store.pause(by="ada", reason="maintenance")
    await store.close()
    store = await Store.open(path, exclusive=True, clock=clock)
    automation = await store.automation()
    await store.close()
    assert (automation.paused, automation.by, automation.reason) == (True, "ada", "maintenance")
