"""Logistics: restarts, scales, deploys and rolls back, one step of an approved strategy at a time."""

from __future__ import annotations

from agents.events import Event
from agents.execution import Executor, Todo, rollback_finished
from agents.facts import Call
from agents.incident import Incident
from agents.policy_settings import PolicySettings
from agents.seams import Context, Effects, Inventory, Outcome
from agents.world import RegionFacts

__all__ = ["Logistics"]


class Logistics(Executor):
    """Restarts, scales, deploys and rolls back, and ends an undoing with nothing left to undo."""

    name = "Logistics"
    tools = frozenset({"restart_service", "scale_service", "deploy_container", "rollback_revision"})

    def __init__(self, effects: Effects, policy: PolicySettings, inventory: Inventory) -> None:
        super().__init__(effects, policy)
        self._inventory = inventory

    def _mine(self, call: Call | None) -> bool:
        return call is None or super()._mine(call)

    def _nothing_left(self, event: Event, incident: Incident, context: Context) -> Outcome:
        return rollback_finished(event, self.name, incident, context)

    async def _refusal(self, next_: Todo, incident: Incident) -> str | None:
        call = next_.call
        if call is None:
            return None
        if call.region is None:
            return "no region is named: nothing is done"
        if call.tool == "scale_service" and (call.replicas is None or call.replicas < 1):
            return f"{call.replicas} replicas would leave {call.region} empty: nothing is done"
        facts = (await self._inventory.world(incident.target)).region(call.region)
        return None if next_.inverse is None else _changed(next_, call, next_.inverse, facts)


def _changed(next_: Todo, call: Call, inverse: Call, facts: RegionFacts) -> str | None:
    """Why the step does not fit any more: the state is not the one that its inverse leads back to. Not known is no match.

    A step is undone only where what it left is still there, or where the state before is there already. The revision that a
    rollback made is known to the server alone, which compares it by itself.
    """
    when = "after it was done" if next_.undo else "when the plan was made"
    compared: list[tuple[str, object, object, object]] = [
        ("replicas", facts.replicas_desired, inverse.replicas, call.replicas),
        ("image", facts.image, inverse.image, call.image),
    ]
    if not next_.undo:
        compared.append(("revision", facts.revision, inverse.revision, call.revision))
    for name, now, then, wanted in compared:
        if then is None or now == then or (next_.undo and now is not None and now == wanted):
            continue
        if now is None:
            return f"it is not known what {name} {call.region} has now: nothing is done"
        return f"the {name} of {call.region}: {now!r} now, {then!r} {when}"
    return None
