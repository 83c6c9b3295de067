"""A target as the platform and the probes show it: the server side's facts, which the gate judges by, never a model's word.

Pure; nothing here reads a clock, a file or the network.
"""

from __future__ import annotations

from dataclasses import dataclass

from agents.facts import ActionKind, Health


@dataclass(frozen=True, slots=True)
class RegionFacts:
    """One region of a target as the platform and the probes show it; None is not known. `traffic` in percent.

    `previous_revision` is the one to go back to from `revision`, and `previous_image` what it runs.
    """

    region: str
    health: Health
    traffic: int | None = None
    replicas_ready: int | None = None
    replicas_desired: int | None = None
    image: str | None = None
    revision: str | None = None
    previous_revision: str | None = None
    previous_image: str | None = None
    replication_lag_s: float | None = None


class UnknownTargetError(LookupError):
    """The target, or its region, is not configured (any more); the text names the known ones."""


@dataclass(frozen=True, slots=True)
class World:
    """What may be done to a target and how it stands now: the server side's facts, never a model's word."""

    target: str
    allowed: frozenset[ActionKind]
    max_replicas: int
    regions: tuple[RegionFacts, ...]

    def region(self, name: str) -> RegionFacts:
        """The facts of one region. Raises UnknownTargetError with the known names."""
        for facts in self.regions:
            if facts.region == name:
                return facts
        raise UnknownTargetError(f"{name!r} is not a region of {self.target!r}; known: {[r.region for r in self.regions]}")
