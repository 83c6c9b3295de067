"""What is broadcast beside the events: samples, thoughts, states of agents. Lossy, counted, never decided upon by others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from agents.events import Event
from agents.facts import Health
from agents.scores import Calibration


@dataclass(frozen=True, slots=True)
class RegionSample:
    """One region at one moment. Latencies in milliseconds, rates in 0..1, `cpu` and `traffic` in percent; None is not known."""

    target: str
    region: str
    at: datetime
    state: Health
    detail: str = ""
    p95_ms: float | None = None
    error_rate: float | None = None
    rps: float | None = None
    cpu: float | None = None
    replicas_ready: int | None = None
    replicas_desired: int | None = None
    traffic: int | None = None


@dataclass(frozen=True, slots=True)
class UsersSample:
    """What users of the target see through its public address. `error_rate` in 0..1, `region` is who answered last."""

    target: str
    at: datetime
    state: Health
    error_rate: float | None = None
    p95_ms: float | None = None
    rps: float | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class AgentState:
    """One agent's state. `detail` says what it works on, or the remedy where it is down."""

    agent: str
    state: Literal["starting", "idle", "working", "down"]
    at: datetime
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Thought:
    """A piece of reasoning as it is thought; `done` ends the paragraph. `source` is `embedded` or the model's name."""

    agent: str
    incident: str
    text: str
    source: str
    at: datetime
    done: bool = False


@dataclass(frozen=True, slots=True)
class SwarmState:
    """How the swarm stands as a whole. `problem` is shown with its remedy, such as a parked delivery or tools that are away."""

    at: datetime
    automation: Literal["armed", "paused"]
    reasoning: str
    bus: str
    threshold: float
    problem: str = ""
    paused_by: str = ""
    paused_reason: str = ""
    paused_at: datetime | None = None
    held: str = ""
    """The freezes and maintenance windows that hold now, with their targets and ends; empty where none does."""


Telemetric = RegionSample | UsersSample | AgentState | Thought | SwarmState | Calibration | Event


class Telemetry(Protocol):
    """Where the swarm broadcasts. Called from the swarm's thread; must return at once and never raise.

    Every committed `Event` is published too, so that a screen need not poll the log.
    """

    def publish(self, item: Telemetric) -> None:
        """Take one item; samples may be dropped, events may not."""
        ...
