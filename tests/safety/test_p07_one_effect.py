"""Property 7: one operation, delivered often, by several, with a crash at every step, has one effect."""

from __future__ import annotations

import asyncio

import pytest

from agents.durable.effects import DurableEffects, IntentMismatchError
from agents.durable.store import Store
from agents.seams import RetryLaterError, ToolBusyError


async def nothing_against():
    return None


async def execute(effects, build, *, operation="INC-1.s1v3:0", action=None, refuse=nothing_against):
    action = action or build.failover()
    return await effects.execute(
        action.call, operation=operation, incident="INC-1", inverse=action.inverse, holder="INC-1", refuse=refuse
    )


async def until_known(effects, build):
    for _ in range(20):
        try:
            return await execute(effects, build)
        except RetryLaterError:
            continue
    raise AssertionError("it never came to know")


@pytest.mark.parametrize("where", ["before", "between", "after"])
async def test_p07_cut_off_at_any_step_it_still_happens_once(effects, tools, build, where):
    tools.cut = where
    with pytest.raises(RetryLaterError):
        await execute(effects, build)
    result = await until_known(effects, build)
    assert result.status == "succeeded"
    assert tools.world == ["INC-1.s1v3:0"]


@pytest.mark.parametrize("where", ["before", "between", "after"])
async def test_p07_a_new_process_after_the_cut_finds_what_happened(tmp_path, clock, tools, build, where):
    path = tmp_path / "again.db"
    store = await Store.open(path, exclusive=True, clock=clock)
    tools.cut = where
    with pytest.raises(RetryLaterError):
        await execute(DurableEffects(store=store, tools=tools, clock=clock), build)
    await store.close()
    store = await Store.open(path, exclusive=True, clock=clock)
    result = await until_known(DurableEffects(store=store, tools=tools, clock=clock), build)
    await store.close()
    assert result.status == "succeeded"
    assert tools.world == ["INC-1.s1v3:0"]


async def test_p07_while_the_server_can_not_be_asked_nothing_is_issued_again(effects, tools, build):
    tools.cut = "after"
    with pytest.raises(RetryLaterError):
        await execute(effects, build)
    for _ in range(5):
        tools.cut = "read"
        with pytest.raises(RetryLaterError):
            await execute(effects, build)
    assert tools.world == ["INC-1.s1v3:0"]
    assert (await execute(effects, build)).via == "reconcile"


async def test_p07_after_a_cut_nothing_may_judge_what_may_have_happened(effects, tools, build):
    tools.cut = "after"
    with pytest.raises(RetryLaterError):
        await execute(effects, build)

    async def against():
        return "the world looks different now"

    result = await execute(effects, build, refuse=against)
    assert result.status == "succeeded"


async def test_p07_what_surely_did_not_happen_is_judged_again(effects, tools, build):
    tools.cut = "before"
    with pytest.raises(RetryLaterError):
        await execute(effects, build)

    async def against():
        return "the plan is stale"

    result = await execute(effects, build, refuse=against)
    assert result.status == "refused"
    assert tools.world == []


async def test_p07_delivered_many_times_and_by_two_at_once_it_happens_once(effects, store, tools, clock, build):
    second = DurableEffects(store=store, tools=tools, clock=clock)
    tries = [execute(door, build) for door in (effects, second) for _ in range(10)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert all(not isinstance(r, BaseException) or isinstance(r, RetryLaterError) for r in results)
    assert tools.world == ["INC-1.s1v3:0"]


async def test_p07_the_same_operation_with_other_arguments_is_refused(effects, tools, build):
    await execute(effects, build)
    with pytest.raises(IntentMismatchError):
        await execute(effects, build, action=build.restart())
    assert tools.world == ["INC-1.s1v3:0"]


async def test_p07_an_unknown_outcome_is_kept_and_never_repeated(effects, tools, build):
    tools.operations["INC-1.s1v3:0"] = {"status": "unknown", "summary": "nobody knows"}
    tools.cut = "before"
    with pytest.raises(RetryLaterError):
        await execute(effects, build)
    for _ in range(3):
        assert (await execute(effects, build)).status == "unknown"
    assert tools.world == []


async def test_p07_an_answer_that_makes_no_sense_counts_as_unknown(effects, tools, build):
    tools.operations["INC-1.s1v3:0"] = {"status": "splendid"}
    tools.cut = "before"
    with pytest.raises(RetryLaterError):
        await execute(effects, build)
    assert (await execute(effects, build)).status == "unknown"


async def test_p07_an_error_about_what_was_begun_before_does_not_say_that_it_did_not_happen(effects, tools, build):
    tools.cut = "between"
    with pytest.raises(RetryLaterError):
        await execute(effects, build)
    tools.refuse = "'demo' is not a target"
    assert (await execute(effects, build)).status == "unknown"


class Busy:
    """Tools that are busy for a while, as the server says it."""

    def __init__(self, tools) -> None:
        self.tools = tools
        self.busy = 0
        self.read = tools.read

    async def write(self, tool, arguments):
        if self.busy:
            self.busy -= 1
            raise ToolBusyError("'demo' was busy for 60 s: nothing was done, ask again later")
        return await self.tools.write(tool, arguments)


@pytest.mark.parametrize("cut", [None, "between"])
async def test_p07_a_busy_server_is_asked_again_later_and_the_effect_happens_once(store, tools, clock, build, cut):
    door = Busy(tools)
    effects = DurableEffects(store=store, tools=door, clock=clock)
    if cut is not None:
        tools.cut = cut
        with pytest.raises(RetryLaterError):
            await execute(effects, build)
    door.busy = 5
    delays = []
    for _ in range(5):
        with pytest.raises(RetryLaterError, match="busy") as later:
            await execute(effects, build)
        assert later.value.counted is False
        delays.append(later.value.delay)
        clock.advance(later.value.delay)
    assert delays == sorted(delays)
    assert (await execute(effects, build)).status == "succeeded"
    assert tools.world == ["INC-1.s1v3:0"]


async def test_p07_while_the_server_is_busy_the_plan_may_become_stale_and_is_not_carried_out(store, tools, clock, build):
    door = Busy(tools)
    door.busy = 99
    effects = DurableEffects(store=store, tools=door, clock=clock)
    with pytest.raises(RetryLaterError):
        await execute(effects, build)

    async def stale():
        return "the plan was approved more than 120 s ago: it is made anew"

    assert (await execute(effects, build, refuse=stale)).status == "refused"
    assert tools.world == []


@pytest.mark.parametrize(("cut", "status"), [(None, "failed"), ("between", "unknown")])
async def test_p07_a_server_that_is_busy_for_ever_ends_in_a_word_to_a_person(store, tools, clock, build, cut, status):
    door = Busy(tools)
    effects = DurableEffects(store=store, tools=door, clock=clock)
    if cut is not None:
        tools.cut = cut
        with pytest.raises(RetryLaterError):
            await execute(effects, build)
    door.busy = 10_000
    for _ in range(200):
        try:
            result = await execute(effects, build)
            break
        except RetryLaterError as later:
            clock.advance(later.delay)
    assert result.status == status
    assert tools.world == []


async def test_p07_an_error_about_a_first_call_says_that_nothing_was_done(effects, tools, build):
    tools.refuse = "'demo' is not a target"
    assert (await execute(effects, build)).status == "failed"
    assert tools.world == []
