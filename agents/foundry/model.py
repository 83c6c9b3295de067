"""A model in front of the embedded reasoner: it picks from what the engine offers, and the engine grades what it picked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from agents.catalogue import Catalogue
from agents.confidence import UNCITED, bounded
from agents.facts import Diagnosis, Hypothesis, Strategy
from agents.foundry import prompts
from agents.foundry.answers import ChoiceAnswer, DiagnosisAnswer
from agents.foundry.budget import ModelAwayError
from agents.foundry.client import FoundryClient
from agents.foundry.embedded import EmbeddedReasoner, Judged
from agents.foundry.reasoner import Choice, OnThought
from agents.incident import Incident
from agents.sanitize import clean


class ModelReasoner:
    """Implements `Reasoner`. Every failure of the model ends in the embedded reasoner's answer, and is said aloud."""

    def __init__(self, client: FoundryClient, catalogue: Catalogue, embedded: EmbeddedReasoner) -> None:
        self._client = client
        self._catalogue = catalogue
        self._embedded = embedded
        self.name = client.name

    async def diagnose(self, incident: Incident, on_thought: OnThought, now: datetime) -> Diagnosis:
        """The model's class, graded by the engine's checklist: what the observations do not carry has no evidence."""
        classes = sorted(self._catalogue.faults)
        known = {o.id for o in incident.observations}

        def check(found: DiagnosisAnswer) -> str | None:
            strange = {found.fault_class, *(h.fault_class for h in found.hypotheses)} - set(classes)
            if strange:
                return f"{len(strange)} of the fault classes were not offered"
            if any(h.ruled_out and h.fault_class == found.fault_class for h in found.hypotheses):
                return "the named class is among those that were ruled out"
            unknown = {*found.cites, *(c for h in found.hypotheses for c in h.cites)} - known
            return f"{len(unknown)} of the cited ids do not exist" if unknown else None

        try:
            messages = prompts.diagnosis(incident, classes, self._catalogue)
            found = await self._client.ask(messages, DiagnosisAnswer, incident=incident.id, check=check, on_reasoning=on_thought)
        except ModelAwayError as away:
            on_thought(f"{away}; the embedded reasoner goes on\n")
            return await self._embedded.diagnose(incident, on_thought, now)
        on_thought("\n")
        return self._graded(found, self._embedded.judge(found.fault_class, incident), incident)

    def _graded(self, found: DiagnosisAnswer, judged: Judged, incident: Incident) -> Diagnosis:
        """The model's words with the engine's evidence: none where it is ruled out, or where nothing that counts was cited."""
        cited = set(found.cites) & set(judged.cites)
        diagnosis = Diagnosis(
            fault_class=found.fault_class,
            cause=clean(found.cause, 2_000),
            regions=incident.regions,
            hypotheses=tuple(
                Hypothesis(
                    fault_class=h.fault_class,
                    probability=h.probability,
                    why=clean(h.why, 2_000),
                    cites=tuple(h.cites),
                    ruled_out=h.ruled_out,
                )
                for h in found.hypotheses
            ),
            cites=tuple(found.cites),
            evidence=UNCITED if judged.ruled_out or not cited else judged.score,
            word=found.confidence,
            source=self.name,
        )
        return bounded(diagnosis, {o.id for o in incident.observations})

    async def close(self) -> None:
        """Let go of the connections to the model."""
        await self._client.close()

    async def choose(self, incident: Incident, candidates: Sequence[Strategy], on_thought: OnThought, now: datetime) -> Choice:
        """One of the offered plans; with one on offer there is nothing to ask."""
        if len(candidates) == 1:
            return await self._embedded.choose(incident, candidates, on_thought, now)
        names = [f"p{n}" for n in range(len(candidates))]

        def check(found: ChoiceAnswer) -> str | None:
            return None if found.plan in names else "that plan was not offered"

        try:
            messages = prompts.choice(incident, candidates)
            found = await self._client.ask(messages, ChoiceAnswer, incident=incident.id, check=check, on_reasoning=on_thought)
        except ModelAwayError as away:
            on_thought(f"{away}; the embedded reasoner goes on\n")
            return await self._embedded.choose(incident, candidates, on_thought, now)
        on_thought("\n")
        return Choice(names.index(found.plan), clean(found.why, 2_000), found.confidence, self.name)
