"""What an agent asks of whoever thinks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from agents.facts import Diagnosis, Strategy
from agents.incident import Incident

OnThought = Callable[[str], None]
"""Takes reasoning as it is thought, in pieces; a line break ends a paragraph."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which of the offered strategies, why, and the chooser's own word (None for the embedded reasoner)."""

    index: int
    rationale: str
    word: float | None = None
    source: str = "embedded"


class Reasoner(Protocol):
    """Diagnoses, and chooses among strategies that the engine offers; it can't name others."""

    name: str

    async def diagnose(self, incident: Incident, on_thought: OnThought, now: datetime) -> Diagnosis:
        """The cause of an incident, with cited observations."""
        ...

    async def choose(self, incident: Incident, candidates: Sequence[Strategy], on_thought: OnThought, now: datetime) -> Choice:
        """One of `candidates`, which is not empty and in the catalogue's order."""
        ...

    async def close(self) -> None:
        """Let go of what it holds open."""
        ...
