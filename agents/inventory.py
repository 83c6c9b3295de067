"""What a target is and how it stands: the configuration, what the platform says through the tools, what Sentry last saw."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from agents.sanitize import clean
from agents.seams import RegionFacts, ToolError, Tools, ToolsUnavailableError, UnknownTargetError, World
from agents.settings import TargetSettings
from agents.telemetry import Health


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
        states, weights = await self._read_platform(target, settings)
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
                    image=clean(state["image"]) if state.get("image") else None,
                    previous_image=before.get(region),
                    replication_lag_s=lag.get(region),
                )
                for region, state in zip(settings.regions, states, strict=True)
            ),
        )

    async def _read_platform(
        self, target: str, settings: TargetSettings
    ) -> tuple[Sequence[Mapping[str, Any]], Mapping[str, Any]]:
        """The state of each region, in the order of the settings, and the shares of the users."""
        platform = settings.platform
        if platform is None:
            return [{} for _ in settings.regions], {}
        reads = [self._read("get_service_state", {"target": target, "region": region}) for region in settings.regions]
        if platform.traffic is None:
            return await asyncio.gather(*reads), {}
        *states, traffic = await asyncio.gather(*reads, self._read("get_traffic", {"target": target}))
        weights = traffic.get("weights")
        return states, weights if isinstance(weights, Mapping) else {}

    async def _read(self, tool: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return await self._tools.read(tool, arguments)
        except (ToolError, ToolsUnavailableError):
            return {}


def _whole(value: object) -> int | None:
    """A count as it is; whatever else an answer holds there is not known."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
