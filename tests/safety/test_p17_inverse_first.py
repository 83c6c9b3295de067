"""Property 17: the inverse and the state before are durable before the action runs."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from agents.durable import schema as s
from agents.facts import Call
from agents.seams import RetryLaterError


async def nothing_against():
    return None


async def execute(effects, build, **changes):
    action = build.failover()
    values = {
        "operation": "INC-1:0",
        "incident": "INC-1",
        "inverse": action.inverse,
        "holder": "INC-1",
        "refuse": nothing_against,
    }
    return await effects.execute(action.call, **(values | changes))


async def intent(store):
    return await store.database.run(lambda c: c.execute(select(s.intent)).first())


async def test_p17_at_the_moment_of_the_call_the_way_back_is_in_the_database(effects, store, tools, build):
    seen = []
    write = tools.write

    async def looking(tool, arguments):
        seen.append(await intent(store))
        return await write(tool, arguments)

    tools.write = looking
    await execute(effects, build)
    (row,) = seen
    assert row.status == "started"
    assert Call.model_validate_json(row.inverse) == build.failover().inverse
    assert json.loads(row.state_before) == {"weights": {"east": 100, "west": 0}}


async def test_p17_without_a_durable_intent_nothing_is_called(effects, store, tools, build):
    async def full(work):
        raise OSError("no space left on device")

    run, store.database.run = store.database.run, full
    with pytest.raises(OSError, match="no space"):
        await execute(effects, build)
    store.database.run = run
    assert tools.world == []


async def test_p17_without_the_state_before_nothing_is_called(effects, tools, build):
    tools.cut = "read"
    with pytest.raises(RetryLaterError):
        await execute(effects, build)
    assert tools.world == []


@pytest.mark.parametrize("where", ["before", "between", "after"])
async def test_p17_a_crash_in_between_leaves_a_record_that_can_be_undone(effects, store, tools, build, where):
    tools.cut = where
    with pytest.raises(RetryLaterError):
        await execute(effects, build)
    row = await intent(store)
    assert Call.model_validate_json(row.inverse) == build.failover().inverse


async def test_p17_doing_and_undoing_restores_the_weights(effects, tools, build):
    weights = {"east": 100, "west": 0}
    write = tools.write

    async def applying(tool, arguments):
        weights.update(arguments["weights"])
        return await write(tool, arguments)

    tools.write = applying
    before = dict(weights)
    await execute(effects, build)
    assert weights != before
    action = build.failover()
    await effects.execute(
        action.inverse, operation="INC-1:0u", incident="INC-1", inverse=action.call, holder="INC-1", refuse=nothing_against
    )
    assert weights == before
