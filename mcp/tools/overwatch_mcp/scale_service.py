"""The tool that changes how many replicas a region has at least."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from overwatch_mcp.config import TargetConfig, WriteTool
from overwatch_mcp.effect import Look, Plan, Start
from overwatch_mcp.envelope import refuse_replicas
from overwatch_mcp.models import Inverse
from overwatch_mcp.platform import Platform
from overwatch_mcp.service_summary import service_facts


@dataclass(slots=True)
class ScaleService:
    """Implements `Effect`. The operation's own revision suffix makes a repetition harmless."""

    tool: ClassVar[WriteTool] = "scale_service"
    repeatable: ClassVar[bool] = True

    target: str
    region: str
    replicas: int
    suffix: str
    config: TargetConfig
    platform: Platform
    expected_replicas: int | None = None
    settle_seconds: float = field(default=60.0)

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The region and its replicas."""
        return {"region": self.region, "replicas": self.replicas}

    @property
    def preconditions(self) -> Mapping[str, Any]:
        """The state that the caller expects."""
        return {"expected_replicas": self.expected_replicas}

    def refusal(self) -> str | None:
        """Never none, never more than allowed."""
        return refuse_replicas(self.config, self.replicas)

    async def plan(self) -> Plan:
        """Raise or lower the lower bound; the upper bound only ever makes room for it."""
        state = await self.platform.service(self.region)
        minimum, maximum = await self.platform.replica_bounds(self.region)
        refusal = None
        if self.expected_replicas not in {None, minimum}:
            refusal = f"state changed since: {minimum} replicas are asked for, expected were {self.expected_replicas}"
        upper = max(self.replicas, maximum)
        satisfied = minimum == self.replicas == state.replicas_ready == len(state.replicas)
        what = f"{self.region} from {minimum} to {self.replicas} replicas"
        return Plan(
            state_before={**service_facts(state), "replicas_maximum": maximum},
            inverse=self._inverse(minimum),
            command=self.platform.commands.scale(self.region, self.replicas, upper, self.suffix),
            summary=f"{self.region} has its {minimum} replicas already" if satisfied else f"would scale {what}",
            refusal=refusal,
            satisfied=satisfied,
        )

    async def issue(self, start: Start) -> str | None:
        """Make the revision with the new bounds."""
        upper = max(self.replicas, start.state_before["replicas_maximum"])
        return await self.platform.scale(self.region, self.replicas, upper, self.suffix)

    async def look(self, start: Start) -> Look:
        """Done when as many replicas as wanted are ready; more are only with room to scale by load."""
        state = await self.platform.service(self.region)
        own = await self.platform.revision(self.region, self.suffix)
        facts = service_facts(state)
        progress = f"{state.replicas_ready} of {self.replicas} replicas of {self.region} are ready"
        if own is not None and own.broken:
            return Look("broken", f"the platform gave {own.name} up: {own.error or own.provisioning_state}", facts)
        if own is not None and state.revision != own.name:
            return Look(
                "under_way", f"{own.name} is {own.running_state or own.provisioning_state}, {state.revision} serves", facts
            )
        if own is not None and not self.platform.drives and state.replicas_desired != self.replicas:
            return Look("partial", progress, facts)
        if state.replicas_desired != self.replicas:
            unchanged = own is None and state.replicas_desired == start.state_before["replicas_desired"]
            return Look(
                "absent" if unchanged else "elsewhere", f"{self.region} is asked for {state.replicas_desired} replicas", facts
            )
        ready = state.replicas_ready
        if ready == self.replicas == len(state.replicas) or (own is not None and ready > self.replicas):
            return Look("done", f"scaled {self.region} to {self.replicas}: {ready} replicas are ready", facts)
        if own is None and start.state_before["replicas_desired"] == self.replicas:
            return Look("absent", progress, facts)
        return Look("under_way" if own is None or self.platform.drives else "partial", progress, facts)

    def _inverse(self, minimum: int) -> Inverse | None:
        """The way back, where the envelope allows it: from 0 replicas there is none."""
        if refuse_replicas(self.config, minimum) is not None:
            return None
        return Inverse(tool=self.tool, arguments={"target": self.target, "region": self.region, "replicas": minimum})


if __name__ == "__main__":
    from overwatch_mcp.by_hand import main

    sys.exit(main("scale_service"))
