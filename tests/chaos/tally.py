"""What a campaign breaks, and what it counts."""

from __future__ import annotations

from dataclasses import dataclass, field

REGION_FAULT_SECONDS = 3_000


class StuckError(AssertionError):
    """An incident did not end within the bound, or something did not come up."""


@dataclass(frozen=True)
class Drill:
    """What is broken, and how a person answers: `rejects` is how many requests of each incident get a no first."""

    name: str
    fault: str
    parameters: dict[str, object] = field(default_factory=dict)
    rejects: int = 0


OUTAGE = {"duration_s": REGION_FAULT_SECONDS}
DEGRADE = {"duration_s": REGION_FAULT_SECONDS, "latency_ms": 1500, "error_rate": 0.4, "scope": "process"}
DRILLS = (Drill("outage", "outage", OUTAGE), Drill("degrade", "degrade", DEGRADE), Drill("approval", "outage", OUTAGE, rejects=1))


@dataclass
class Tally:
    """What one drill came to."""

    drill: str
    how: str
    kills: int = 0
    tool_kills: int = 0
    incidents: int = 0
    paged: int = 0
    effects: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)
