"""What the panes draw: one frozen `State`, folded from events and telemetry. Unchanged parts keep their identity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from agents.incident import Incident
    from agents.scores import Calibration
    from agents.telemetry import AgentState, RegionSample, SwarmState, UsersSample

AGENTS: tuple[str, ...] = ("Sentry", "Diagnostician", "Strategist", "Orchestrator", "Logistics", "Traffic Controller")
"""The six, in the order in which an incident meets them."""

Tone = Literal["plain", "muted", "strong", "accent", "ok", "warn", "fail", "unknown", "alarm", "notice"]
"""What a piece of text means; the theme knows its colour."""

Piece = tuple[str, Tone]
Line = tuple[Piece, ...]

HostPhase = Literal["starting", "running", "stopped", "failed", "away"]


@dataclass(frozen=True, slots=True)
class HostView:
    """How the thread that hosts the swarm stands; `away` is a swarm of another process. `problem` comes with its remedy."""

    phase: HostPhase = "starting"
    problem: str = ""


@dataclass(frozen=True, slots=True)
class RegionView:
    """A region's newest sample, and its p95 latencies in milliseconds, oldest first, at most 60."""

    sample: RegionSample
    p95: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class UsersView:
    """What users see now, and the p95 latencies that they saw."""

    sample: UsersSample
    p95: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class TargetView:
    """One target: its regions by name in order of appearance, and its users."""

    name: str
    regions: tuple[RegionView, ...] = ()
    users: UsersView | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline. `decision` marks what the audit lists; `details` are its reasons."""

    seq: int
    at: datetime
    agent: str
    incident: str
    text: str
    tone: Tone
    decision: bool = False
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ApprovalView:
    """A request that waits for a person, in the words that the pane shows."""

    id: str
    incident: str
    target: str
    plan: tuple[str, ...]
    undo: str
    confidence: str
    blast_radius: str
    reasons: tuple[str, ...]
    requested_at: datetime
    deadline: datetime
    confirm: str = ""
    """What has to be typed to approve it; empty where nothing has."""
    binding: str = ""
    """Names the plan that is shown."""
    given: str = ""
    """How far it is where several people have to approve; empty where one is enough."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A piece of reasoning; it grows until `done`."""

    seq: int
    agent: str
    incident: str
    source: str
    text: str
    at: datetime
    done: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """Everything that is on the screen, but where the person looks.

    `incidents` holds every unresolved incident and the newest resolved ones; `unread` counts events that did not fit the
    incident that they are about, `dropped` the telemetry that came faster than it could be shown.
    """

    loaded: bool = False
    host: HostView = HostView()
    swarm: SwarmState | None = None
    agents: Mapping[str, AgentState] = field(default_factory=lambda: MappingProxyType({}))
    targets: tuple[TargetView, ...] = ()
    entries: tuple[Entry, ...] = ()
    audit: tuple[Entry, ...] = ()
    incidents: Mapping[str, Incident] = field(default_factory=lambda: MappingProxyType({}))
    approvals: tuple[ApprovalView, ...] = ()
    thoughts: tuple[Paragraph, ...] = ()
    calibration: Calibration | None = None
    dropped: int = 0
    unread: int = 0

    @property
    def open_incidents(self) -> tuple[Incident, ...]:
        """The unresolved incidents, newest last."""
        return tuple(i for i in self.incidents.values() if i.status != "resolved")

    @property
    def paged(self) -> tuple[Incident, ...]:
        """The incidents that wait for a person because the swarm gave up on them."""
        return tuple(i for i in self.incidents.values() if i.status == "escalated")
