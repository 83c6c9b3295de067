"""Logistics: restarts, scales, deploys and rolls back, one step of an approved strategy at a time."""

from __future__ import annotations

from agents.events import Event
from agents.execution import Executor, Todo, rollback_finished
from agents.facts import Call
from agents.incident import Incident
from agents.policy_settings import PolicySettings
from agents.seams import Context, Effects, Inventory, Outcome

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
        if call is None or next_.undo:
            return None
        if call.region is None:
            return "no region is named: nothing is done"
        facts = (await self._inventory.world(incident.target)).region(call.region)
        if next_.inverse is None:
            return None
        if next_.inverse.replicas is not None and facts.replicas_desired not in {None, next_.inverse.replicas}:
            return f"{call.region} has {facts.replicas_desired} replicas now, {next_.inverse.replicas} when the plan was made"
        if next_.inverse.image is not None and facts.image not in {None, next_.inverse.image}:
            return f"{call.region} runs {facts.image!r} now, {next_.inverse.image!r} when the plan was made"
        if next_.inverse.revision is not None and facts.revision not in {None, next_.inverse.revision}:
            return f"{call.region} runs {facts.revision!r} now, {next_.inverse.revision!r} when the plan was made"
        return None
