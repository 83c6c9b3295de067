"""Remedies bound to a target: calls with their way back, from what is observed, and left out where they can't be bound."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agents.catalogue import load_catalogue
from agents.events import IncidentDiagnosed
from agents.records import Tried
from agents.strategist.plans import bind, failover, remedies

CATALOGUE = load_catalogue()
EVERYTHING = frozenset(CATALOGUE.actions)


def incident_of(build, fault, *sick, tried=()):
    incident = build.fold(build.opened(*(sick or ("east",))), IncidentDiagnosed(diagnosis=build.diagnosis(fault)))
    return incident.model_copy(update={"tried": tuple(Tried(strategy=build.strategy(a), result="no") for a in tried)})


BEFORE = {"revision": "app--r2", "previous_revision": "app--r1", "previous_image": "mini-app:0"}


def world_of(build, east=None, west=None, **changes):
    first, second = build.world().regions
    regions = (replace(first, **(east or {})), replace(second, **(west or {})))
    return build.world(regions=regions, allowed=EVERYTHING, **changes)


def kinds(incident, world):
    return [action.kind for action, _, _ in remedies(incident, world, CATALOGUE)]


@pytest.mark.parametrize("fault", sorted(CATALOGUE.faults))
def test_no_remedy_is_one_that_makes_it_worse_and_their_order_is_the_catalogue_s(build, fault):
    offered = kinds(incident_of(build, fault), world_of(build, east=BEFORE))
    right = CATALOGUE.fault(fault).right
    assert offered == [kind for kind in right if kind in offered]
    assert not set(offered) & CATALOGUE.harmful(fault)


@pytest.mark.parametrize("fault", sorted(CATALOGUE.faults))
def test_what_is_bound_fits_the_catalogue_s_tool_and_has_a_way_back(build, fault):
    for action, reach, why in remedies(incident_of(build, fault), world_of(build, east=BEFORE), CATALOGUE):
        spec = CATALOGUE.action(action.kind)
        assert (action.call.tool if action.call else None) == spec.tool
        assert action.call is None or action.inverse is not None or spec.harmless
        assert 0 <= reach <= 1
        assert why


def test_what_was_tried_is_not_offered_again(build):
    assert kinds(incident_of(build, "process_degraded"), world_of(build)) == ["restart_service", "failover_region"]
    assert kinds(incident_of(build, "process_degraded", tried=[build.restart()]), world_of(build)) == ["failover_region"]


def test_what_is_not_allowed_is_not_offered(build):
    world = replace(world_of(build), allowed=frozenset({"failover_region"}))
    assert kinds(incident_of(build, "process_degraded"), world) == ["failover_region"]


def test_without_a_diagnosis_there_is_no_remedy(build):
    assert kinds(build.fold(build.opened()), world_of(build)) == []


def test_a_failover_moves_everybody_and_its_way_back_is_what_was(build):
    world = world_of(build, east={"traffic": 70}, west={"traffic": 30})
    action, reach, _ = failover(incident_of(build, "region_down"), world, None)
    assert action.call.weights == {"east": 0, "west": 100}
    assert action.inverse.weights == {"east": 70, "west": 30}
    assert reach == 0.7


@pytest.mark.parametrize(
    ("east", "west", "wanted"),
    [
        ({}, {"health": "fail"}, None),
        ({}, {"health": "unknown"}, None),
        ({"traffic": None}, {}, None),
        ({}, {"traffic": None}, "west"),
        ({"traffic": 0}, {"traffic": 100}, None),
        ({}, {}, "north"),
        ({}, {}, "east"),
    ],
)
def test_without_a_destination_or_without_knowing_the_shares_there_is_no_failover(build, east, west, wanted):
    assert failover(incident_of(build, "region_down"), world_of(build, east, west), wanted) is None


def test_with_every_region_sick_there_is_no_failover(build):
    assert failover(incident_of(build, "region_down", "east", "west"), world_of(build), None) is None


def test_of_several_destinations_the_healthiest_with_most_replicas_is_taken(build):
    _, west = build.world().regions
    north, south = replace(west, region="north", replicas_ready=4), replace(west, region="south", replicas_ready=9, health="warn")
    world = world_of(build)
    world = replace(world, regions=(*world.regions, north, south))
    action, _, _ = failover(incident_of(build, "region_down"), world, None)
    assert action.call.weights == {"east": 0, "west": 0, "north": 100, "south": 0}


def test_a_restart_touches_the_users_of_one_replica_at_a_time(build):
    action, reach, _ = bind("restart_service", incident_of(build, "crash"), world_of(build, {"traffic": 60}), CATALOGUE)
    assert (action.call.region, action.harmless, reach) == ("east", True, 0.3)


@pytest.mark.parametrize("kind", ["restart_service", "scale_service", "rollback_revision"])
def test_where_two_regions_are_sick_no_single_one_is_worked_on(build, kind):
    world = world_of(build, BEFORE)
    assert bind(kind, incident_of(build, "crash", "east", "west"), world, CATALOGUE) is None


def test_scaling_adds_one_and_its_way_back_is_what_was(build):
    action, _, _ = bind("scale_service", incident_of(build, "capacity"), world_of(build), CATALOGUE)
    assert (action.call.replicas, action.inverse.replicas) == (3, 2)


@pytest.mark.parametrize("desired", [None, 5, 6])
def test_there_is_no_scaling_beyond_the_most_or_from_an_unknown_number(build, desired):
    world = world_of(build, {"replicas_desired": desired})
    assert bind("scale_service", incident_of(build, "capacity"), world, CATALOGUE) is None


def test_a_rollback_goes_to_the_revision_before_and_its_way_back_is_the_present_one(build):
    world = world_of(build, BEFORE)
    action, reach, _ = bind("rollback_revision", incident_of(build, "bad_deploy"), world, CATALOGUE)
    assert (action.call.revision, action.inverse.revision, reach) == ("app--r1", "app--r2", 1)


@pytest.mark.parametrize(
    "facts",
    [{}, {"previous_revision": "a1"}, {"revision": "a2"}, {"revision": "a1", "previous_revision": "a1"}],
)
def test_without_knowing_what_ran_before_there_is_no_rollback(build, facts):
    assert bind("rollback_revision", incident_of(build, "bad_deploy"), world_of(build, facts), CATALOGUE) is None
