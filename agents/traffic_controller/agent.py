"""Moves users between regions, after looking at the destination itself, from outside."""

from __future__ import annotations

import math

from agents.execution import Executor, Todo
from agents.facts import Call
from agents.incident import Incident
from agents.policy_settings import PolicySettings
from agents.seams import Effects, Inventory, Prober
from agents.world import World


class TrafficController(Executor):
    """Carries out `switch_traffic`. Its last look at the destination does not rely on what Sentry or the platform remember."""

    name = "Traffic Controller"
    tools = frozenset({"switch_traffic"})

    def __init__(self, effects: Effects, policy: PolicySettings, inventory: Inventory, prober: Prober) -> None:
        super().__init__(effects, policy)
        self._inventory = inventory
        self._prober = prober

    async def _refusal(self, next_: Todo, incident: Incident) -> str | None:
        call = next_.call
        if call is None or not call.weights:
            return "weights are missing: users stay where they are"
        world = await self._inventory.world(incident.target)
        if not next_.undo and (changed := _changed(next_.inverse, world)):
            return changed
        for region, weight in sorted(call.weights.items()):
            before = world.region(region).traffic
            if weight == 0 or (before is not None and weight <= before):
                continue
            if refusal := await self._unfit(world, call, region):
                return refusal
        return None

    async def _unfit(self, world: World, call: Call, region: str) -> str | None:
        facts = world.region(region)
        if facts.replication_lag_s is not None and facts.replication_lag_s > self._policy.max_replication_lag_s:
            return f"{region} lags {facts.replication_lag_s:.1f} s behind: moving users there would lose data"
        need = needed_replicas(world, call, region)
        if facts.replicas_ready is None:
            return f"it is not known how many replicas of {region} are ready"
        if facts.replicas_ready < need:
            return f"{region} has {facts.replicas_ready} replicas ready, {need} are needed to carry the users"
        for look in range(1, self._policy.destination_checks + 1):
            result = await self._prober.probe(world.target, region)
            if not result.ok:
                return f"{region} failed look {look} of {self._policy.destination_checks}: {result.detail}"
            if result.region is not None and result.region != region:
                return f"{region} was answered by {result.region!r}: that is not the region it claims to be"
        return None


def needed_replicas(world: World, call: Call, region: str) -> int:
    """How many ready replicas `region` needs for its share: as many as serve those users now, rounded up."""
    weights = call.weights or {}
    serving = sum((f.replicas_desired or 0) * (f.traffic or 0) / 100 for f in world.regions)
    return max(1, math.ceil(serving * weights[region] / 100 - 1e-9))


def _changed(inverse: Call | None, world: World) -> str | None:
    """Why the plan no longer fits, where the weights are not those that it was made on."""
    if inverse is None or inverse.weights is None:
        return "the plan has no way back: users stay where they are"
    now = {facts.region: facts.traffic for facts in world.regions}
    if None in now.values():
        return "it is not known where users are now: users stay where they are"
    if now != dict(inverse.weights):
        return f"traffic is {now} now, {dict(inverse.weights)} when the plan was made"
    return None
