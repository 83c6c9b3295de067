"""The scenarios, as data: what is broken, what must be found, what may be done about it and what must not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from overwatch_tui.chaos import ChaosFault

DURATION = {"duration_s": 300}


@dataclass(frozen=True, slots=True)
class Scenario:
    """One drill. `right` are the actions that help; every other action that touches something counts as harm."""

    name: str
    about: str
    fault: ChaosFault | None
    everywhere: bool = False
    """Inject into every region at once."""
    classes: frozenset[str] = frozenset()
    right: frozenset[str] = frozenset()
    pages: bool = False
    """The right answer is to touch nothing and call a person."""
    quiet_s: float = 0
    """How long nothing must happen, where nothing is wrong."""
    verified: bool = False
    """Whether the swarm has to verify a recovery of its own."""


SCENARIOS: Mapping[str, Scenario] = {
    s.name: s
    for s in (
        Scenario(
            name="outage",
            about="the region refuses everything; restarts don't help",
            fault=ChaosFault("outage", DURATION),
            classes=frozenset({"region_down"}),
            right=frozenset({"failover_region"}),
            verified=True,
        ),
        Scenario(
            name="degrade",
            about="the region's processes are slow and erring",
            fault=ChaosFault("degrade", {**DURATION, "latency_ms": 1500, "error_rate": 0.4, "scope": "process"}),
            classes=frozenset({"process_degraded"}),
            right=frozenset({"restart_service"}),
            verified=True,
        ),
        Scenario(
            name="crash",
            about="one replica of the region is killed",
            fault=ChaosFault("crash"),
            classes=frozenset({"crash"}),
            right=frozenset({"restart_service"}),
            verified=True,
        ),
        Scenario(
            name="both",
            about="every region is degraded: no failover helps, a person is paged",
            fault=ChaosFault("degrade", {**DURATION, "latency_ms": 1500, "error_rate": 0.4, "scope": "region"}),
            everywhere=True,
            classes=frozenset({"shared_dependency"}),
            pages=True,
        ),
        Scenario(
            name="calm",
            about="nothing is wrong for a minute: nothing is found, nothing is done",
            fault=None,
            quiet_s=60,
        ),
    )
}
