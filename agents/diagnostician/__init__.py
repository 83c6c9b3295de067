"""The Diagnostician: names the fault class of an incident, cites what was measured, and says what it ruled out."""

from __future__ import annotations

from agents.confidence import bounded
from agents.events import Event, IncidentDiagnosed, IncidentOpened, IncidentUpdated, answer
from agents.foundry import Reasoner
from agents.sanitize import clean
from agents.seams import Context, Outcome
from agents.telemetry import Thought

__all__ = ["Diagnostician"]


class Diagnostician:
    """Answers each opened or changed incident with a diagnosis. A person's own failover needs none."""

    name = "Diagnostician"
    types = frozenset({IncidentOpened.TYPE, IncidentUpdated.TYPE})

    def __init__(self, reasoner: Reasoner) -> None:
        self._reasoner = reasoner

    async def handle(self, event: Event, context: Context) -> Outcome:
        """Think, aloud, and answer."""
        incident = context.incident
        if incident is None or incident.manual or incident.status != "open":
            return Outcome()
        now = context.clock.now()

        def aloud(text: str) -> None:
            done = text.endswith("\n")
            words = clean(text, 2_000)
            context.telemetry.publish(Thought(self.name, incident.id, words, self._reasoner.name, context.clock.now(), done=done))

        diagnosis = bounded(await self._reasoner.diagnose(incident, aloud, now), {o.id for o in incident.observations})
        return Outcome(emit=(answer(event, self.name, 0, IncidentDiagnosed(diagnosis=diagnosis), context.clock.now()),))
