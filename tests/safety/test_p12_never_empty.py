"""Property 12: no sequence of actions leaves zero serving regions or zero replicas; nothing selected means nothing."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests_support import FixedInventory, ScriptedProber, SpyEffects

from agents.catalogue import load_catalogue
from agents.events import StrategyApproved
from agents.facts import Action, Call
from agents.logistics import Logistics
from agents.orchestrator import History, judge
from agents.policy_settings import PolicySettings
from agents.traffic_controller import TrafficController

CATALOGUE = load_catalogue()
NAMES = st.sampled_from(["east", "west", "north"])


def verdict(build, plan):
    return judge(build.proposed(plan), plan, PolicySettings(), build.world(), History(), CATALOGUE, build.clock.now()).verdict


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(weights=st.dictionaries(NAMES, st.integers(-100, 200)))
def test_p12_only_weights_that_serve_everybody_pass(build, weights):
    call = Call(tool="switch_traffic", target="demo", weights=weights)
    plan = build.strategy(build.failover().model_copy(update={"call": call}))
    if verdict(build, plan) in {"approve", "ask"}:
        assert set(weights) == {"east", "west"}
        assert sum(weights.values()) == 100
        assert all(0 <= weight <= 100 for weight in weights.values())


@given(replicas=st.integers(-5, 100))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_p12_no_scaling_to_nothing(build, replicas):
    plan = build.strategy(build.scale(replicas), fault_class="capacity")
    assert (verdict(build, plan) in {"approve", "ask"}) is (1 <= replicas <= 5)


@pytest.mark.parametrize("tool", ["restart_service", "scale_service", "deploy_container"])
async def test_p12_without_a_region_nothing_is_touched_even_when_approved(build, tool):
    plan = build.strategy(Action(kind="restart_service", call=Call(tool=tool, target="demo"), harmless=True), fault_class="crash")
    spy = SpyEffects()
    logistics = Logistics(spy, PolicySettings(), FixedInventory(build.world()))
    incident = build.acting(plan)
    outcome = await logistics.handle(build.event(StrategyApproved(strategy=plan, by="ada", reasons=())), build.context(incident))
    assert spy.calls == []
    assert outcome.emit[0].data.status == "refused"
    assert "no region is named" in outcome.emit[0].data.summary


@pytest.mark.parametrize("weights", [None, {}])
async def test_p12_empty_weights_move_nobody_even_when_approved(build, weights):
    call = Call(tool="switch_traffic", target="demo", weights=weights)
    plan = build.strategy(build.failover().model_copy(update={"call": call}))
    spy = SpyEffects()
    controller = TrafficController(spy, PolicySettings(), FixedInventory(build.world()), ScriptedProber(build.clock))
    incident = build.acting(plan)
    outcome = await controller.handle(build.event(StrategyApproved(strategy=plan, by="ada", reasons=())), build.context(incident))
    assert spy.calls == []
    assert outcome.emit[0].data.status == "refused"


BAD_WEIGHTS = [
    {"east": 0, "west": 0},
    {"east": 0},
    {"west": 100},
    {"east": 150, "west": -50},
    {"east": 50, "west": 49},
    {"east": 0, "west": 0, "north": 100},
]


@pytest.mark.parametrize("undo", [False, True])
@pytest.mark.parametrize("weights", BAD_WEIGHTS)
async def test_p12_weights_that_leave_somebody_without_a_region_move_nobody_undoing_included(build, weights, undo):
    fine = build.failover()
    bad = fine.call.model_copy(update={"weights": weights})
    action = fine.model_copy(update={"inverse": bad} if undo else {"call": bad})
    spy = SpyEffects()
    controller = TrafficController(spy, PolicySettings(), FixedInventory(build.world()), ScriptedProber(build.clock))
    incident = (build.undoing if undo else build.acting)(build.strategy(action))
    event = build.finished(incident) if undo else StrategyApproved(strategy=incident.strategy, by="ada", reasons=())
    outcome = await controller.handle(build.event(event), build.context(incident))
    assert spy.calls == []
    assert outcome.emit[0].data.status == "refused"


@pytest.mark.parametrize("undo", [False, True])
@pytest.mark.parametrize("replicas", [None, 0, -1])
async def test_p12_no_number_of_replicas_below_one_is_carried_out_undoing_included(build, replicas, undo):
    fine = build.scale(3)
    bad = fine.call.model_copy(update={"replicas": replicas})
    action = fine.model_copy(update={"inverse": bad} if undo else {"call": bad})
    spy = SpyEffects()
    logistics = Logistics(spy, PolicySettings(), FixedInventory(build.world()))
    incident = (build.undoing if undo else build.acting)(build.strategy(action, fault_class="capacity"))
    event = build.finished(incident) if undo else StrategyApproved(strategy=incident.strategy, by="ada", reasons=())
    outcome = await logistics.handle(build.event(event), build.context(incident))
    assert spy.calls == []
    assert outcome.emit[0].data.status == "refused"


async def test_p12_a_call_about_another_target_than_the_incident_s_is_not_carried_out(build):
    action = build.restart()
    other = action.model_copy(update={"call": action.call.model_copy(update={"target": "shop"})})
    spy = SpyEffects()
    logistics = Logistics(spy, PolicySettings(), FixedInventory(build.world()))
    incident = build.acting(build.strategy(other, fault_class="crash"))
    event = StrategyApproved(strategy=incident.strategy, by="ada", reasons=())
    outcome = await logistics.handle(build.event(event), build.context(incident))
    assert spy.calls == []
    assert "not 'demo'" in outcome.emit[0].data.summary
