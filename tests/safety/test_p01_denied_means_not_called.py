"""Property 1: for every reason to deny, the executor is not called."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests_support import FixedInventory, ScriptedProber, SpyEffects

from agents.catalogue import load_catalogue
from agents.events import StrategyApproved, StrategyProposed
from agents.facts import Call
from agents.incident import evolve
from agents.logistics import Logistics
from agents.orchestrator import Orchestrator
from agents.policy_settings import PolicySettings
from agents.traffic_controller import TrafficController


class Past:
    """A past that the test sets."""

    def __init__(self, incidents=(), *, paused=False):
        self.incidents, self.is_paused = incidents, paused

    async def recent_incidents(self, target):
        return self.incidents

    async def paused(self):
        return self.is_paused


def weights(**values):
    return Call(tool="switch_traffic", target="demo", weights=values)


def bad_failover(build, **values):
    return build.failover().model_copy(update={"call": weights(**values)})


def sick_west(build):
    world = build.world()
    return replace(world, regions=(world.regions[0], replace(world.regions[1], health="fail")))


DENIED = {
    "another target": lambda b: (b.strategy(target="other"), b.world(), Past()),
    "not allowed on the target": lambda b: (b.strategy(), b.world(allowed=frozenset({"restart_service"})), Past()),
    "makes it worse": lambda b: (b.strategy(b.restart(), fault_class="region_down"), b.world(), Past()),
    "an unknown region": lambda b: (b.strategy(b.restart("north"), fault_class="crash"), b.world(), Past()),
    "a call on another target": lambda b: (
        b.strategy(
            b.restart().model_copy(update={"call": Call(tool="restart_service", target="bank", region="east")}),
            fault_class="crash",
        ),
        b.world(),
        Past(),
    ),
    "no call": lambda b: (b.strategy(b.failover().model_copy(update={"call": None})), b.world(), Past()),
    "weights that do not sum to 100": lambda b: (b.strategy(bad_failover(b, east=0, west=90)), b.world(), Past()),
    "weights that empty everything": lambda b: (b.strategy(bad_failover(b, east=0, west=0)), b.world(), Past()),
    "weights below zero": lambda b: (b.strategy(bad_failover(b, east=-10, west=110)), b.world(), Past()),
    "a region left out": lambda b: (b.strategy(bad_failover(b, west=100)), b.world(), Past()),
    "zero replicas": lambda b: (b.strategy(b.scale(0), fault_class="capacity"), b.world(), Past()),
    "too many replicas": lambda b: (b.strategy(b.scale(50), fault_class="capacity"), b.world(), Past()),
    "an unhealthy destination": lambda b: (b.strategy(), sick_west(b), Past()),
    "another incident is changing the target": lambda b: (
        b.strategy(),
        b.world(),
        Past((b.acting().model_copy(update={"id": "INC-9"}),)),
    ),
    "it calls a person": lambda b: (b.strategy(b.page(), b.failover()), b.world(), Past()),
    "nobody is asked where confidence is low": lambda b: (b.strategy(confidence=b.confidence(0.5)), b.world(), Past()),
    "automation is paused": lambda b: (b.strategy(), b.world(), Past(paused=True)),
}


@pytest.mark.parametrize("reason", DENIED)
async def test_p01_no_reason_to_deny_reaches_the_executor(build, reason):
    plan, world, past = DENIED[reason](build)
    inventory = FixedInventory(world)
    spy = SpyEffects()
    policy = PolicySettings()
    orchestrator = Orchestrator(policy, inventory, past, load_catalogue())
    executors = (Logistics(spy, policy, inventory), TrafficController(spy, policy, inventory, ScriptedProber(build.clock)))

    incident = build.proposed(plan)
    outcome = await orchestrator.handle(build.event(StrategyProposed(strategy=plan)), build.context(incident))

    assert [e.type for e in outcome.emit] != [StrategyApproved.TYPE]
    for event in outcome.emit:
        incident = evolve(incident, event)
        for executor in executors:
            await executor.handle(event, build.context(incident))
    assert spy.calls == []


async def test_p01_what_is_approved_is_called_so_the_spy_can_see(build):
    inventory, spy, policy = FixedInventory(build.world()), SpyEffects(), PolicySettings()
    incident = build.proposed()
    orchestrator = Orchestrator(policy, inventory, Past(), load_catalogue())
    outcome = await orchestrator.handle(build.event(StrategyProposed(strategy=incident.strategy)), build.context(incident))
    assert [e.type for e in outcome.emit] == [StrategyApproved.TYPE]
    incident = evolve(incident, outcome.emit[0])
    await TrafficController(spy, policy, inventory, ScriptedProber(build.clock)).handle(outcome.emit[0], build.context(incident))
    assert [call.describe() for _, call in spy.calls] == ["switch_traffic east 0, west 100"]
