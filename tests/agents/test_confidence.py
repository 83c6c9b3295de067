"""The number that the gate compares: a cautious reading of the record, bounded by evidence, lowered by a word."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agents.confidence import beta_cdf, beta_quantile, confidence, track_record
from agents.seams import Record

SHAPES = st.floats(0.05, 500)
SHARES = st.floats(0.001, 0.999)
COUNTS = st.floats(0, 500)
RATES = st.floats(0, 1)


@given(p=SHARES)
def test_beta_1_1_is_the_identity(p):
    assert beta_quantile(p, 1, 1) == pytest.approx(p, abs=1e-8)


@given(p=SHARES, a=st.floats(0.2, 200))
def test_beta_a_1_is_a_root_and_beta_1_b_its_mirror(p, a):
    assert beta_quantile(p, a, 1) == pytest.approx(p ** (1 / a), abs=1e-8)
    assert beta_quantile(p, 1, a) == pytest.approx(1 - (1 - p) ** (1 / a), abs=1e-8)


@given(p=SHARES)
def test_beta_of_halves_is_the_arcsine_law(p):
    assert beta_quantile(p, 0.5, 0.5) == pytest.approx(math.sin(math.pi * p / 2) ** 2, abs=1e-8)


@given(x=SHARES)
def test_beta_2_3_is_its_polynomial(x):
    assert beta_cdf(x, 2, 3) == pytest.approx(6 * x**2 - 8 * x**3 + 3 * x**4, abs=1e-12)


@given(x=SHARES, k=st.integers(1, 30), n=st.integers(1, 30))
def test_whole_shapes_are_a_binomial_tail(x, k, n):
    """I_x(k, n) = P(at least k of k + n - 1 tries succeed); NIST DLMF 8.17.5."""
    tries = k + n - 1
    tail = sum(math.comb(tries, j) * x**j * (1 - x) ** (tries - j) for j in range(k, tries + 1))
    assert beta_cdf(x, k, n) == pytest.approx(tail, abs=1e-10)


@given(p=SHARES, a=SHAPES, b=SHAPES)
def test_the_quantile_is_where_the_distribution_has_that_share(p, a, b):
    x = beta_quantile(p, a, b)
    assert 0 <= x <= 1
    assert beta_cdf(max(0.0, x - 2e-9), a, b) <= p + 1e-9
    assert beta_cdf(min(1.0, x + 2e-9), a, b) >= p - 1e-9


@pytest.mark.parametrize(("p", "a", "b"), [(0, 1, 1), (1, 1, 1), (-0.1, 1, 1), (0.5, 0, 1), (0.5, 1, -1), (math.nan, 1, 1)])
def test_there_is_no_quantile_outside_of_the_distribution(p, a, b):
    with pytest.raises(ValueError, match="no quantile"):
        beta_quantile(p, a, b)


@given(good=COUNTS, bad=COUNTS, rate=RATES, more=st.floats(0.01, 50))
def test_a_success_never_lowers_the_record_and_a_failure_never_raises_it(good, bad, rate, more):
    before = track_record(Record(good, bad, rate))
    assert track_record(Record(good + more, bad, rate)) >= before - 1e-8
    assert track_record(Record(good, bad + more, rate)) <= before + 1e-8


@given(good=COUNTS, bad=COUNTS, rate=RATES)
def test_the_record_is_in_range_and_below_the_share_that_worked(good, bad, rate):
    found = track_record(Record(good, bad, rate))
    assert 0 <= found <= 1
    assert found < 1


def test_seventeen_of_seventeen_is_at_least_nine_tenths_and_not_one():
    assert 0.85 < track_record(Record(17, 0, 0.85)) < 0.97


def test_without_any_outcome_nothing_is_automatic_however_well_the_action_does_elsewhere():
    assert track_record(Record(0, 0, 0.85)) < 0.85


@given(evidence=st.floats(allow_nan=True, allow_infinity=True), word=st.none() | RATES, good=COUNTS)
def test_the_number_is_the_smallest_of_the_three(evidence, word, good):
    found = confidence(Record(good, 0, 0.9), evidence, word)
    assert found.value == min(n for n in (found.track_record, found.evidence, word) if n is not None)
    assert 0 <= found.evidence <= 1
    assert found.outcomes == good


def test_evidence_that_is_no_number_is_no_evidence():
    assert confidence(Record(99, 0, 0.99), math.nan, None).value == 0


@pytest.mark.parametrize("word", [math.nan, 1.01, -0.01])
def test_a_word_that_is_no_share_is_refused(word):
    with pytest.raises(ValidationError):
        confidence(Record(9, 0, 0.9), 0.9, word)
