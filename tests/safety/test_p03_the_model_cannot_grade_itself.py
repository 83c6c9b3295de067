"""Property 3: what a plan says of itself opens nothing. The catalogue, the diagnosis and what was observed decide."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.catalogue import load_catalogue
from agents.events import FailoverRequested, StrategyProposed
from agents.facts import Action, Call
from agents.incident import evolve
from agents.orchestrator import History, judge
from agents.policy_settings import PolicySettings

CATALOGUE = load_catalogue()
EVERYTHING = frozenset(CATALOGUE.actions)
STRICTER = ("approve", "ask", "page", "refuse")


def decide(build, plan, *, incident=None, history=None, **world):
    incident = incident or build.proposed(plan)
    values = (PolicySettings(), build.world(**world), history or History(), CATALOGUE, build.clock.now())
    return judge(incident, plan, *values)


def moving(**weights):
    return Call(tool="switch_traffic", target="demo", weights=weights)


def test_p03_an_action_that_calls_itself_harmless_but_has_no_way_back_is_asked(build):
    one_way = build.failover().model_copy(update={"inverse": None, "harmless": True})
    decision = decide(build, build.strategy(one_way))
    assert decision.verdict == "ask"
    assert decision.reasons == ("failover_region can't be taken back",)


@pytest.mark.parametrize("kind", sorted(EVERYTHING - {"failover_region", "switch_traffic"}))
def test_p03_another_name_for_a_move_of_traffic_is_refused(build, kind):
    disguised = build.failover().model_copy(update={"kind": kind})
    assert decide(build, build.strategy(disguised, fault_class="process_degraded"), allowed=EVERYTHING).verdict == "refuse"


@pytest.mark.parametrize("kind", sorted(EVERYTHING - {"restart_service"}))
def test_p03_another_name_for_a_restart_is_refused(build, kind):
    disguised = build.restart().model_copy(update={"kind": kind})
    assert decide(build, build.strategy(disguised, fault_class="process_degraded"), allowed=EVERYTHING).verdict == "refuse"


def test_p03_a_plan_against_another_fault_than_the_diagnosed_one_is_refused(build):
    incident = build.proposed(build.strategy(fault_class="shared_dependency"))
    decision = decide(build, build.strategy(fault_class="region_down"), incident=incident)
    assert decision.verdict == "refuse"
    assert "the diagnosis is 'shared_dependency'" in decision.reasons[0]


BAD_WAYS_BACK = {
    "another target": Call(tool="switch_traffic", target="bank", weights={"east": 100, "west": 0}),
    "another tool": Call(tool="scale_service", target="demo", region="east", replicas=2),
    "nobody is served": moving(east=0, west=0),
    "a region that is not there": moving(east=50, west=0, north=50),
    "a region left out": moving(east=100),
    "no weights": Call(tool="switch_traffic", target="demo"),
}


@pytest.mark.parametrize("what", BAD_WAYS_BACK)
def test_p03_a_way_back_is_held_to_the_same_limits_as_the_way_there(build, what):
    action = build.failover().model_copy(update={"inverse": BAD_WAYS_BACK[what]})
    assert decide(build, build.strategy(action)).verdict == "refuse"


@pytest.mark.parametrize("replicas", [0, -1, 6, None])
def test_p12_no_way_back_leads_to_no_replicas(build, replicas):
    action = build.scale()
    action = action.model_copy(update={"inverse": action.inverse.model_copy(update={"replicas": replicas})})
    assert decide(build, build.strategy(action, fault_class="capacity")).verdict == "refuse"


@pytest.mark.parametrize(
    "call",
    [
        Call(tool="restart_service", target="demo"),
        Call(tool="restart_service", target="demo", region=None, weights={"east": 100, "west": 0}),
    ],
)
def test_p12_no_region_means_none_and_never_all(build, call):
    plan = build.strategy(Action(kind="restart_service", call=call, harmless=True), fault_class="crash")
    assert decide(build, plan).verdict == "refuse"


def test_p12_scaling_to_no_number_and_deploying_no_image_are_refused(build):
    scale = build.scale().model_copy(update={"call": Call(tool="scale_service", target="demo", region="east")})
    assert decide(build, build.strategy(scale, fault_class="capacity")).verdict == "refuse"
    call = Call(tool="deploy_container", target="demo", region="east", image="")
    deploy = Action(kind="rollback_revision", call=call, inverse=call.model_copy(update={"image": "shop:2"}))
    assert decide(build, build.strategy(deploy, fault_class="bad_deploy"), allowed=EVERYTHING).verdict == "refuse"


class TestWishes:
    """A person's wish passes without a doubt; so only a person's wish does, and only what was wished."""

    def wished(self, build, plan, *, by="ada", region="west"):
        incident = evolve(build.fold(build.opened()), build.event(FailoverRequested(target="demo", region=region, by=by)))
        return evolve(incident, build.event(StrategyProposed(strategy=plan)))

    def low(self, build, *actions, by="ada", **changes):
        values = {"confidence": build.confidence(0.1, outcomes=0), "fault_class": "manual", "requested_by": by, **changes}
        return build.strategy(*actions, **values)

    def test_p03_what_a_person_wished_is_done(self, build):
        plan = self.low(build)
        assert decide(build, plan, incident=self.wished(build, plan)).verdict == "approve"

    @pytest.mark.parametrize("by", ["Strategist", "policy", " orchestrator ", ""])
    def test_p03_what_the_swarm_wished_of_itself_is_refused(self, build, by):
        plan = self.low(build, by=by)
        assert decide(build, plan, incident=self.wished(build, plan, by=by)).verdict == "refuse"

    def test_p03_a_wish_that_nobody_said_is_refused(self, build):
        plan = self.low(build, fault_class="region_down")
        assert decide(build, plan).verdict == "refuse"

    def test_p03_a_wish_under_another_s_name_is_refused(self, build):
        plan = self.low(build, by="grace")
        assert decide(build, plan, incident=self.wished(build, plan, by="ada")).verdict == "refuse"

    def test_p03_another_destination_than_the_wished_one_is_refused(self, build):
        plan = self.low(build)
        assert decide(build, plan, incident=self.wished(build, plan, region="east")).verdict == "refuse"

    def test_p03_a_half_of_the_wish_is_not_the_wish(self, build):
        half = build.failover().model_copy(update={"call": moving(east=50, west=50)})
        plan = self.low(build, half)
        assert decide(build, plan, incident=self.wished(build, plan)).verdict == "refuse"

    def test_p03_nothing_rides_along_with_a_wish(self, build):
        plan = self.low(build, build.failover(), build.restart())
        assert decide(build, plan, incident=self.wished(build, plan)).verdict == "refuse"

    def test_p18_while_automation_is_paused_a_wish_is_asked_back(self, build):
        plan = self.low(build)
        decision = decide(build, plan, incident=self.wished(build, plan), history=History(paused=True))
        assert decision.verdict == "ask"

    def test_p11_a_wish_for_the_sick_region_is_refused(self, build):
        back = build.failover().model_copy(update={"call": moving(east=100, west=0), "inverse": moving(east=0, west=100)})
        plan = self.low(build, back)
        incident = self.wished(build, plan, region="east")
        regions = build.world().regions
        from dataclasses import replace

        swapped = (replace(regions[0], traffic=0), replace(regions[1], traffic=100))
        decision = decide(build, plan, incident=incident, regions=swapped)
        assert decision.verdict == "refuse"
        assert any("east shows symptoms itself" in reason for reason in decision.reasons)


WORDS = st.none() | st.floats(0, 1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(record=st.floats(0, 1), first=WORDS, rationale=st.text(max_size=50), effect=st.text(max_size=50))
def test_p03_whatever_a_model_fills_in_the_decision_is_the_same_or_stricter(build, record, first, rationale, effect):
    without = build.strategy(confidence=build.confidence(record))
    said = {"confidence": build.confidence(record, word=first), "rationale": rationale, "expected_effect": effect}
    before, after = decide(build, without).verdict, decide(build, build.strategy(**said)).verdict
    assert STRICTER.index(after) >= STRICTER.index(before)
