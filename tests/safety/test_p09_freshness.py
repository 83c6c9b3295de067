"""Property 9: a plan that is too old, or was made on a state that has changed, is made anew and not carried out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests_support import FixedInventory, ScriptedProber, SpyEffects

from agents.catalogue import load_catalogue
from agents.events import StrategyApproved
from agents.execution import Executor
from agents.facts import Action, Call
from agents.incident import evolve
from agents.logistics import Logistics
from agents.policy_settings import PolicySettings
from agents.strategist.plans import remedies
from agents.traffic_controller import TrafficController


async def carry_out(build, *actions, world=None, seconds=0.0):
    """What became of the first step: the calls, and how it was reported."""
    spy, inventory, policy = SpyEffects(), FixedInventory(world or build.world()), PolicySettings(plan_max_age_s=120)
    executors: tuple[Executor, ...] = (
        Logistics(spy, policy, inventory),
        TrafficController(spy, policy, inventory, ScriptedProber(build.clock)),
    )
    incident = build.acting(build.strategy(*actions))
    event = build.event(StrategyApproved(strategy=incident.strategy, by="ada", reasons=()))
    build.clock.advance(seconds)
    reports = [e.data for x in executors for e in (await x.handle(event, build.context(incident))).emit]
    return spy.calls, reports[0]


def east(build, **changes):
    world = build.world()
    return replace(world, regions=(replace(world.regions[0], **changes), world.regions[1]))


def deploy():
    call = Call(tool="deploy_container", target="demo", region="east", image="mini-app:0")
    return Action(kind="deploy_container", call=call, inverse=call.model_copy(update={"image": "mini-app:1"}))


def rollback():
    call = Call(tool="rollback_revision", target="demo", region="east", revision="app--r1")
    return Action(kind="rollback_revision", call=call, inverse=call.model_copy(update={"revision": "app--r2"}))


@pytest.mark.parametrize("action", ["failover", "restart", "scale"])
@pytest.mark.parametrize("seconds", [120.001, 86_400, -120.001, -86_400])
async def test_p09_too_old_or_from_the_future_it_is_made_anew(build, action, seconds):
    calls, report = await carry_out(build, getattr(build, action)(), seconds=seconds)
    assert calls == []
    assert report.status == "refused"


@pytest.mark.parametrize(("seconds", "traffic", "left"), [(121, 100, True), (0, 60, False)])
async def test_p09_its_remedy_is_not_used_up_by_having_waited_but_by_being_refused(build, seconds, traffic, left):
    spy, inventory, policy = SpyEffects(), FixedInventory(east(build, traffic=traffic)), PolicySettings(plan_max_age_s=120)
    mover = TrafficController(spy, policy, inventory, ScriptedProber(build.clock))
    incident = build.acting()
    begun = build.event(StrategyApproved(strategy=incident.strategy, by="policy", reasons=()))
    build.clock.advance(seconds)
    for executor in (mover, Logistics(spy, policy, inventory)):
        (report,) = (await executor.handle(begun, build.context(incident))).emit
        incident = evolve(incident, report)
    assert (incident.status, incident.attempt, spy.calls) == ("retry", 2, [])
    offered = [action.kind for action, _, _ in remedies(incident, build.world(), load_catalogue())]
    assert ("failover_region" in offered) is left


@pytest.mark.parametrize("seconds", [0, 120, -1])
async def test_p09_fresh_enough_it_is_carried_out(build, seconds):
    calls, report = await carry_out(build, seconds=seconds)
    assert len(calls) == 1
    assert report.status == "succeeded"


async def test_p09_a_move_planned_on_other_weights_is_made_anew(build):
    calls, report = await carry_out(build, world=east(build, traffic=60))
    assert calls == []
    assert "when the plan was made" in report.summary


async def test_p09_a_scaling_planned_on_another_number_is_made_anew(build):
    calls, report = await carry_out(build, build.scale(), world=east(build, replicas_desired=4))
    assert calls == []
    assert "4 replicas now" in report.summary


async def test_p09_a_deployment_planned_on_another_image_is_made_anew(build):
    calls, report = await carry_out(build, deploy(), world=east(build, image="mini-app:2"))
    assert calls == []
    assert "runs 'mini-app:2' now" in report.summary
    calls, _ = await carry_out(build, deploy())
    assert len(calls) == 1


async def test_p09_a_rollback_planned_on_another_revision_is_made_anew(build):
    calls, report = await carry_out(build, rollback(), world=east(build, revision="app--r3"))
    assert calls == []
    assert "runs 'app--r3' now" in report.summary
    calls, _ = await carry_out(build, rollback(), world=east(build, revision="app--r2"))
    assert len(calls) == 1


async def test_p09_a_plan_without_a_time_of_decision_is_not_carried_out(build):
    spy, inventory = SpyEffects(), FixedInventory(build.world())
    traffic = TrafficController(spy, PolicySettings(), inventory, ScriptedProber(build.clock))
    incident = build.acting().model_copy(update={"decided_at": None})
    event = build.event(StrategyApproved(strategy=incident.strategy, by="ada", reasons=()))
    await traffic.handle(event, build.context(incident))
    assert spy.calls == []
