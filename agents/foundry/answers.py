"""What a model may say, and nothing else. `reasoning` comes first, so that it is thought before the verdict."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HypothesisAnswer(_Answer):
    """One possible cause."""

    fault_class: str
    probability: float = Field(ge=0, le=1, strict=True)
    why: str = Field(max_length=600)
    cites: list[str] = Field(max_length=40)
    ruled_out: bool


class DiagnosisAnswer(_Answer):
    """The diagnosis: a class that was offered, at least two hypotheses, and the ids of what was observed."""

    reasoning: str = Field(max_length=6_000)
    hypotheses: list[HypothesisAnswer] = Field(min_length=2, max_length=8)
    fault_class: str
    cause: str = Field(max_length=600)
    cites: list[str] = Field(max_length=40)
    confidence: float = Field(ge=0, le=1, strict=True)


class ChoiceAnswer(_Answer):
    """Which of the offered plans."""

    reasoning: str = Field(max_length=6_000)
    plan: str
    why: str = Field(max_length=600)
    confidence: float = Field(ge=0, le=1, strict=True)
