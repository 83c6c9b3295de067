"""The gate simulation, small: the order in which the ways to gate fail, and that a remedy that stops working is noticed."""

from __future__ import annotations

import pytest

from benchmarks import gate_simulation as simulation


@pytest.fixture(scope="module")
def failed():
    """The share of automatic approvals that failed, by scheme, in one world."""
    cases = simulation.world_of(11, 700, 4.0)
    found = {}
    for name, scheme in simulation.SCHEMES.items():
        _, automatic, failures = simulation.shares(simulation.run(cases, scheme))
        assert automatic > 20, name
        found[name] = failures / automatic
    return found


def test_the_whole_scheme_fails_less_than_each_number_alone(failed):
    whole = failed["the whole scheme"]
    assert whole < failed["the track record alone"]
    assert whole < failed["the model's word alone"] / 2


def test_believing_the_word_alone_lets_a_tenth_and_more_fail(failed):
    assert failed["the model's word alone"] > 0.1


def test_a_remedy_that_stops_working_closes_the_gate_and_the_word_alone_never_does():
    cases = simulation.drifting(3, days=50, per_day=2.0, turns=30.0)
    ends = {}
    for name, scheme in simulation.SCHEMES.items():
        done = simulation.run(cases, scheme)
        assert any(d.automatic for d in done if (d.case.at - simulation.START).days < 30), name
        ends[name] = sum(d.automatic for d in done[-20:])
    assert ends["the whole scheme"] == ends["the track record alone"] == 0
    assert ends["the model's word alone"] > 10


def test_the_same_seed_gives_the_same_world():
    assert simulation.world_of(5, 50, 4.0) == simulation.world_of(5, 50, 4.0)
    assert simulation.world_of(5, 50, 4.0) != simulation.world_of(6, 50, 4.0)
