"""Thinking: the embedded reasoner, and any OpenAI-compatible model in front of it."""

from __future__ import annotations

from agents.catalogue import Catalogue
from agents.foundry.client import FoundryClient
from agents.foundry.embedded import EmbeddedReasoner
from agents.foundry.model import ModelReasoner
from agents.foundry.reasoner import Choice, OnThought, Reasoner
from agents.foundry.settings import ModelSettings
from agents.seams import Clock

__all__ = [
    "Choice",
    "EmbeddedReasoner",
    "FoundryClient",
    "ModelReasoner",
    "ModelSettings",
    "OnThought",
    "Reasoner",
    "make_reasoner",
]


def make_reasoner(settings: ModelSettings, catalogue: Catalogue, clock: Clock) -> Reasoner:
    """The model where one is configured, with the embedded reasoner behind it; the embedded one alone otherwise."""
    embedded = EmbeddedReasoner(catalogue)
    if settings.base_url is None:
        return embedded
    return ModelReasoner(FoundryClient(settings, clock), catalogue, embedded)
