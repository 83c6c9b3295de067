"""The tool that starts a region's replicas anew."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from overwatch_mcp.config import TargetConfig, WriteTool
from overwatch_mcp.effect import Look, Plan, Start
from overwatch_mcp.models import Replica, ServiceState
from overwatch_mcp.platform import Platform
from overwatch_mcp.service_summary import service_facts


@dataclass(slots=True)
class RestartService:
    """Implements `Effect`. A restart can't be repeated unnoticed: it is issued again only if it certainly was not before."""

    tool: ClassVar[WriteTool] = "restart_service"
    repeatable: ClassVar[bool] = False

    target: str
    region: str
    config: TargetConfig
    platform: Platform
    expected_revision: str | None = None
    settle_seconds: float = field(default=60.0)

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The region."""
        return {"region": self.region}

    @property
    def preconditions(self) -> Mapping[str, Any]:
        """The state that the caller expects."""
        return {"expected_revision": self.expected_revision}

    def refusal(self) -> str | None:
        """Nothing is refused beforehand."""
        return None

    async def plan(self) -> Plan:
        """Restart the revision that serves; there is no way back, and none is needed."""
        state = await self.platform.service(self.region)
        refusal = None
        if state.revision is None:
            refusal = f"{self.region} of {self.target!r} has no revision to restart"
        elif self.expected_revision not in {None, state.revision}:
            refusal = f"state changed since: the revision is {state.revision!r}, expected was {self.expected_revision!r}"
        return Plan(
            state_before=service_facts(state),
            inverse=None,
            command=self.platform.commands.restart(self.region, state.revision or ""),
            summary=f"would restart the {len(state.replicas)} replicas of {state.revision} in {self.region}",
            refusal=refusal,
        )

    async def issue(self, start: Start) -> str | None:
        """Restart the revision that the plan saw; where a try was broken off, only what is left of it."""
        revision = start.state_before["revision"]
        if self.platform.drives:
            return await self.platform.restart(self.region, revision)
        state = await self.platform.service(self.region)
        anew = [replica.name for replica in state.replicas if _is_fresh(replica, start.state_before)]
        return await self.platform.restart(self.region, revision, anew)

    async def look(self, start: Start) -> Look:
        """Done when every replica is newer than the one before it, and ready."""
        state = await self.platform.service(self.region)
        facts = service_facts(state)
        before = start.state_before
        if state.revision != before["revision"]:
            return Look("elsewhere", f"{self.region} runs {state.revision} now, not {before['revision']}", facts)
        fresh = [replica for replica in state.replicas if _is_fresh(replica, before)]
        ready = sum(replica.ready for replica in fresh)
        wanted = max(1, state.replicas_desired)
        progress = f"{len(fresh)} of {len(state.replicas)} replicas of {self.region} are new, {ready} of them ready"
        if len(fresh) == len(state.replicas) >= wanted and ready == len(fresh) and state.running_state != "Processing":
            return Look("done", f"restarted {state.revision} in {self.region}: {ready} replicas are new and ready", facts)
        under_way = bool(fresh) or _vanished(state, before) or state.running_state == "Processing"
        if not under_way:
            return Look("absent", progress, facts)
        return Look("under_way" if self.platform.drives else "partial", progress, facts)


def _is_fresh(replica: Replica, before: Mapping[str, Any]) -> bool:
    """Whether a replica was started after the state before: another one, or the same one started again.

    It is compared with the platform's own earlier word, not with our clock, which may differ from the platform's.
    """
    for old in before["replicas"]:
        if old["name"] == replica.name:
            created = replica.created_at.isoformat() if replica.created_at else None
            return bool(created != old["created_at"] or replica.restart_count > old["restart_count"])
    return True


def _vanished(state: ServiceState, before: Mapping[str, Any]) -> bool:
    return not {old["name"] for old in before["replicas"]} <= {replica.name for replica in state.replicas}


if __name__ == "__main__":
    from overwatch_mcp.by_hand import main

    sys.exit(main("restart_service"))
