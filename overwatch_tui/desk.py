"""What a person may ask of a swarm in this process, whoever brings the word: its own screen, or one that is attached."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from overwatch_tui.chaos import ChaosError, ChaosFault, inject, offered

if TYPE_CHECKING:
    from agents.durable.store import Store
    from agents.events import Event
    from agents.settings import TargetSettings
    from overwatch_tui.bridge.seam import TargetInfo
    from overwatch_tui.demo import DemoWorld

HISTORY = 5_000
"""The newest events of the log that a screen starts with."""


class ReadOnlyError(PermissionError):
    """This control room may look, not act."""


class Desk:
    """Lives in the swarm's loop, as long as its database is open. Each request returns one line to show.

    `targets` and `world` say what is there now; both grow while the swarm starts.
    """

    def __init__(
        self, store: Store, targets: Callable[[], Mapping[str, TargetSettings]], world: Callable[[], DemoWorld | None]
    ) -> None:
        self._store = store
        self._targets = targets
        self._world = world

    async def history(self) -> Sequence[Event]:
        """The newest events of the log, oldest first."""
        return await self._store.recent_events(HISTORY)

    async def unresolved(self, target: str) -> str | None:
        """The id of a target's open incident, if there is one."""
        incident = await self._store.unresolved(target)
        return None if incident is None else incident.id

    async def incidents(self) -> int:
        """How many incidents are not resolved, as far as a thousand."""
        return len(await self._store.incidents(limit=1_000, unresolved_only=True))

    async def paused(self) -> bool:
        """Whether automation is paused, by whichever process."""
        return (await self._store.automation()).paused

    async def decide(self, approval: str, approved: bool, reason: str, confirm: str = "", binding: str = "", *, by: str) -> str:
        """A person's decision on one request; `confirm` is what they typed, where it asks for that.

        `binding` names the plan that they looked at: a log that was restored gives the same names to other plans.
        """
        from overwatch_tui.state.words import given  # noqa: PLC0415 - after the first paint

        stands = await self._store.decide_approval(
            approval, approved=approved, by=by, reason=reason, confirm=confirm, binding=binding
        )
        if stands.approved is None:
            return f"{approval}: {given(stands.people, stands.needs)}"
        return f"{approval} {'approved' if approved else 'rejected'} by {by}"

    async def pause(self, reason: str, *, by: str) -> str:
        """Stop all automation."""
        await self._store.pause(by=by, reason=reason)
        return "automation is paused: nothing is executed until it is armed"

    async def arm(self, *, by: str) -> str:
        """Let automation act again."""
        await self._store.arm(by=by)
        return "automation is armed"

    async def force_failover(self, target: str, region: str, *, by: str) -> str:
        """Ask for all users of `target` to be moved to `region`, through the same gate."""
        settings = self._targets().get(target)
        if settings is None:
            raise ValueError(f"{target!r} is not watched: choose one of {', '.join(sorted(self._targets()))}")
        if region not in settings.regions:
            raise ValueError(f"{region!r} is not a region of {target!r}: choose one of {', '.join(sorted(settings.regions))}")
        incident = await self._store.request_failover(target, region, by=by)
        return f"{incident}: failover of {target} to {region} is on its way through the gate"

    async def chaos(self, target: str, region: str, fault: ChaosFault) -> str:
        """Inject a fault into one region of a target that declares where."""
        settings = self._targets().get(target)
        if settings is None:
            raise ChaosError(f"{target!r} is not there yet: wait until its regions show")
        return await inject(settings, self._world(), region, fault)


def infos(targets: Mapping[str, TargetSettings]) -> tuple[TargetInfo, ...]:
    """The targets as a screen wants to know them."""
    from overwatch_tui.bridge.seam import TargetInfo  # noqa: PLC0415 - after the first paint

    return tuple(
        TargetInfo(
            name=name,
            regions=tuple(target.regions),
            has_chaos=target.chaos is not None,
            is_demo=target.chaos is not None and target.chaos.demo,
            faults=offered(target),
        )
        for name, target in targets.items()
    )
