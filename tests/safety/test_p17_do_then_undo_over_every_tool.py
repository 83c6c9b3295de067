"""Property 17 over the real server's parts: whatever was done, and cut off wherever, undoing restores the state."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from platform_support import Bench, SteppedClock, WaitingClock, demo_config
from server_support import ServerTools

from agents.durable.effects import DurableEffects
from agents.durable.store import Store
from agents.facts import Call
from agents.policy_settings import PolicySettings
from agents.seams import RetryLaterError

TOOLS = st.sampled_from(["switch_traffic", "scale_service", "deploy_container", "rollback_revision"])
PLANS = st.lists(st.tuples(TOOLS, st.sampled_from([None, "before", "after"])), min_size=1, max_size=4)


async def nothing_against():
    return None


async def facts(bench):
    """What the tools may change: traffic, and in each region the image and the replicas."""
    states = [await bench.platform.service(region) for region in ("east", "west")]
    return (await bench.platform.traffic()).weights, [(one.image, one.replicas_desired) for one in states]


async def step(bench, tool) -> tuple[Call, Call]:
    """A call that changes something now, and the one that leads back."""
    state = await bench.platform.service("east")
    here = {"tool": tool, "target": "demo"}
    match tool:
        case "switch_traffic":
            now = (await bench.platform.traffic()).weights
            return Call(**here, weights={"east": now["west"], "west": now["east"]}), Call(**here, weights=now)
        case "scale_service":
            more = Call(**here, region="east", replicas=5 if state.replicas_desired < 5 else 2)
            return more, more.model_copy(update={"replicas": state.replicas_desired})
        case "deploy_container":
            other = "mini-app:2" if state.image == "mini-app:1" else "mini-app:1"
            made = Call(**here, region="east", image=other)
            return made, made.model_copy(update={"image": state.image})
        case _:
            listed = [one for one in await bench.platform.revisions("east") if one.image != state.image]
            if not listed:
                return await step(bench, "scale_service")
            back = Call(**here, region="east", revision=listed[0].name)
            return back, back.model_copy(update={"revision": state.revision})


async def through(tools, effects, call, inverse, operation, cut):
    tools.cut = cut
    for _ in range(4):
        try:
            result = await effects.execute(
                call, operation=operation, incident="INC-1", inverse=inverse, holder="INC-1", refuse=nothing_against
            )
        except RetryLaterError:
            continue
        assert result.status == "succeeded", result
        return
    raise AssertionError("it never came to know")


async def do_then_undo(plan) -> None:
    with TemporaryDirectory() as folder:
        clock = SteppedClock()
        bench = Bench(demo_config(Path(folder)), clock)
        store = await Store.open(Path(folder) / "o.db", exclusive=True, clock=clock)
        tools = ServerTools(bench)
        policy = PolicySettings(max_switches=100)
        effects = DurableEffects(store=store, tools=tools, clock=WaitingClock(clock), policy=policy)
        before, done = await facts(bench), []
        for n, (tool, cut) in enumerate(plan):
            call, inverse = await step(bench, tool)
            await through(tools, effects, call, inverse, f"s1:{n}", cut)
            done.append((call, inverse, cut))
        assert await facts(bench) != before or len(plan) > 1
        for n, (call, inverse, cut) in reversed(list(enumerate(done))):
            await through(tools, effects, inverse, call, f"s1:{n}u", cut)
        assert await facts(bench) == before
        bench.close()
        await store.close()


@settings(max_examples=12, deadline=None)
@given(plan=PLANS)
def test_p17_doing_and_undoing_restores_the_state_whatever_was_done_and_wherever_it_was_cut_off(plan):
    asyncio.run(do_then_undo(plan))


async def test_p17_a_state_that_somebody_changes_in_the_last_moment_is_not_written_over(tmp_path):
    clock = SteppedClock()
    bench = Bench(demo_config(tmp_path), clock)
    store = await Store.open(tmp_path / "o.db", exclusive=True, clock=clock)
    effects = DurableEffects(store=store, tools=ServerTools(bench), clock=WaitingClock(clock))
    call, inverse = await step(bench, "switch_traffic")

    async def meanwhile():
        bench.platform.origins["west"] = (True, 500)

    result = await effects.execute(call, operation="s1:0", incident="INC-1", inverse=inverse, holder="INC-1", refuse=meanwhile)
    assert result.status == "refused"
    assert "state changed since" in result.summary
    assert (await bench.platform.traffic()).weights["east"] > 0
    bench.close()
    await store.close()


async def test_p17_where_the_state_before_can_not_be_read_nothing_is_done(store, tools, clock, build):
    from agents.seams import ToolError

    read = tools.read

    async def blind(tool, arguments):
        if tool == "get_traffic":
            raise ToolError("403 forbidden")
        return await read(tool, arguments)

    tools.read = blind
    action = build.failover()
    result = await DurableEffects(store=store, tools=tools, clock=clock).execute(
        action.call, operation="s1:0", incident="INC-1", inverse=action.inverse, holder="INC-1", refuse=nothing_against
    )
    assert (result.status, tools.world) == ("refused", [])
    assert "403" in result.summary


@pytest.mark.parametrize("status", ["succeeded", "failed"])
def test_p17_a_step_that_may_have_failed_half_way_is_undone_too(build, status):
    from agents.execution import todo
    from agents.incident import evolve

    incident = build.acting()
    incident = evolve(incident, build.event(build.finished(incident, status=status)))
    if status == "succeeded":
        from agents.events import VerificationFailed

        incident = evolve(incident, build.event(VerificationFailed(strategy=incident.strategy.id, checks=())))
    undo = todo(incident)
    assert (undo.undo, undo.call) == (True, build.failover().inverse)
