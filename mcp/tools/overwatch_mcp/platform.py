"""The seam to a platform: what the tools need from one, whatever it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from overwatch_mcp.models import LogLine, MetricSeries, Revision, ServiceState, TrafficState


@dataclass(frozen=True, slots=True)
class RevisionState:
    """One revision of a region's service: what it runs and how far it has come. `error` is the platform's own text."""

    name: str
    image: str | None
    min_replicas: int | None
    provisioning_state: str | None
    running_state: str | None
    error: str | None

    @property
    def broken(self) -> bool:
        """Whether the platform has given it up."""
        return self.provisioning_state == "Failed" or self.running_state == "Failed"


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """One look through the public address: who answered, and with which status; `problem` where nobody did."""

    region: str | None
    status: int | None
    problem: str | None = None


class Commands(Protocol):
    """The equivalent command lines, for the person who reads the record or wants to do it by hand."""

    def restart(self, region: str, revision: str) -> str:
        """The command that restarts a revision."""
        ...

    def deploy(self, region: str, image: str, suffix: str) -> str:
        """The command that makes a revision of `image`."""
        ...

    def copy(self, region: str, revision: str, suffix: str) -> str:
        """The command that makes a revision like an earlier one."""
        ...

    def scale(self, region: str, minimum: int, maximum: int, suffix: str) -> str:
        """The command that changes the bounds of the replicas."""
        ...

    def switch(self, weights: Mapping[str, int]) -> str:
        """The commands that give the regions their share."""
        ...


class Platform(Protocol):
    """One target's infrastructure. Every method raises PlatformError; its subclass says what is known about the effect.

    The writes return when the platform has accepted them: whether they came true is for the reads to say. They return what
    `follow` needs to hear how the platform itself ends a long operation, also from another process; None where it has none.
    """

    @property
    def commands(self) -> Commands:
        """The equivalent command lines."""
        ...

    @property
    def drives(self) -> bool:
        """Whether the platform itself carries a write on once it was begun.

        Where it doesn't, one that was broken off half-way stays so until it is issued again.
        """
        ...

    async def warm(self) -> None:
        """Do what the first call would have to wait for: imports, login, connections."""
        ...

    async def close(self) -> None:
        """Let connections go."""
        ...

    async def service(self, region: str) -> ServiceState:
        """How a region's service stands."""
        ...

    async def replica_bounds(self, region: str) -> tuple[int, int]:
        """The lower and upper bound of a region's replicas."""
        ...

    async def revision(self, region: str, suffix: str) -> RevisionState | None:
        """The revision that a suffix names, or None where there is none (yet)."""
        ...

    async def revisions(self, region: str) -> list[Revision]:
        """The revisions of a region's service that the platform remembers, the newest first."""
        ...

    async def logs(self, region: str, lines: int, revision: str | None) -> list[LogLine]:
        """The last lines that a region's replicas wrote, the oldest of them first; those of one revision where it is named."""
        ...

    async def metrics(self, region: str, minutes: int) -> list[MetricSeries]:
        """The platform's own measurements of a region over the last minutes, at most one point for each minute."""
        ...

    async def traffic(self) -> TrafficState:
        """Who is sent where."""
        ...

    def native_weight(self, percent: int) -> int:
        """The platform's own number for a share in percent above 0."""
        ...

    async def follow(self, continuation: str) -> None:
        """Wait until a long operation has ended. Raises NotDoneError where the platform says that it failed.

        Where the platform can't say, it returns: the reads decide.
        """
        ...

    async def restart(self, region: str, revision: str, anew: Collection[str] = ()) -> str | None:
        """Start the replicas of a revision anew. Not idempotent: each call restarts.

        `anew` names the replicas that an earlier, broken off call restarted; a platform that does it one by one leaves them be.
        """
        ...

    async def deploy(self, region: str, image: str, suffix: str) -> str | None:
        """Make the revision named by `suffix` from `image`; a suffix that exists already is left alone by the platform."""
        ...

    async def copy(self, region: str, revision: str, suffix: str) -> str | None:
        """Make the revision named by `suffix` like an earlier one: its image and settings, the present number of replicas."""
        ...

    async def scale(self, region: str, minimum: int, maximum: int, suffix: str) -> str | None:
        """Make the revision named by `suffix` with these bounds."""
        ...

    async def set_origin(self, region: str, weight: int) -> str | None:
        """Give a region's origin a share in percent; 0 disables it, everything else enables it."""
        ...

    async def probe(self) -> ProbeAnswer:
        """Ask once through the public address, on a connection of its own. Never raises for what the network does."""
        ...
