"""What the control room needs of a swarm, whoever hosts it. The composition root implements it; tests script it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from overwatch_tui.chaos import ChaosFault, FaultName

if TYPE_CHECKING:
    from agents.events import Event
    from agents.telemetry import Telemetric
    from overwatch_tui.bridge.buffer import Notice


@dataclass(frozen=True, slots=True)
class TargetInfo:
    """A service that is watched. `faults` is what can be injected; nothing can where `has_chaos` is False.

    `is_demo` marks the target that Overwatch started itself: breaking it asks no question.
    """

    name: str
    regions: tuple[str, ...]
    has_chaos: bool
    is_demo: bool
    faults: tuple[FaultName, ...]


class Feed(Protocol):
    """Where a handle publishes to; thread-safe, returns at once, never raises. A swarm in this process needs `publish` alone."""

    def publish(self, item: Telemetric) -> None:
        """Take one item of the swarm's telemetry."""
        ...

    def note(self, notice: Notice) -> None:
        """Take word of the connection, or a part of the log that was missed."""
        ...

    def lost(self, count: int) -> None:
        """So much telemetry was lost on the way."""
        ...


class SwarmHandle(Protocol):
    """One swarm. `run` and `history` are awaited in the worker's loop; everything else is called from the screen's thread.

    A command returns at once with a future whose result is one line to show; its exception says what went wrong and the remedy.
    """

    read_only: bool
    me: str
    """Who the person at the screen is, for the record."""

    async def run(self, telemetry: Feed, ready: Callable[[], None]) -> None:
        """Live until cancelled or told to `stop`; `ready` is called once, when commands and `history` are answered."""
        ...

    def stop(self) -> None:
        """End `run`; thread-safe, returns at once."""
        ...

    async def history(self) -> Sequence[Event]:
        """The events of the log so far, oldest first."""
        ...

    def targets(self) -> Sequence[TargetInfo]:
        """The targets that are watched now; may grow while the swarm starts."""
        ...

    def decide(self, approval: str, approved: bool, reason: str, confirm: str = "", binding: str = "") -> Future[str]:
        """Answer one request for approval; `confirm` is what the person typed, where it asks for that.

        `binding` names the plan that they looked at, and refuses every other under the same request.
        """
        ...

    def pause(self, reason: str) -> Future[str]:
        """Stop all automation."""
        ...

    def arm(self) -> Future[str]:
        """Let automation act again."""
        ...

    def force_failover(self, target: str, region: str) -> Future[str]:
        """Ask for all users of `target` to be moved to `region`, through the same gate."""
        ...

    def chaos(self, target: str, region: str, fault: ChaosFault) -> Future[str]:
        """Inject a fault into, or clear it from, one region."""
        ...
