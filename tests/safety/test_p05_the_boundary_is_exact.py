"""Property 5: automatic needs strictly more than the threshold, a reversible action, a small enough reach and a record."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.catalogue import load_catalogue
from agents.orchestrator import History, Performed, judge
from agents.policy_settings import PolicySettings

CATALOGUE = load_catalogue()


def verdict(build, plan, *, history=None, policy=None):
    decision = judge(
        build.proposed(plan), plan, policy or PolicySettings(), build.world(), history or History(), CATALOGUE, build.clock.now()
    )
    return decision.verdict


@pytest.mark.parametrize("threshold", [0.85, 0.5, 0.0, 1.0])
def test_p05_at_the_threshold_a_person_is_asked_and_above_it_not(build, threshold):
    policy = PolicySettings(threshold=threshold)
    at = build.strategy(confidence=build.confidence(min(threshold, 0.99)))
    assert verdict(build, at, policy=policy) == "ask"
    above = math.nextafter(threshold, 2)
    if above <= 0.99:
        assert verdict(build, build.strategy(confidence=build.confidence(above)), policy=policy) == "approve"
    below = math.nextafter(threshold, -1)
    if below >= 0:
        assert verdict(build, build.strategy(confidence=build.confidence(min(below, 0.99))), policy=policy) == "ask"


def test_p05_what_can_not_be_taken_back_is_asked(build):
    one_way = build.failover().model_copy(update={"inverse": None})
    assert verdict(build, build.strategy(one_way)) == "ask"


def test_p05_a_reach_above_policy_is_asked(build):
    policy = PolicySettings(max_blast_radius=0.5)
    assert verdict(build, build.strategy(blast_radius=0.5), policy=policy) == "approve"
    assert verdict(build, build.strategy(blast_radius=math.nextafter(0.5, 1)), policy=policy) == "ask"


def test_p05_without_a_record_a_person_is_asked(build):
    assert verdict(build, build.strategy(confidence=build.confidence(0.99, outcomes=4.9))) == "ask"
    assert verdict(build, build.strategy(confidence=build.confidence(0.99, outcomes=5))) == "approve"


def test_p05_a_model_may_lower_but_not_raise(build):
    assert verdict(build, build.strategy(confidence=build.confidence(0.9, word=0.85))) == "ask"
    assert verdict(build, build.strategy(confidence=build.confidence(0.85, word=1.0))) == "ask"


def test_p05_traffic_is_not_moved_again_within_the_hold_down(build):
    moved = Performed("failover_region", "demo", None, build.clock.now(), automatic=True)
    build.clock.advance(59)
    assert verdict(build, build.strategy(), history=History((moved,))) == "ask"
    build.clock.advance(1)
    assert verdict(build, build.strategy(), history=History((moved,))) == "approve"


def test_p05_the_same_action_too_often_in_an_hour_is_asked(build):
    plan = build.strategy(build.restart(), fault_class="crash")
    done = tuple(Performed("restart_service", "demo", "east", build.clock.now(), automatic=True) for _ in range(4))
    build.clock.advance(60)
    assert verdict(build, plan, history=History(done[:3])) == "approve"
    assert verdict(build, plan, history=History(done)) == "ask"
    build.clock.advance(3540)
    assert verdict(build, plan, history=History(done)) == "approve"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(record=st.floats(0, 1), word=st.none() | st.floats(0, 1), outcomes=st.floats(0, 100), reach=st.floats(0, 1))
def test_p05_whatever_the_numbers_automatic_means_that_all_of_it_holds(build, record, word, outcomes, reach):
    policy = PolicySettings(max_blast_radius=0.7)
    plan = build.strategy(confidence=build.confidence(record, word=word, outcomes=outcomes), blast_radius=reach)
    holds = plan.confidence.value > 0.85 and outcomes >= 5 and reach <= 0.7
    assert (verdict(build, plan, policy=policy) == "approve") is holds


def test_p05_every_reason_against_is_shown(build):
    plan = build.strategy(confidence=build.confidence(0.2, outcomes=0), blast_radius=1.0)
    policy = PolicySettings(max_blast_radius=0.1, autonomy="ask")
    decision = judge(build.proposed(plan), plan, policy, build.world(), History(paused=True), CATALOGUE, build.clock.now())
    assert len(decision.reasons) == 5


def test_p05_what_the_catalogue_says_can_not_be_taken_back_is_asked_whatever_the_plan_says(build):
    spec = CATALOGUE.action("failover_region").model_copy(update={"reversible": False})
    strict = replace(CATALOGUE, actions={**CATALOGUE.actions, "failover_region": spec})
    plan = build.strategy()
    decision = judge(build.proposed(plan), plan, PolicySettings(), build.world(), History(), strict, build.clock.now())
    assert (decision.verdict, decision.reasons) == ("ask", ("failover_region can't be taken back",))
