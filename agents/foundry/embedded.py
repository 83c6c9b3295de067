"""The embedded reasoner: rules with weighted evidence over what was observed. Deterministic, and needs no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agents.catalogue import Catalogue
from agents.confidence import UNCITED
from agents.facts import Diagnosis, Hypothesis, Strategy
from agents.foundry.reasoner import Choice, OnThought
from agents.foundry.rules import RULES, Question
from agents.foundry.signals import Signals
from agents.incident import Incident

ENOUGH = 0.6
"""A class whose checklist is met to less than this share is not named."""
UNSURE = 0.49
"""What fits no class well enough has this much evidence at most, and far less than the gate asks for."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One fault class held against what was observed. `score` is the share of its checklist that holds."""

    fault_class: str
    score: float
    ruled_out: bool
    cites: tuple[str, ...]
    questions: tuple[Question, ...]

    def why(self) -> str:
        """What speaks for it, or what rules it out."""
        if self.ruled_out:
            return "not: " + "; ".join(q.text for q in self.questions if q.must and not q.answer.holds)
        return "; ".join(q.text for q in self.questions if q.answer.holds)


class EmbeddedReasoner:
    """Implements `Reasoner` without a model."""

    name = "embedded"

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def diagnose(self, incident: Incident, on_thought: OnThought, now: datetime) -> Diagnosis:
        """The best class, the runners-up, and what is ruled out."""
        del now
        diagnosis = self.classify(incident)
        for line in story(incident, diagnosis):
            on_thought(f"{line}\n")
        return diagnosis

    async def choose(self, incident: Incident, candidates: Sequence[Strategy], on_thought: OnThought, now: datetime) -> Choice:
        """The catalogue's first remedy that is left."""
        del now
        chosen = candidates[0]
        count = sum(not attempt.anew for attempt in incident.tried)
        tried = f" after {count} that did not help" if count else ""
        why = f"the first remedy for {chosen.fault_class} that may be used{tried}"
        if chosen.requested_by is not None:
            why = f"{chosen.requested_by} asked for it"
        rationale = f"{chosen.rationale}: {why}"
        on_thought(f"{rationale}\n")
        return Choice(0, rationale)

    async def close(self) -> None:
        """Nothing is held open."""

    def classify(self, incident: Incident) -> Diagnosis:
        """The diagnosis as a pure function of the incident's symptoms and observations."""
        signals = Signals(incident)
        if not incident.symptoms:
            return self._plain("healthy", "nothing that is measured is out of order", signals, incident)
        judged = sorted((self._judge(name, signals) for name in RULES), key=self._rank)
        best = judged[0]
        if best.ruled_out or best.score < ENOUGH:
            return self._inconclusive(judged, signals, incident)
        evidence = best.score if best.cites else min(best.score, UNCITED)
        return Diagnosis(
            fault_class=best.fault_class,
            cause=f"{', '.join(signals.sick) or 'users'}: {self._catalogue.fault(best.fault_class).about} ({best.why()})"[:2000],
            regions=signals.sick,
            hypotheses=self._hypotheses(judged),
            cites=best.cites,
            evidence=round(evidence, 4),
            source=self.name,
        )

    def judge(self, fault_class: str, incident: Incident) -> Judged:
        """One class held against an incident; a class without a rule has no evidence."""
        signals = Signals(incident)
        if fault_class not in RULES:
            return Judged(fault_class, 0.0, ruled_out=False, cites=(), questions=())
        return self._judge(fault_class, signals)

    def _judge(self, fault_class: str, signals: Signals) -> Judged:
        questions = tuple(RULES[fault_class](signals))
        total = sum(q.weight for q in questions)
        met = sum(q.weight for q in questions if q.answer.holds)
        cites = tuple(sorted({c for q in questions if q.answer.holds for c in q.answer.cites}))
        out = any(q.must and not q.answer.holds for q in questions)
        return Judged(fault_class, met / total, out, cites, questions)

    def _rank(self, judged: Judged) -> tuple[bool, float, float, str]:
        return (judged.ruled_out, -judged.score, -self._catalogue.fault(judged.fault_class).prior, judged.fault_class)

    def _hypotheses(self, judged: Sequence[Judged]) -> tuple[Hypothesis, ...]:
        weights = [0.0 if j.ruled_out else self._catalogue.fault(j.fault_class).prior * 20**j.score for j in judged]
        total = sum(weights) or 1.0
        shown = [j for j in judged if not j.ruled_out][:3] + sorted((j for j in judged if j.ruled_out), key=lambda j: -j.score)[
            :4
        ]
        by_class = dict(zip((j.fault_class for j in judged), weights, strict=True))
        return tuple(
            Hypothesis(
                fault_class=j.fault_class,
                probability=round(by_class[j.fault_class] / total, 4),
                why=j.why()[:2000],
                cites=j.cites,
                ruled_out=j.ruled_out,
            )
            for j in shown
        )

    def _inconclusive(self, judged: Sequence[Judged], signals: Signals, incident: Incident) -> Diagnosis:
        plain = self._plain("inconclusive", "what is seen fits no fault class well enough", signals, incident)
        return plain.model_copy(update={"hypotheses": (*plain.hypotheses, *self._hypotheses(judged))})

    def _plain(self, fault_class: str, cause: str, signals: Signals, incident: Incident) -> Diagnosis:
        known = {o.id for o in incident.observations}
        cites = tuple(sorted({o for s in incident.symptoms for o in s.observations if o in known}))
        hypothesis = Hypothesis(fault_class=fault_class, probability=1.0, why=cause, cites=cites)
        return Diagnosis(
            fault_class=fault_class,
            cause=cause,
            regions=signals.sick,
            hypotheses=(hypothesis,),
            cites=cites,
            evidence=UNSURE if cites else UNCITED,
            source=self.name,
        )


def story(incident: Incident, diagnosis: Diagnosis) -> list[str]:
    """The diagnosis as sentences for a person who was just woken up."""
    texts = {o.id: o.text for o in incident.observations}
    first = [texts[c] for s in incident.symptoms for c in s.observations if c in texts]
    lines = list(dict.fromkeys(first))[:4]
    lines.append(f"{diagnosis.fault_class}: {diagnosis.cause}")
    open_ = [f"{h.fault_class} {h.probability:.2f}" for h in diagnosis.hypotheses[1:] if not h.ruled_out]
    if open_:
        lines.append("competing: " + ", ".join(open_))
    out = [f"{h.fault_class} ({h.why.removeprefix('not: ')})" for h in diagnosis.hypotheses if h.ruled_out]
    if out:
        lines.append("ruled out, because these do not hold: " + ", ".join(out[:3]))
    return lines
