"""A target, or a region, that is not configured any more while its incident is open: nothing is done, a person is told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flow import talk
from tests_support import FixedInventory, ScriptedProber, SpyEffects

from agents.catalogue import load_catalogue
from agents.events import ApprovalDecided, IncidentDiagnosed, StrategyApproved, StrategyProposed
from agents.foundry import EmbeddedReasoner
from agents.incident import evolve
from agents.logistics import Logistics
from agents.orchestrator import Orchestrator
from agents.policy_settings import PolicySettings
from agents.seams import Record
from agents.strategist import Strategist
from agents.traffic_controller import TrafficController

CATALOGUE = load_catalogue()


class NoPast:
    async def recent_incidents(self, target):
        return ()

    async def paused(self):
        return False

    async def record(self, action, fault_class, target):
        return Record(0, 0, 0.85)


@pytest.fixture
def spy():
    return SpyEffects()


@pytest.fixture
def swarm(build, spy):
    """All that act on plans, over an inventory that knows another target only."""
    return agents_over(build, spy, build.world(target="another"))


def agents_over(build, spy, world):
    inventory, policy, past = FixedInventory(world), PolicySettings(), NoPast()
    reasoner = EmbeddedReasoner(CATALOGUE)
    return (
        Strategist(reasoner=reasoner, inventory=inventory, track_record=past, catalogue=CATALOGUE, max_attempts=3),
        Orchestrator(policy, inventory, past, CATALOGUE),
        Logistics(spy, policy, inventory),
        TrafficController(spy, policy, inventory, ScriptedProber(build.clock)),
    )


def told(incident):
    return incident.status == "escalated" and "not a target" in incident.escalation


async def test_diagnosed_it_goes_to_a_person(build, swarm, spy):
    diagnosed = IncidentDiagnosed(diagnosis=build.diagnosis())
    incident, _ = await talk(build, build.fold(build.opened(), diagnosed), build.event(diagnosed), *swarm)
    assert told(incident)
    assert spy.calls == []


async def test_proposed_it_goes_to_a_person(build, swarm, spy):
    incident = build.proposed()
    incident, _ = await talk(build, incident, build.event(StrategyProposed(strategy=incident.strategy)), *swarm)
    assert told(incident)
    assert spy.calls == []


async def test_what_a_person_approves_meanwhile_goes_back_to_a_person(build, swarm, spy):
    incident = build.awaiting()
    decided = build.event(build.decided(incident))
    assert isinstance(decided.data, ApprovalDecided)
    incident, _ = await talk(build, evolve(incident, decided), decided, *swarm)
    assert told(incident)
    assert spy.calls == []


@pytest.mark.parametrize("action", ["failover", "restart", "scale"])
async def test_approved_it_is_not_carried_out_and_goes_to_a_person(build, swarm, spy, action):
    incident = build.acting(build.strategy(getattr(build, action)()))
    event = build.event(StrategyApproved(strategy=incident.strategy, by="policy", reasons=()))
    incident, said = await talk(build, incident, event, *swarm)
    assert told(incident)
    assert said[0].data.status == "refused"
    assert spy.calls == []


async def test_what_can_not_be_undone_any_more_goes_to_a_person(build, swarm, spy):
    incident = build.undoing()
    incident, _ = await talk(build, incident, build.event(build.finished(incident)), *swarm)
    assert incident.status == "escalated"
    assert "could not undo" in incident.escalation
    assert spy.calls == []


async def test_a_region_that_is_gone_goes_to_a_person_and_nobody_is_moved(build, spy):
    west, north = build.world().regions[1], replace(build.world().regions[1], region="north", traffic=60)
    world = build.world(regions=(replace(west, traffic=40), north))
    diagnosed = IncidentDiagnosed(diagnosis=build.diagnosis())
    incident = build.fold(build.opened("east"), diagnosed)
    incident, _ = await talk(build, incident, build.event(diagnosed), *agents_over(build, spy, world))
    assert incident.status == "escalated"
    assert "'east' is not a region" in incident.escalation
    assert spy.calls == []


async def test_the_same_swarm_acts_where_the_target_is_there(build, spy):
    incident = build.acting()
    event = build.event(StrategyApproved(strategy=incident.strategy, by="policy", reasons=()))
    incident, _ = await talk(build, incident, event, *agents_over(build, spy, build.world()))
    assert len(spy.calls) == 1
    assert incident.status == "verifying"
