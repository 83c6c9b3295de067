"""The gate's inputs with little text, and the way from a decision to the executors."""

from __future__ import annotations

from typing import Any

from tests_support import Build, FixedInventory, ScriptedProber, SpyEffects

from agents.catalogue import Catalogue, load_catalogue
from agents.events import FailoverRequested, StrategyProposed
from agents.facts import Strategy
from agents.incident import Incident, evolve
from agents.logistics import Logistics
from agents.orchestrator import Decision, History, Orchestrator, judge
from agents.policy_settings import PolicySettings
from agents.traffic_controller import TrafficController
from agents.world import World

CATALOGUE = load_catalogue()


class Past:
    """A past that the test sets."""

    def __init__(self, incidents=(), *, paused=False, clock=""):
        self.incidents, self.is_paused, self.clock = incidents, paused, clock

    async def recent_incidents(self, target):
        return self.incidents

    async def paused(self):
        return self.is_paused


def wished(build: Build, plan: Strategy, *, by: str = "ada", region: str = "west") -> Incident:
    """An incident on which a person asked for a failover, with the plan for it."""
    incident = evolve(build.fold(build.opened()), build.event(FailoverRequested(target="demo", region=region, by=by)))
    return evolve(incident, build.event(StrategyProposed(strategy=plan)))


def wish(build: Build, *actions: Any, by: str = "ada", **changes: Any) -> Strategy:
    """A plan that a person asked for, and that the swarm would doubt."""
    values = {"confidence": build.confidence(0.1, outcomes=0), "fault_class": "manual", "requested_by": by, **changes}
    return build.strategy(*actions, **values)


def decide(
    build: Build,
    plan: Strategy,
    *,
    incident: Incident | None = None,
    policy: PolicySettings | None = None,
    history: History | None = None,
    world: World | None = None,
    catalogue: Catalogue = CATALOGUE,
) -> Decision:
    """The gate's decision; what is not given is as good as can be."""
    return judge(
        incident or build.proposed(plan),
        plan,
        policy or PolicySettings(),
        world or build.world(),
        history or History(),
        catalogue,
        build.clock.now(),
    )


def against(decision: Decision) -> set[str]:
    """The rules that speak against a plan."""
    return {finding.rule for finding in decision.findings if finding.effect != "allow"}


def orchestrator(build: Build, *, policy=None, world=None, past=None) -> Orchestrator:
    """The agent over fixed facts."""
    inventory = FixedInventory(world or build.world())
    past = past or Past()
    return Orchestrator(policy or PolicySettings(), inventory, past, CATALOGUE, lambda: getattr(past, "clock", ""))


async def carried_out(build: Build, incident: Incident, events, *, world=None) -> list[str]:
    """The calls that both executors make of the decision's events."""
    spy, policy, inventory = SpyEffects(), PolicySettings(), FixedInventory(world or build.world())
    executors = (Logistics(spy, policy, inventory), TrafficController(spy, policy, inventory, ScriptedProber(build.clock)))
    for event in events:
        incident = evolve(incident, event)
        for executor in executors:
            await executor.handle(event, build.context(incident))
    return [call.describe() for _, call in spy.calls]
