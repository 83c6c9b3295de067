"""Property 10, at the executor: it counts what was begun by itself, and moves users no more often than policy says."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests_support import FixedInventory

from agents.catalogue import load_catalogue
from agents.durable.effects import DurableEffects
from agents.events import IncidentDiagnosed, StrategyApproved, StrategyProposed
from agents.policy_settings import PolicySettings
from agents.seams import RetryLaterError
from agents.strategist.plans import remedies

POLICY = PolicySettings(max_switches=3, switch_window_s=3_600, hold_down_s=60)


async def nothing_against():
    return None


async def move(effects, build, operation, *, back=False, incident="INC-1"):
    """One change of traffic, the operation named as the executor names it."""
    action = build.failover()
    call, inverse = (action.inverse, action.call) if back else (action.call, action.inverse)
    return await effects.execute(
        call, operation=operation, incident=incident, inverse=inverse, holder=incident, refuse=nothing_against
    )


@pytest.fixture
def door(store, tools, clock):
    return DurableEffects(store=store, tools=tools, clock=clock, policy=POLICY)


async def test_p10_not_more_than_max_switches_within_the_window_undoing_included(door, tools, clock, build):
    statuses = []
    for n in range(4):
        for suffix in ("", "u"):
            statuses.append((await move(door, build, f"p{n}:0{suffix}", back=bool(suffix))).status)
            clock.advance(30)
        clock.advance(60)
    assert statuses == ["succeeded"] * 3 + ["refused"] * 5
    assert tools.world == ["p0:0", "p0:0u", "p1:0"]


async def test_p10_when_the_window_has_passed_users_may_be_moved_again(door, tools, clock, build):
    for n in range(3):
        await move(door, build, f"p{n}:0")
        clock.advance(61)
    assert (await move(door, build, "p3:0")).status == "refused"
    clock.advance(3_600 - 3 * 61)
    assert (await move(door, build, "p4:0")).status == "succeeded"
    assert (await move(door, build, "p5:0")).status == "refused"


@pytest.mark.parametrize(("seconds", "status"), [(0, "refused"), (59.9, "refused"), (60, "succeeded")])
async def test_p10_after_a_move_the_next_plan_waits_for_the_hold_down(door, clock, build, seconds, status):
    await move(door, build, "p0:0")
    clock.advance(seconds)
    assert (await move(door, build, "p1:0")).status == status


async def test_p10_what_did_not_help_is_undone_at_once_within_the_hold_down(door, tools, build):
    await move(door, build, "p0:0")
    assert (await move(door, build, "p0:0u", back=True)).status == "succeeded"


def answering(status):
    async def write(tool, arguments):
        return {"status": status, "summary": status}

    return write


async def test_p10_a_move_that_failed_or_is_not_known_counts_as_well(door, tools, clock, build):
    for n, status in enumerate(("failed", "unknown", "succeeded")):
        tools.write = answering(status)
        assert (await move(door, build, f"p{n}:0")).status == status
        clock.advance(61)
    assert (await move(door, build, "p3:0")).status == "refused"


async def test_p10_a_clock_that_is_set_back_forgets_no_move(door, tools, clock, build):
    for n in range(3):
        await move(door, build, f"p{n}:0")
        clock.advance(61)
    clock.advance(-7_200)
    assert (await move(door, build, "p3:0")).status == "refused"


async def test_p10_a_burst_of_moves_is_counted_and_begun_in_one_transaction(store, tools, clock, build):
    policy = POLICY.model_copy(update={"hold_down_s": 0})
    doors = [DurableEffects(store=store, tools=tools, clock=clock, policy=policy) for _ in range(4)]
    asked = (move(door, build, f"p{n}:{m}") for n, door in enumerate(doors) for m in range(3))
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert all(not isinstance(r, BaseException) or isinstance(r, RetryLaterError) for r in results)
    assert len(tools.world) == 3


async def test_p10_the_count_survives_a_restart(store, tools, clock, build):
    for n in range(3):
        await move(DurableEffects(store=store, tools=tools, clock=clock, policy=POLICY), build, f"p{n}:0")
        clock.advance(61)
    anew = DurableEffects(store=store, tools=tools, clock=clock, policy=POLICY)
    assert (await move(anew, build, "p3:0")).status == "refused"


async def decided(store, build, by):
    """An incident whose failover was decided on by `by`."""
    await store.open_incident(build.opened(), "Sentry", build.clock.now())
    plan = build.strategy()
    await store.append(
        [
            build.event(IncidentDiagnosed(diagnosis=build.diagnosis())),
            build.event(StrategyProposed(strategy=plan)),
            build.event(StrategyApproved(strategy=plan, by=by, reasons=())),
        ]
    )


@pytest.mark.parametrize(("by", "status"), [("ada", "succeeded"), ("policy", "refused")])
async def test_p10_what_a_person_decided_is_counted_and_passes(store, door, clock, build, by, status):
    for n in range(3):
        await move(door, build, f"p{n}:0", incident="INC-9")
        clock.advance(61)
    await decided(store, build, by)
    assert (await move(door, build, "p3:0")).status == status


async def test_p10_other_targets_and_other_tools_are_not_counted(door, tools, clock, build):
    for n in range(3):
        await move(door, build, f"p{n}:0")
        clock.advance(61)
    restart = build.restart().call
    arguments = {"incident": "INC-1", "inverse": None, "holder": "INC-1", "refuse": nothing_against}
    assert (await door.execute(restart, operation="p3:0", **arguments)).status == "succeeded"
    other = build.failover().call.model_copy(update={"target": "shop"})
    arguments["inverse"] = build.failover().inverse.model_copy(update={"target": "shop"})
    assert (await door.execute(other, operation="p4:0", **arguments)).status == "succeeded"


async def test_p10_nothing_that_the_catalogue_remedies_brings_users_back_by_itself(build):
    """A region that users were moved away from is well again: no remedy of any fault class moves them back."""
    catalogue = load_catalogue()
    east, west = (replace(facts, health="ok") for facts in build.world().regions)
    world = build.world(regions=(replace(east, traffic=0), replace(west, traffic=100)))
    inventory = FixedInventory(world)
    for fault in catalogue.faults:
        incident = build.fold(build.opened("east"), IncidentDiagnosed(diagnosis=build.diagnosis(fault)))
        for action, _, _ in remedies(incident, await inventory.world("demo"), catalogue):
            assert action.call is None or (action.call.weights or {}).get("east", 0) == 0
