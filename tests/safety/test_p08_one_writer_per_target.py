"""Property 8: two incidents never act on one target at once; a stale holder's write is rejected."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from agents.durable import schema as s
from agents.events import IncidentDiagnosed, StrategyApproved, StrategyProposed
from agents.seams import RetryLaterError


async def nothing_against():
    return None


async def execute(effects, build, holder, operation):
    action = build.failover()
    return await effects.execute(
        action.call, operation=operation, incident=holder, inverse=action.inverse, holder=holder, refuse=nothing_against
    )


async def acting(store, build):
    """An incident in the log that is changing its target."""
    await store.open_incident(build.opened(), "Sentry", build.clock.now())
    plan = build.strategy()
    await store.append(
        [
            build.event(IncidentDiagnosed(diagnosis=build.diagnosis())),
            build.event(StrategyProposed(strategy=plan)),
            build.event(StrategyApproved(strategy=plan, by="ada", reasons=())),
        ]
    )


async def test_p08_a_second_incident_waits_while_the_first_is_changing_the_target(effects, store, tools, build):
    await acting(store, build)
    await execute(effects, build, "INC-1", "INC-1:0")
    with pytest.raises(RetryLaterError, match="another incident"):
        await execute(effects, build, "INC-2", "INC-2:0")
    assert tools.world == ["INC-1:0"]


async def test_p08_an_ended_lease_is_taken_over_with_a_higher_epoch(effects, store, tools, build):
    await acting(store, build)
    await execute(effects, build, "INC-1", "INC-1:0")
    build.clock.advance(301)
    await execute(effects, build, "INC-2", "INC-2:0")
    assert tools.epochs == [1, 2]


async def test_p08_a_stale_holder_s_intent_is_rejected_before_any_call(effects, store, tools, build):
    read = tools.read

    async def taken_over_meanwhile(tool, arguments):
        answer = await read(tool, arguments)
        change = update(s.lease).values(holder="INC-9", epoch=7)
        await store.database.run(lambda c: c.execute(change))
        return answer

    tools.read = taken_over_meanwhile
    with pytest.raises(RetryLaterError, match="taken over"):
        await execute(effects, build, "INC-1", "INC-1:0")
    assert tools.world == []
    assert tools.epochs == []


async def test_p08_a_target_has_one_unresolved_incident_whoever_opens(store, build):
    assert await store.open_incident(build.opened(), "Sentry", build.clock.now()) is not None
    assert await store.open_incident(build.opened("west"), "Sentry", build.clock.now()) is None
