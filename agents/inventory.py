"""What a target is and how it stands: the configuration, what the platform says through the tools, what Sentry last saw."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from agents.facts import Health
from agents.sanitize import clean
from agents.seams import ToolError, Tools, ToolsUnavailableError
from agents.settings import TargetSettings
from agents.world import RegionFacts, UnknownTargetError, World


class Watch(Protocol):
    """What Sentry last saw of a target, by region; regions of which nothing is known are left out."""

    def latest(self, target: str) -> Mapping[str, Health]:
        """How each region was."""
        ...

    def replication_lag(self, target: str) -> Mapping[str, float]:
        """The replication lag in seconds."""
        ...

    def previous_image(self, target: str) -> Mapping[str, str]:
        """The image that ran well before the present one."""
        ...


class TargetInventory:
    """Implements `seams.Inventory`. A fact that can't be read is None, never guessed and never remembered."""

    def __init__(
        self,
        targets: Mapping[str, TargetSettings],
        tools: Tools,
        watch: Watch,
    ) -> None:
        self._targets = targets
        self._tools = tools
        self._watch = watch

    async def world(self, target: str) -> World:
        """The current facts of one target. Raises UnknownTargetError."""
        settings = self._targets.get(target)
        if settings is None:
            raise UnknownTargetError(f"{target!r} is not a target; known: {sorted(self._targets)}")
        states, weights, revisions = await self._read_platform(target, settings)
        health, lag, before = self._watch.latest(target), self._watch.replication_lag(target), self._watch.previous_image(target)
        return World(
            target=target,
            allowed=settings.actions(),
            max_replicas=settings.platform.max_replicas if settings.platform else 0,
            regions=tuple(
                RegionFacts(
                    region=region,
                    health=health.get(region, "unknown"),
                    traffic=_whole(weights.get(region)),
                    replicas_ready=_whole(state.get("replicas_ready")),
                    replicas_desired=_whole(state.get("replicas_desired")),
                    image=_text(state.get("image")),
                    revision=_text(state.get("revision")),
                    previous_revision=back_to.name if back_to else None,
                    previous_image=back_to.image if back_to else None,
                    replication_lag_s=lag.get(region),
                )
                for region, state, back_to in (
                    (region, state, _back_to(listed, state, before.get(region)))
                    for region, state, listed in zip(settings.regions, states, revisions, strict=True)
                )
            ),
        )

    async def _read_platform(
        self, target: str, settings: TargetSettings
    ) -> tuple[Sequence[Mapping[str, Any]], Mapping[str, Any], Sequence[Sequence[Any]]]:
        """The state of each region, in the order of the settings, the shares of the users, and the revisions of each region."""
        platform = settings.platform
        if platform is None:
            return [{} for _ in settings.regions], {}, [() for _ in settings.regions]
        regions = [{"target": target, "region": region} for region in settings.regions]
        with_rollback = "rollback_revision" in settings.actions()
        states, listed, traffic = await asyncio.gather(
            asyncio.gather(*(self._read("get_service_state", region) for region in regions)),
            asyncio.gather(*(self._read("list_revisions", region) for region in regions if with_rollback)),
            self._read("get_traffic", {"target": target}) if platform.traffic is not None else _nothing(),
        )
        weights = traffic.get("weights")
        revisions = [answer.get("revisions") for answer in listed] if with_rollback else [() for _ in regions]
        return (
            states,
            weights if isinstance(weights, Mapping) else {},
            [found if isinstance(found, Sequence) and not isinstance(found, str) else () for found in revisions],
        )

    async def _read(self, tool: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return await self._tools.read(tool, arguments)
        except (ToolError, ToolsUnavailableError):
            return {}


async def _nothing() -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class _Earlier:
    name: str
    image: str


def _back_to(listed: Sequence[Any], state: Mapping[str, Any], seen_well: str | None) -> _Earlier | None:
    """The revision to go back to: the newest one before the present one that came up with another image.

    Where Sentry saw which image ran well before, it is that one's; after a restart of the swarm the platform's word has to do.
    """
    rows = [row for row in listed if isinstance(row, Mapping)]
    names = [row.get("name") for row in rows]
    serving = state.get("revision")
    for row in rows[names.index(serving) + 1 :] if serving in names else ():
        name, image = _text(row.get("name")), _text(row.get("image"))
        failed = row.get("error") or row.get("provisioning_state") == "Failed"
        if name is None or image is None or failed or image == _text(state.get("image")):
            continue
        if seen_well in {None, image}:
            return _Earlier(name, image)
    return None


def _text(value: object) -> str | None:
    return clean(value) if isinstance(value, str) and value else None


def _whole(value: object) -> int | None:
    """A count as it is; whatever else an answer holds there is not known."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
