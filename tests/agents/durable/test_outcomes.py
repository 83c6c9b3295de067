"""The track record: what worked, where and how long ago, with drills elsewhere as a small loan."""

from __future__ import annotations

import itertools

import pytest
from journal_support import tamper

from agents import confidence
from agents.durable import outcomes
from agents.durable.errors import DurableError
from agents.durable.store import Store
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


async def read(store, fault="crash", target="demo", action="restart_service", **how):
    return await store.record(action, fault, target, **how)


async def test_without_outcomes_there_is_the_prior_alone(store):
    record = await read(store)
    assert (record.successes, record.failures, record.parent_rate) == (0, 0, confidence.PRIOR_RATE)


@pytest.mark.parametrize("at", ["soon", "2026-01-01T00:00:00", ""])
async def test_an_outcome_of_no_moment_is_refused_by_a_name_and_counts_for_nothing(store, remember, tmp_path, at):
    await remember(3)
    assert tamper(tmp_path / "overwatch.db", "UPDATE outcome SET at = ? WHERE operation = 'op1'", values=(at,)) == 1
    for asked in (read, Store.outcomes):
        with pytest.raises(DurableError, match=r"'op1' .*`overwatch-tui audit verify`"):
            await asked(store)


async def test_an_own_outcome_counts_whole_and_on_the_demo_a_simulated_one_too(store, remember):
    await remember(3)
    await remember(2, good=False)
    await remember(4, simulated=True)
    demo, own = await read(store, demo=True), await read(store)
    assert (demo.successes, demo.failures) == (7, 2)
    assert (own.successes, own.failures) == (4, 2), "what was simulated on a target that is no demo is a small loan"


async def test_drills_on_a_target_of_one_s_own_never_weigh_more_than_the_loan(store, remember):
    await remember(100, simulated=True)
    assert (await read(store)).successes == confidence.SIMULATED_CAP


async def test_an_outcome_counts_once_and_not_again_in_the_rate_behind_it(store, remember):
    await remember(40, good=False)
    assert (await read(store)).parent_rate == confidence.PRIOR_RATE


async def test_what_was_remembered_is_read_with_the_numbers_that_it_was_decided_on(store, build, clock):
    known = OutcomeRecord("op1", "shop", "restart_service", "crash", True, False, clock.now(), build.confidence(0.9), "ada")
    old = OutcomeRecord("op0", "shop", "restart_service", "crash", False, True, clock.now())
    for record in (known, old):
        await store.database.run(lambda c, r=record: outcomes.remember(c, r))
    first, second = await store.outcomes()
    assert first == old
    assert second.confidence is not None
    assert second.confidence.value == known.confidence.value
    assert (second.decided_by, second.at, await store.outcome_count()) == ("ada", clock.now(), 2)


async def test_numbers_that_are_no_confidence_are_read_as_none(store, remember):
    await remember()
    await store.database.run(lambda c: c.exec_driver_sql("UPDATE outcome SET track_record = 7, evidence = 1"))
    (read_,) = await store.outcomes()
    assert read_.confidence is None


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
    assert (await read(store, action="scale_service")).parent_rate == confidence.PRIOR_RATE


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
    assert (await read(store)).successes == 2 + confidence.SIMULATED_CAP


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
    assert record.successes == pytest.approx(confidence.SIMULATED_CAP - 2)
