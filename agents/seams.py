"""The small Protocols at which the rooms of the house meet: clock, agent, context, tools, telemetry.

Whoever needs one of these gets it handed in; the composition root is `agents.swarm`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from agents.events import Event
from agents.facts import Call, Confidence
from agents.incident import Incident
from agents.telemetry import Telemetry
from agents.world import World


class Clock(Protocol):
    """Time, handed in. `now` is aware and in UTC; `sleep` ends early only by cancellation."""

    def now(self) -> datetime:
        """The current time, aware, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; a simulated clock returns when its time has been moved on."""
        ...


class RetryLaterError(Exception):
    """The agent can't answer now; deliver the event again after `delay` seconds.

    `counted` is False where waiting is right and no failure (automation is paused, an operation still runs): such a delivery
    is never parked, however often it comes back.
    """

    def __init__(self, reason: str, delay: float | None = None, *, counted: bool = True) -> None:
        super().__init__(reason)
        self.delay = delay
        self.counted = counted


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an agent answers to an event: the events to emit, committed with the inbox row and the incident in one transaction.

    `record` is a verified outcome for the track record, committed with them.
    """

    emit: Sequence[Event] = ()
    record: OutcomeRecord | None = None


@dataclass(frozen=True, slots=True)
class OutcomeRecord:
    """One verified (or failed) recovery: what the track record is made of. `simulated` marks demo targets and drills."""

    operation: str
    target: str
    action: str
    fault_class: str
    succeeded: bool
    simulated: bool
    at: datetime
    confidence: Confidence | None = None
    """The numbers that it was decided on, for the calibration."""
    decided_by: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """What an agent gets beside the event: the incident as it was read, the delivery's number, and the clock."""

    incident: Incident | None
    attempt: int
    clock: Clock
    telemetry: Telemetry


class Agent(Protocol):
    """One of the six. No database transaction is open while `handle` runs; it may be called again with the same event."""

    @property
    def name(self) -> str:
        """Its name, as people and the inbox know it."""
        ...

    @property
    def types(self) -> frozenset[str]:
        """The types of events that it wants."""
        ...

    async def handle(self, event: Event, context: Context) -> Outcome:
        """Answer one event."""
        ...


class BackgroundAgent(Agent, Protocol):
    """An agent with a loop of its own beside the bus (Sentry's watching)."""

    async def watch(self) -> None:
        """Run until cancelled."""
        ...


class Inventory(Protocol):
    """Where the agents learn what a target is and how it stands."""

    async def world(self, target: str) -> World:
        """The current facts; parts that can't be read are None, never guessed. Raises UnknownTargetError."""
        ...


@dataclass(frozen=True, slots=True)
class Record:
    """The track record of one action against one fault class: weighted successes and failures, and the parent level's rate."""

    successes: float
    failures: float
    parent_rate: float


class TrackRecord(Protocol):
    """Where verified outcomes are counted."""

    async def record(self, action: str, fault_class: str, target: str) -> Record:
        """The weighted counts (simulated outcomes of other targets weigh less)."""
        ...


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One look from outside. `region` is who answered (`x-region`), `latency_ms` is whole milliseconds to the last byte."""

    ok: bool
    at: datetime
    status: int | None
    latency_ms: float
    region: str | None
    detail: str


class Prober(Protocol):
    """An independent look from outside, not through the platform and not through what Sentry remembers."""

    async def probe(self, target: str, region: str | None) -> ProbeResult:
        """Ask one region's user path (or, with None, the public address) once; never raises for what the network does.

        Raises UnknownTargetError.
        """
        ...


IntentStatus = Literal["started", "succeeded", "failed", "refused", "unknown"]


@dataclass(frozen=True, slots=True)
class CallResult:
    """How an effect ended. `status` is terminal; `unknown` goes to a person and is never repeated by itself."""

    operation: str
    status: Literal["succeeded", "failed", "refused", "unknown"]
    summary: str
    command: str = ""
    via: Literal["call", "reconcile", "stored"] = "call"


class ToolsUnavailableError(Exception):
    """The MCP server could not be reached, or went away before it answered: the outcome of the call is not known."""


class Tools(Protocol):
    """The MCP server, as its clients see it."""

    async def read(self, tool: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Call a read tool; its structured content.

        Raises ToolsUnavailableError, or ToolError where the tool answered with an error (ToolBusyError: ask again later).
        """
        ...

    async def write(self, tool: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Call a write tool, as `read`; may take as long as the operation does."""
        ...


class ToolError(Exception):
    """The tool answered with an error: it did nothing. The text says why."""


class ToolBusyError(ToolError):
    """The tool did nothing and says that it may be asked again: another writer is at work, or the server is ending."""


Refuse = Callable[[], Awaitable[str | None]]
"""Why an action must not be issued now, looked at in the last moment; None lets it pass."""


class Effects(Protocol):
    """The one door to infrastructure: an intent is durable before the call, and observed before it is issued again."""

    async def execute(
        self, call: Call, *, operation: str, incident: str, inverse: Call | None, holder: str, refuse: Refuse
    ) -> CallResult:
        """Carry out `call` once, whatever happens.

        `refuse` is asked right before each issue, never where the effect may have happened already: a reason ends the intent as
        refused. Raises RetryLaterError while the outcome is not known yet; the next delivery observes first.
        """
        ...
