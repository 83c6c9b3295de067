"""Steps and their undoing follow from the incident alone."""

from __future__ import annotations

import pytest
from tests_support import FixedInventory, ScriptedProber, SpyEffects

from agents.events import RollbackFinished, StrategyApproved
from agents.execution import todo
from agents.facts import Action, Call
from agents.incident import evolve
from agents.logistics import Logistics
from agents.policy_settings import PolicySettings
from agents.traffic_controller import TrafficController


@pytest.fixture
def inventory(build):
    return FixedInventory(build.world())


@pytest.fixture
def spy():
    return SpyEffects()


@pytest.fixture
def logistics(spy, inventory):
    return Logistics(spy, PolicySettings(), inventory)


@pytest.fixture
def traffic(spy, inventory, clock):
    return TrafficController(spy, PolicySettings(), inventory, ScriptedProber(clock))


def approved(build, incident):
    return build.event(StrategyApproved(strategy=incident.strategy, by="policy", reasons=()))


async def test_each_step_is_its_owner_s(build, spy, logistics, traffic):
    incident = build.acting(build.strategy(build.restart(), build.failover()))
    event = approved(build, incident)
    assert (await traffic.handle(event, build.context(incident))).emit == ()
    first = (await logistics.handle(event, build.context(incident))).emit[0]
    incident = evolve(incident, first)
    assert (await logistics.handle(first, build.context(incident))).emit == ()
    second = (await traffic.handle(first, build.context(incident))).emit[0]
    assert evolve(incident, second).status == "verifying"
    assert [op for op, _ in spy.calls] == ["INC-1/s1:0", "INC-1/s1:1"]


async def test_the_same_event_again_is_the_same_operation(build, spy, traffic):
    incident = build.acting()
    event = approved(build, incident)
    first = await traffic.handle(event, build.context(incident))
    second = await traffic.handle(event, build.context(incident))
    assert first.emit[0].id == second.emit[0].id
    assert {op for op, _ in spy.calls} == {"INC-1/s1:0"}


async def test_steps_are_undone_backwards_and_only_where_there_is_an_inverse(build, spy, logistics, traffic):
    incident = build.undoing(build.strategy(build.scale(), build.restart(), build.failover()))
    last = build.event(build.finished(incident, 2))
    undone = (await traffic.handle(last, build.context(incident))).emit[0]
    incident = evolve(incident, undone)
    undone = (await logistics.handle(undone, build.context(incident))).emit[0]
    incident = evolve(incident, undone)
    assert todo(incident) is None
    assert [call.describe() for _, call in spy.calls] == ["switch_traffic east 100, west 0", "scale_service east to 2 replicas"]
    (finished,) = (await logistics.handle(undone, build.context(incident))).emit
    assert isinstance(finished.data, RollbackFinished)
    assert evolve(incident, finished).status == "retry"


async def test_with_nothing_to_undo_the_rollback_is_finished_at_once(build, logistics):
    incident = build.undoing(build.strategy(build.restart()))
    (finished,) = (await logistics.handle(build.event(build.finished(incident)), build.context(incident))).emit
    assert "nothing to undo" in finished.data.summary


async def test_a_plan_approved_too_long_ago_is_made_anew(build, spy, traffic):
    incident = build.acting()
    build.clock.advance(120.001)
    (finished,) = (await traffic.handle(approved(build, incident), build.context(incident))).emit
    assert spy.calls == []
    assert finished.data.status == "refused"
    assert evolve(incident, finished).status == "undoing"


async def test_an_unknown_outcome_goes_to_a_person(build, inventory):
    traffic = TrafficController(SpyEffects("unknown"), PolicySettings(), inventory, ScriptedProber(build.clock))
    incident = build.acting()
    outcome = await traffic.handle(approved(build, incident), build.context(incident))
    assert [e.type for e in outcome.emit] == ["action.finished", "incident.escalated"]
    for event in outcome.emit:
        incident = evolve(incident, event)
    assert incident.status == "escalated"


async def test_a_scaling_whose_ground_has_changed_is_refused(build, spy, logistics):
    scale = build.scale(4)
    assert scale.inverse is not None
    stale = scale.model_copy(update={"inverse": scale.inverse.model_copy(update={"replicas": 3})})
    incident = build.acting(build.strategy(stale))
    (finished,) = (await logistics.handle(approved(build, incident), build.context(incident))).emit
    assert spy.calls == []
    assert "when the plan was made" in finished.data.summary


def _scaled(build, *, east, undo):
    """Logistics before or after scaling east from 2 to 3 replicas, with what is known of east now."""
    from dataclasses import replace

    world = build.world()
    spy = SpyEffects()
    inventory = FixedInventory(replace(world, regions=(replace(world.regions[0], **east), world.regions[1])))
    incident = (build.undoing if undo else build.acting)(build.strategy(build.scale(3)))
    return spy, Logistics(spy, PolicySettings(), inventory), incident


@pytest.mark.parametrize(
    ("undo", "east", "passes"),
    [
        (False, {"replicas_desired": 2}, True),
        (False, {"replicas_desired": 3}, False),
        (False, {"replicas_desired": None}, False),
        (True, {"replicas_desired": 3}, True),
        (True, {"replicas_desired": 2}, True),
        (True, {"replicas_desired": 4}, False),
        (True, {"replicas_desired": None}, False),
    ],
)
async def test_a_scaling_is_done_and_undone_only_on_the_ground_that_it_was_made_for(build, undo, east, passes):
    spy, logistics, incident = _scaled(build, east=east, undo=undo)
    event = build.event(build.finished(incident)) if undo else approved(build, incident)
    finished = (await logistics.handle(event, build.context(incident))).emit[0]
    assert len(spy.calls) == passes
    assert finished.data.status == ("succeeded" if passes else "refused")


@pytest.mark.parametrize(("revision", "passes"), [("east--r2", True), ("east--r3", False), (None, False)])
async def test_a_rollback_is_carried_out_only_from_the_revision_that_it_was_made_for(build, revision, passes):
    from dataclasses import replace

    world = build.world()
    call = Call(tool="rollback_revision", target="demo", region="east", revision="east--r1")
    action = Action(kind="rollback_revision", call=call, inverse=call.model_copy(update={"revision": "east--r2"}))
    spy = SpyEffects()
    inventory = FixedInventory(replace(world, regions=(replace(world.regions[0], revision=revision), world.regions[1])))
    incident = build.acting(build.strategy(action, fault_class="bad_deploy"))
    await Logistics(spy, PolicySettings(), inventory).handle(approved(build, incident), build.context(incident))
    assert len(spy.calls) == passes
