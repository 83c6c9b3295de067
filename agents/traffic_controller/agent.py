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
        if refusal := _empty(call, world) or _changed(next_, call, world):
            return refusal
        for region, weight in sorted(call.weights.items()):
            if weight > (world.region(region).traffic or 0) and (refusal := await self._unfit(world, call, region)):
                return refusal
        return None

    async def _unfit(self, world: World, call: Call, region: str) -> str | None:
        facts = world.region(region)
        if facts.replication_lag_s is not None and not facts.replication_lag_s <= self._policy.max_replication_lag_s:
            return f"{region} lags {facts.replication_lag_s:.1f} s behind: moving users there would lose data"
        need = needed_replicas(world, call, region)
        if facts.replicas_ready is None or need is None:
            return f"it is not known how many replicas of {region} are ready, or are needed: users stay where they are"
        if facts.replicas_ready < need:
            return f"{region} has {facts.replicas_ready} replicas ready, {need} are needed to carry the users"
        for look in range(1, self._policy.destination_checks + 1):
            result = await self._prober.probe(world.target, region)
            if not result.ok:
                return f"{region} failed look {look} of {self._policy.destination_checks}: {result.detail}"
            if result.region is not None and result.region != region:
                return f"{region} was answered by {result.region!r}: that is not the region it claims to be"
        return None


def needed_replicas(world: World, call: Call, region: str) -> int | None:
    """How many ready replicas `region` needs for its share: as many as serve those users now, rounded up.

    Where a region that serves does not say how many replicas it has (it may be gone), the destination has to be whole: as many
    as it is meant to have. None where that is not known either.
    """
    weights = call.weights or {}
    serving = [(facts.replicas_desired, facts.traffic or 0) for facts in world.regions if facts.traffic]
    if any(replicas is None for replicas, _ in serving):
        meant = world.region(region).replicas_desired
        return None if meant is None else max(1, meant)
    load = sum((replicas or 0) * share / 100 for replicas, share in serving)
    return max(1, math.ceil(load * weights.get(region, 0) / 100 - 1e-9))


def _empty(call: Call, world: World) -> str | None:
    """Why the weights would leave users without a region: each region has its share of the whole, whoever approved it."""
    weights = dict(call.weights or {})
    names = {facts.region for facts in world.regions}
    if set(weights) != names or sum(weights.values()) != 100 or min(weights.values()) < 0:
        return f"weights {weights} do not give each of {sorted(names)} its share of 100: users stay where they are"
    return None


def _changed(next_: Todo, call: Call, world: World) -> str | None:
    """Why the step no longer fits: users are not where its inverse would take them back to, or it is not known where they are.

    For an undoing, the inverse is what was done: what somebody else has moved since is theirs.
    """
    inverse = next_.inverse
    if inverse is None or inverse.weights is None:
        return "the plan has no way back: users stay where they are"
    now = {facts.region: facts.traffic for facts in world.regions}
    if None in now.values():
        return "it is not known where users are now: users stay where they are"
    if now == dict(inverse.weights) or (next_.undo and now == dict(call.weights or {})):
        return None
    when = "after it was done" if next_.undo else "when the plan was made"
    return f"traffic is {now} now, {dict(inverse.weights)} {when}"
