"""Property 11: users are moved only to a region that is well by an independent look, can carry them, and has their data."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests_support import FixedInventory, ScriptedProber, SpyEffects

from agents.catalogue import load_catalogue
from agents.events import ActionFinished, StrategyApproved
from agents.orchestrator import History, judge
from agents.policy_settings import PolicySettings
from agents.traffic_controller import TrafficController


async def attempt(build, *, prober=None, plan=None, incident=None, **west):
    world = build.world()
    world = replace(world, regions=(world.regions[0], replace(world.regions[1], **west)))
    spy = SpyEffects()
    controller = TrafficController(spy, PolicySettings(), FixedInventory(world), prober or ScriptedProber(build.clock))
    incident = incident or build.acting(plan)
    event = build.event(StrategyApproved(strategy=incident.strategy, by="ada", reasons=()))
    outcome = await controller.handle(event, build.context(incident))
    (finished,) = [e.data for e in outcome.emit if isinstance(e.data, ActionFinished)]
    return spy.calls, finished


async def test_p11_a_region_that_is_well_receives_the_users(build):
    calls, finished = await attempt(build)
    assert len(calls) == 1
    assert finished.status == "succeeded"


@pytest.mark.parametrize("answers", [[False], [True, False], [True, True, False]])
async def test_p11_one_bad_look_of_three_is_enough_to_stay(build, answers):
    prober = ScriptedProber(build.clock, [*answers, True])
    calls, finished = await attempt(build, prober=prober)
    assert calls == []
    assert finished.status == "refused"
    assert "failed look" in finished.summary


async def test_p11_it_looks_as_often_as_policy_says_and_only_at_the_destination(build):
    prober = ScriptedProber(build.clock)
    await attempt(build, prober=prober)
    assert prober.asked == [("demo", "west")] * 3


@pytest.mark.parametrize("ready", [0, 1])
async def test_p11_without_room_for_the_users_they_stay(build, ready):
    calls, finished = await attempt(build, replicas_ready=ready)
    assert calls == []
    assert "2 are needed" in finished.summary


async def test_p11_without_knowing_the_room_they_stay(build):
    calls, _ = await attempt(build, replicas_ready=None)
    assert calls == []


async def from_a_region_that_says_nothing(build, **west):
    """East serves everybody and does not say with how many replicas: it may be gone."""
    world = build.world()
    east, there = world.regions
    world = replace(world, regions=(replace(east, replicas_desired=None, replicas_ready=None), replace(there, **west)))
    spy = SpyEffects()
    controller = TrafficController(spy, PolicySettings(), FixedInventory(world), ScriptedProber(build.clock))
    incident = build.acting()
    event = build.event(StrategyApproved(strategy=incident.strategy, by="ada", reasons=()))
    outcome = await controller.handle(event, build.context(incident))
    return spy.calls, outcome.emit[0].data


@pytest.mark.parametrize(("ready", "desired", "moved"), [(2, 2, 1), (1, 2, 0), (3, 3, 1), (2, None, 0), (0, 0, 0)])
async def test_p11_the_load_of_a_region_that_is_gone_needs_a_whole_one(build, ready, desired, moved):
    calls, finished = await from_a_region_that_says_nothing(build, replicas_ready=ready, replicas_desired=desired)
    assert len(calls) == moved
    assert finished.status == ("succeeded" if moved else "refused")


async def test_p11_a_lag_that_is_no_number_receives_nobody(build):
    calls, _ = await attempt(build, replication_lag_s=float("nan"))
    assert calls == []


async def test_p11_a_lagging_region_receives_nobody(build):
    calls, finished = await attempt(build, replication_lag_s=5.1)
    assert calls == []
    assert "lose data" in finished.summary
    calls, _ = await attempt(build, replication_lag_s=5.0)
    assert len(calls) == 1


async def test_p11_a_region_that_answers_as_another_receives_nobody(build):
    calls, _ = await attempt(build, prober=ScriptedProber(build.clock, region="east"))
    assert calls == []


async def test_p11_a_plan_made_on_other_weights_is_refused(build):
    calls, finished = await attempt(build, traffic=50)
    assert calls == []
    assert "when the plan was made" in finished.summary


async def test_p11_weights_that_are_not_known_are_not_changed(build):
    calls, finished = await attempt(build, traffic=None)
    assert calls == []
    assert "not known where users are" in finished.summary


async def test_p11_a_move_without_a_way_back_is_refused_whoever_approved_it(build):
    one_way = build.failover().model_copy(update={"inverse": None})
    calls, finished = await attempt(build, plan=build.strategy(one_way))
    assert calls == []
    assert "no way back" in finished.summary


async def test_p11_a_region_that_gets_a_part_of_the_users_is_looked_at_as_well(build):
    call = build.failover().call.model_copy(update={"weights": {"east": 70, "west": 30}})
    part = build.failover().model_copy(update={"call": call})
    calls, finished = await attempt(build, plan=build.strategy(part), prober=ScriptedProber(build.clock, [False]))
    assert calls == []
    assert "failed look" in finished.summary


async def test_p11_undoing_does_not_move_users_to_a_region_that_is_down(build):
    incident = build.undoing()
    world = build.world()
    world = replace(world, regions=(replace(world.regions[0], traffic=0), replace(world.regions[1], traffic=100)))
    spy = SpyEffects()
    controller = TrafficController(spy, PolicySettings(), FixedInventory(world), ScriptedProber(build.clock, [False]))
    outcome = await controller.handle(build.event(build.finished(incident)), build.context(incident))
    assert spy.calls == []
    assert [e.type for e in outcome.emit] == ["action.finished", "incident.escalated"]


@pytest.mark.parametrize("fault_class", ["region_down", "shared_dependency"])
def test_p11_with_every_region_sick_policy_denies_the_move(build, fault_class):
    plan = build.strategy(fault_class=fault_class)
    incident = build.proposed(plan).model_copy(update={"symptoms": build.opened("east", "west").symptoms})
    decision = judge(incident, plan, PolicySettings(), build.world(), History(), load_catalogue(), build.clock.now())
    assert decision.verdict == "refuse"
    assert any("west shows symptoms itself" in reason for reason in decision.reasons)


async def undo_from(build, east, west, prober=None):
    """Undo a failover to west from where users are now; east is the destination."""
    incident = build.undoing()
    world = build.world()
    facts = (replace(world.regions[0], **east), replace(world.regions[1], **west))
    spy = SpyEffects()
    controller = TrafficController(
        spy, PolicySettings(), FixedInventory(replace(world, regions=facts)), prober or ScriptedProber(build.clock)
    )
    outcome = await controller.handle(build.event(build.finished(incident)), build.context(incident))
    return spy.calls, [e.type for e in outcome.emit]


UNDO_REFUSED = ["action.finished", "incident.escalated"]


async def test_p11_undoing_moves_users_back_to_a_region_that_is_fit(build):
    calls, said = await undo_from(build, {"traffic": 0}, {"traffic": 100})
    assert [call.weights for _, call in calls] == [{"east": 100, "west": 0}]
    assert said == ["action.finished"]


@pytest.mark.parametrize(
    ("east", "west"),
    [
        ({"traffic": 0, "replicas_ready": 1}, {"traffic": 100}),
        ({"traffic": 0, "replicas_ready": None}, {"traffic": 100}),
        ({"traffic": 0, "replication_lag_s": 60.0}, {"traffic": 100}),
        ({"traffic": None}, {"traffic": 100}),
        ({"traffic": 0}, {"traffic": None}),
        ({"traffic": 40}, {"traffic": 60}),
    ],
)
async def test_p11_undoing_asks_a_person_where_its_destination_is_not_fit_or_users_were_moved_since(build, east, west):
    calls, said = await undo_from(build, east, west)
    assert calls == []
    assert said == UNDO_REFUSED


async def test_p11_what_somebody_took_back_already_may_be_undone(build):
    calls, said = await undo_from(build, {"traffic": 100}, {"traffic": 0})
    assert len(calls) == 1
    assert said == ["action.finished"]
