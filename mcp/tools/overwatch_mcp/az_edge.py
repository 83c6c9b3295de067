"""The edge moved by the Azure CLI, where the configuration asks for it: Front Door or Traffic Manager."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from overwatch_mcp.az_cli import AzCli
from overwatch_mcp.az_commands import read_doors, set_door
from overwatch_mcp.azure_doors import door_of_origin, doors_of_profile
from overwatch_mcp.azure_edge import Door, EdgeConfig, where
from overwatch_mcp.azure_errors import mapped
from overwatch_mcp.clock import Clock
from overwatch_mcp.config import AzureTarget, FrontDoorConfig

FRESH_SECONDS = 5.0
"""How long an answer of the CLI is good for: loading it alone takes as long as that, and a switch looks several times."""


class EdgeByCli:
    """Implements `azure_edge.Edge`. Whoever looks at the same time waits for the same command."""

    def __init__(self, config: AzureTarget, traffic: EdgeConfig, clock: Clock) -> None:
        self._config = config
        self._traffic = traffic
        self._clock = clock
        self._az = AzCli(traffic, os.environ, config.ca_file)
        self._one_at_a_time = asyncio.Lock()
        self._seen: tuple[float, list[Door]] | None = None

    async def doors(self) -> list[Door]:
        """The origins of the group, or the endpoints of the profile, as they were a moment ago."""
        async with self._one_at_a_time:
            if self._seen is None or self._clock.monotonic() - self._seen[0] >= FRESH_SECONDS:
                self._seen = None
                doors = await self._read()
                self._seen = (self._clock.monotonic(), doors)
            return self._seen[1]

    async def set(self, region: str, weight: int) -> None:
        """Give a region's door a weight. Front Door's long operation is not waited for; Traffic Manager has none."""
        words = set_door(self._config, self._traffic, region, weight)
        async with self._one_at_a_time:
            try:
                await self._az.run(words, f"updating {self._traffic.doors[region]!r} of {where(self._traffic)}")
            finally:
                self._seen = None

    async def _read(self) -> list[Door]:
        what = f"reading {where(self._traffic)}"
        with mapped(what):
            answer: Any = await self._az.run(read_doors(self._config, self._traffic), what)
            if isinstance(self._traffic, FrontDoorConfig):
                if answer.get("nextLink"):
                    raise ValueError("a group of origins is one page")
                return [door_of_origin(origin) for origin in answer["value"]]
            return doors_of_profile(answer, self._traffic)
