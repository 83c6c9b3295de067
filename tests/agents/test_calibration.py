"""How far the numbers came true: scores that are known by hand, properties that always hold, and the records behind them."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.calibration import Prediction, calibrate, curve, effective, wilson
from agents.confidence import MANUAL, SIMULATED_CAP, beta_quantile, track_record, weigh
from agents.facts import Confidence
from agents.seams import OutcomeRecord

NOW = datetime(2026, 11, 23, 14, 2, 11, tzinfo=UTC)
PATIENT = settings(deadline=None)
"""A busy machine is no failure."""
SAID = st.builds(Prediction, st.floats(0, 1), st.booleans(), st.sampled_from([1.0, 0.25]))


def outcome(n, *, good=True, said=0.9, evidence=0.95, word=None, action="restart_service", fault="crash", days=0.0, **changes):
    values = {
        "operation": f"op{n}",
        "target": "shop",
        "action": action,
        "fault_class": fault,
        "succeeded": good,
        "simulated": False,
        "at": NOW - timedelta(days=days),
        "confidence": Confidence(track_record=said, evidence=evidence, word=word),
        "decided_by": "policy",
    }
    return OutcomeRecord(**(values | changes))


def measured(outcomes, **changes):
    return calibrate(outcomes, **({"now": NOW, "threshold": 0.85, "min_outcomes": 5} | changes))


def test_the_scores_of_a_handful_are_those_that_a_pencil_gives():
    said = [Prediction(0.9, True), Prediction(0.9, True), Prediction(0.9, False), Prediction(0.2, False)]
    found = curve("gate", said)
    assert found.brier == pytest.approx((0.01 + 0.01 + 0.81 + 0.04) / 4)
    assert found.base_rate == 0.5
    assert found.skill == pytest.approx(1 - found.brier / 0.25)
    assert found.ece == pytest.approx(0.75 * (0.9 - 2 / 3) + 0.25 * 0.2)
    assert [(b.low, b.count, b.observed) for b in found.bins] == [(0.2, 1, 0.0), (0.9, 3, pytest.approx(2 / 3))]


def test_wilson_s_interval_is_that_of_the_textbook():
    assert wilson(0.0, 10) == (0.0, pytest.approx(0.2775, abs=1e-4))
    assert wilson(0.5, 10) == (pytest.approx(0.2366, abs=1e-4), pytest.approx(0.7634, abs=1e-4))


@PATIENT
@given(st.lists(SAID, min_size=1, max_size=40))
def test_every_score_is_in_range_and_the_bins_hold_everything(said):
    found = curve("gate", said)
    assert 0 <= found.brier <= 1
    assert 0 <= found.ece <= 1
    assert 0 < found.effective <= found.count + 1e-9
    assert sum(b.count for b in found.bins) == len(said)
    for b in found.bins:
        assert b.low - 1e-9 <= b.predicted <= b.high + 1e-9
        assert 0 <= b.at_least <= b.observed + 1e-9
        assert b.observed - 1e-9 <= b.at_most <= 1


@PATIENT
@given(st.lists(st.builds(Prediction, st.sampled_from([0.05, 0.35, 0.75, 0.95]), st.booleans()), min_size=1, max_size=60))
def test_where_each_bin_holds_one_number_murphy_s_parts_give_the_whole_score(said):
    found = curve("gate", said)
    assert found.reliability - found.resolution + found.uncertainty == pytest.approx(found.brier, abs=1e-9)


@PATIENT
@given(st.lists(SAID, min_size=1, max_size=30), st.floats(0.01, 10))
def test_weights_matter_by_their_proportion_alone(said, factor):
    first, second = curve("gate", said), curve("gate", [replace(p, weight=p.weight * factor) for p in said])
    assert second.brier == pytest.approx(first.brier)
    assert second.ece == pytest.approx(first.ece)
    assert second.effective == pytest.approx(first.effective)


def test_who_says_what_comes_has_no_error_and_who_says_its_opposite_has_all_of_it():
    right = curve("gate", [Prediction(1.0, True), Prediction(0.0, False)])
    wrong = curve("gate", [Prediction(0.0, True), Prediction(1.0, False)])
    assert (right.brier, right.ece, right.skill) == (0, 0, 1)
    assert (wrong.brier, wrong.ece, wrong.skill) == (1, 1, -3)


def test_where_everything_worked_there_is_no_skill_to_measure():
    assert curve("gate", [Prediction(0.9, True)] * 30).skill is None


@pytest.mark.parametrize("bad", [(math.nan, 1.0), (1.01, 1.0), (-0.01, 1.0), (0.5, 0.0), (0.5, math.inf), (0.5, math.nan)])
def test_what_is_no_prediction_is_refused_with_its_value(bad):
    said, weight = bad
    with pytest.raises(ValueError, match="no prediction"):
        curve("gate", [Prediction(said, True, weight)])


def test_equal_weights_are_worth_their_number_and_unequal_ones_less():
    assert effective([0.25] * 8) == pytest.approx(8)
    assert effective([1, 0.25]) < 2


def test_few_outcomes_are_said_to_be_few():
    assert not measured([outcome(n) for n in range(19)]).curves[0].enough
    assert measured([outcome(n) for n in range(20)]).curves[0].enough
    (few,) = measured([outcome(n) for n in range(4)]).curves[0].bins
    assert not few.enough


def test_each_number_is_held_against_what_came_and_the_word_only_where_a_model_spoke():
    found = measured([outcome(1, said=0.9, evidence=0.7), outcome(2, said=0.8, evidence=0.99, word=0.4)])
    assert [c.source for c in found.curves] == ["gate", "track_record", "evidence", "word"]
    assert [b.predicted for b in found.curve("gate").bins] == [pytest.approx(0.4), pytest.approx(0.7)]
    assert found.curve("word").count == 1
    assert measured([outcome(1)]).curve("word") is None


def test_what_was_decided_on_no_number_is_counted_apart():
    found = measured([outcome(1), outcome(2, confidence=None), outcome(3, fault=MANUAL)])
    assert (found.outcomes, found.unnumbered, found.curves[0].count) == (3, 2, 1)


def test_of_no_outcome_nothing_is_said():
    found = measured([])
    assert (found.curves, found.cells, found.outcomes) == ((), (), 0)


def test_simulated_outcomes_weigh_less_beside_real_ones_and_can_be_left_out():
    mixed = [outcome(1), outcome(2, good=False, simulated=True)]
    assert measured(mixed).curves[0].base_rate == pytest.approx(0.8)
    real = measured(mixed, real_only=True)
    assert (real.outcomes, real.simulated, real.curves[0].base_rate) == (1, 0, 1)


def test_the_table_says_of_each_target_what_the_gate_would_read():
    drills = [outcome(n, target="demo", simulated=True) for n in range(40)]
    own, demo = sorted(measured(drills, demos={"demo"}, targets={"shop"}).cells, key=lambda c: c.target == "demo")
    assert (own.target, own.own, own.worked) == ("shop", 0, SIMULATED_CAP)
    assert (demo.own, demo.simulated, demo.worked) == (40, 40, 40)
    record = weigh(drills, action="restart_service", fault_class="crash", target="shop", now=NOW)
    assert own.track_record == track_record(record)


@PATIENT
@given(good=st.integers(0, 40), bad=st.integers(0, 4))
def test_so_many_more_successes_as_it_says_and_not_one_less_open_the_gate(good, bad):
    outcomes = [outcome(n) for n in range(good)] + [outcome(100 + n, good=False) for n in range(bad)] or [outcome(0)]
    (cell,) = measured(outcomes).cells

    def opens(more):
        grown = weigh(
            [*outcomes, *(outcome(f"more{n}") for n in range(more))],
            action="restart_service",
            fault_class="crash",
            target="shop",
            now=NOW,
        )
        return grown.successes + grown.failures >= 5 and track_record(grown) > 0.85

    assert opens(cell.needed)
    assert cell.needed == 0 or not opens(cell.needed - 1)


def test_a_threshold_that_no_record_passes_needs_more_than_can_be_said():
    assert measured([outcome(1)], threshold=1.0).cells[0].needed is None


def test_the_same_outcomes_in_another_order_give_the_same_numbers():
    outcomes = [outcome(n, good=n % 3 > 0, said=n / 20, days=n) for n in range(20)]
    shuffled = outcomes.copy()
    random.Random(1).shuffle(shuffled)
    assert measured(outcomes).cells == measured(shuffled).cells
    assert measured(outcomes).curves[0].brier == pytest.approx(measured(shuffled).curves[0].brier)


def test_the_record_lies_below_the_truth_nine_times_of_ten():
    """A true rate drawn from the prior, a few outcomes of it: the 10 % quantile is above the truth in a tenth of the worlds."""
    chance = random.Random(5)
    above = worlds = 0
    for _ in range(3_000):
        rate = beta_quantile(chance.uniform(1e-6, 1 - 1e-6), 0.85 * 8, 0.15 * 8)
        outcomes = [outcome(n, good=chance.random() < rate) for n in range(chance.choice([3, 6, 12]))]
        record = weigh(outcomes, action="restart_service", fault_class="crash", target="shop", now=NOW)
        above += track_record(record) > rate
        worlds += 1
    assert 0.085 < above / worlds < 0.115
