"""The track record: what worked, where and how long ago, with drills elsewhere as a small loan."""

from __future__ import annotations

import itertools

import pytest

from agents.durable import outcomes
from agents.seams import OutcomeRecord


@pytest.fixture
def remember(store, clock):
    """Adds outcomes of a restart; each is an operation of its own unless one is named."""
    numbers = itertools.count()

    async def add(n=1, *, good=True, fault="crash", target="demo", simulated=False, action="restart_service", operation=None):
        for _ in range(n):
            id_ = operation or f"op{next(numbers)}"
            record = OutcomeRecord(id_, target, action, fault, good, simulated, clock.now())
            await store.database.run(lambda c, r=record: outcomes.remember(c, r))

    return add


async def read(store, fault="crash", target="demo", action="restart_service"):
    return await store.record(action, fault, target)


async def test_without_outcomes_there_is_the_prior_alone(store):
    record = await read(store)
    assert (record.successes, record.failures, record.parent_rate) == (0, 0, outcomes.PRIOR_RATE)


async def test_an_own_outcome_counts_whole_also_a_simulated_one(store, remember):
    await remember(3)
    await remember(2, good=False)
    await remember(4, simulated=True)
    record = await read(store)
    assert (record.successes, record.failures) == (7, 2)


async def test_the_same_operation_counts_once(store, remember):
    await remember(3, operation="INC-1.s1:0")
    assert (await read(store)).successes == 1


async def test_another_action_and_another_fault_do_not_count(store, remember):
    await remember(9, action="scale_service")
    await remember(9, fault="resource_leak")
    assert (await read(store)).successes == 0


async def test_other_faults_of_the_action_move_the_rate_that_stands_behind_it(store, remember):
    await remember(40, fault="resource_leak", good=False)
    assert (await read(store)).parent_rate < 0.2
    assert (await read(store, action="scale_service")).parent_rate == outcomes.PRIOR_RATE


async def test_it_halves_in_ninety_days_and_never_counts_more_than_once_when_the_clock_is_set_back(store, remember, clock):
    await remember()
    clock.advance(90 * 86_400)
    assert (await read(store)).successes == pytest.approx(0.5)
    clock.advance(-180 * 86_400)
    assert (await read(store)).successes == 1


async def test_another_target_counts_half_and_drills_there_are_a_small_loan(store, remember):
    await remember(4, target="shop")
    assert (await read(store)).successes == 2
    await remember(100, target="drill", simulated=True)
    assert (await read(store)).successes == 2 + outcomes.SIMULATED_CAP


async def test_drills_of_one_fault_do_not_use_up_the_loan_of_another(store, remember):
    await remember(100, target="drill", simulated=True)
    await remember(8, target="drill", simulated=True, fault="resource_leak", good=False)
    assert (await read(store, "resource_leak")).failures == 2


async def test_a_drill_that_fails_now_is_not_crowded_out_by_many_that_worked_long_ago(store, remember, clock):
    await remember(100, target="drill", simulated=True)
    clock.advance(60)
    await remember(8, target="drill", simulated=True, good=False)
    record = await read(store)
    assert record.failures == pytest.approx(2)
    assert record.successes == pytest.approx(outcomes.SIMULATED_CAP - 2)
