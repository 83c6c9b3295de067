"""The platforms of all targets, made at the first use: what they import is dear, and starting up must not wait for it."""

from __future__ import annotations

import asyncio
import importlib
import logging

from overwatch_mcp.clock import Clock
from overwatch_mcp.config import ServerConfig
from overwatch_mcp.errors import OverwatchToolError
from overwatch_mcp.platform import Platform

logger = logging.getLogger(__name__)


class Platforms:
    """Gives each target's platform, always the same one."""

    def __init__(self, config: ServerConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._made: dict[str, Platform] = {}

    async def get(self, target: str) -> Platform:
        """The platform of a target. Raises RequestError for an unknown one, PlatformError where it can't be made."""
        config = self._config.target(target)
        if target not in self._made:
            module = await asyncio.to_thread(importlib.import_module, f"overwatch_mcp.{config.platform}_platform")
            if target not in self._made:
                self._made[target] = module.make(target, config, self._clock)
        return self._made[target]

    async def warm(self) -> None:
        """Do what the first calls would have to wait for. What fails now is said by the call that needs it."""
        for target in self._config.targets:
            try:
                await (await self.get(target)).warm()
            except OverwatchToolError as error:
                logger.warning("%s can't be reached yet: %s", target, error)
            else:
                logger.info("%s is reached", target)

    async def close(self) -> None:
        """Let all connections go."""
        for platform in self._made.values():
            await platform.close()
