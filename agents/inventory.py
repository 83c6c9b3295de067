"""What a target is and how it stands: the configuration, what the platform says through the tools, what Sentry last saw."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from agents.sanitize import clean
from agents.seams import RegionFacts, ToolError, Tools, ToolsUnavailableError, World
from agents.settings import TargetSettings
from agents.telemetry import Health


class TargetInventory:
    """Implements `seams.Inventory`. A fact that can't be read is None, never guessed and never remembered."""

    def __init__(
        self,
        targets: Mapping[str, TargetSettings],
        tools: Tools,
        latest: Callable[[str], Mapping[str, Health]],
    ) -> None:
        self._targets = targets
        self._tools = tools
        self._latest = latest

    async def world(self, target: str) -> World:
        """The current facts of one target. Raises KeyError for an unknown one."""
        settings = self._targets.get(target)
        if settings is None:
            raise KeyError(f"{target!r} is not a target; known: {sorted(self._targets)}")
        states: list[Mapping[str, Any]] = [{} for _ in settings.regions]
        weights: Mapping[str, Any] = {}
        if settings.platform is not None:
            reads = [self._read("get_service_state", {"target": target, "region": region}) for region in settings.regions]
            if settings.platform.traffic is not None:
                reads.append(self._read("get_traffic", {"target": target}))
            answers = await asyncio.gather(*reads)
            states = answers[: len(settings.regions)]
            weights = answers[-1].get("weights") or {} if settings.platform.traffic is not None else {}
        health = self._latest(target)
        return World(
            target=target,
            service_class=settings.service_class,
            stateful=settings.stateful,
            allowed=settings.actions(),
            max_replicas=settings.platform.max_replicas if settings.platform else 0,
            regions=tuple(
                RegionFacts(
                    region=region,
                    health=health.get(region, "unknown"),
                    traffic=weights.get(region),
                    replicas_ready=state.get("replicas_ready"),
                    replicas_desired=state.get("replicas_desired"),
                    image=clean(state["image"]) if state.get("image") else None,
                )
                for region, state in zip(settings.regions, states, strict=True)
            ),
        )

    async def _read(self, tool: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return await self._tools.read(tool, arguments)
        except (ToolError, ToolsUnavailableError):
            return {}
