"""What the server and a person's hand share: the configuration, the journal, the platforms, and the tools made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from overwatch_mcp.clock import Clock
from overwatch_mcp.config import ServerConfig, WriteTool
from overwatch_mcp.deploy_container import DeployContainer
from overwatch_mcp.effect import Effect, revision_suffix
from overwatch_mcp.envelope import check_arguments, check_operation_id, check_tool
from overwatch_mcp.journal import Journal
from overwatch_mcp.models import TargetList, TargetSummary
from overwatch_mcp.operations import HOUR, Operations
from overwatch_mcp.platform import Platform
from overwatch_mcp.platforms import Platforms
from overwatch_mcp.restart_service import RestartService
from overwatch_mcp.rollback_revision import RollbackRevision
from overwatch_mcp.scale_service import ScaleService
from overwatch_mcp.summaries import summarize
from overwatch_mcp.switch_traffic import SwitchTraffic
from overwatch_mcp.target_lock import TargetLocks
from overwatch_mcp.undo_operation import undoing

LOCK_SECONDS = 60.0
"""How long an operation waits for another one on the same target."""

DRAIN_SECONDS = 150.0
"""How long operations under way may take to end once nobody waits; what is left then is found in the journal."""


class PlatformSource(Protocol):
    """Where a target's platform comes from."""

    async def get(self, target: str) -> Platform:
        """The platform of a target. Raises RequestError for an unknown one."""
        ...

    async def warm(self) -> None:
        """Do what the first calls would have to wait for."""
        ...

    async def close(self) -> None:
        """Let all connections go."""
        ...


class Workshop:
    """The parts, put together. Made once for a process; `close` when no operation is left."""

    def __init__(
        self,
        config: ServerConfig,
        clock: Clock,
        platforms: PlatformSource | None = None,
        open_journal: Callable[[Path], Journal] = Journal,
    ) -> None:
        """Raises JournalError where the journal can't be opened."""
        self.config = config
        self.clock = clock
        self.platforms = platforms or Platforms(config, clock)
        self.journal = open_journal(config.journal)
        self.operations = Operations(self.journal, TargetLocks(config.journal, clock, LOCK_SECONDS), clock)

    async def effect(self, tool: WriteTool, target: str, arguments: Mapping[str, Any], operation_id: str) -> Effect:
        """The effect of one call. Raises RequestError where target, region, tool or id are not to be used."""
        check_operation_id(operation_id)
        config = self.config.target(target)
        check_tool(target, config, tool)
        if "region" in arguments:
            config.region(target, arguments["region"])
        check_arguments(arguments)
        platform = await self.platforms.get(target)
        suffix = revision_suffix(operation_id)
        match tool:
            case "restart_service":
                return RestartService(target=target, config=config, platform=platform, **arguments)
            case "scale_service":
                return ScaleService(target=target, config=config, platform=platform, suffix=suffix, **arguments)
            case "deploy_container":
                return DeployContainer(target=target, config=config, platform=platform, suffix=suffix, **arguments)
            case "rollback_revision":
                return RollbackRevision(target=target, config=config, platform=platform, suffix=suffix, **arguments)
            case "switch_traffic":
                return SwitchTraffic(target=target, config=config, platform=platform, clock=self.clock, **arguments)

    async def undo(self, undoes: str, operation_id: str) -> Effect:
        """The effect that undoes an operation. Raises RequestError where there is nothing to undo, or no way to."""
        tool, target, arguments = undoing(await self.operations.get(undoes))
        return await self.effect(tool, target, arguments, operation_id)

    async def targets(self) -> TargetList:
        """Every target, with what may still be done to it."""
        return TargetList(targets=[await self.summary(name) for name in self.config.targets])

    async def summary(self, target: str) -> TargetSummary:
        """One target, with what may still be done to it. Raises RequestError for an unknown one."""
        config = self.config.target(target)
        begun = await self.journal.writes_since(target, self.clock.now() - HOUR)
        highest = await self.journal.highest_epoch(target)
        return summarize(target, config, max(0, config.limits.writes_per_hour - begun), highest)

    async def close(self) -> None:
        """Let connections go and close the journal."""
        await self.platforms.close()
        self.journal.close()
