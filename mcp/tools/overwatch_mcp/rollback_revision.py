"""The tool that goes back to an earlier revision: its image and its settings, as they were."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from overwatch_mcp.config import TargetConfig, WriteTool
from overwatch_mcp.effect import Look, Plan, Start
from overwatch_mcp.envelope import refuse_image
from overwatch_mcp.models import Inverse, Revision, ServiceState
from overwatch_mcp.new_revision import NewRevision
from overwatch_mcp.platform import Platform
from overwatch_mcp.service_summary import service_facts


@dataclass(slots=True)
class RollbackRevision:
    """Implements `Effect`. A copy of the earlier revision is brought up beside the one that serves.

    Which revision that is, is decided once, before anything is done, and stands in the journal: a repetition after a crash goes
    to the same one, whatever has been added since.
    """

    tool: ClassVar[WriteTool] = "rollback_revision"
    repeatable: ClassVar[bool] = True

    target: str
    region: str
    suffix: str
    config: TargetConfig
    platform: Platform
    revision: str | None = None
    expected_revision: str | None = None
    settle_seconds: float = field(default=90.0)

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The region, and the revision where one is named."""
        return {"region": self.region, "revision": self.revision}

    @property
    def preconditions(self) -> Mapping[str, Any]:
        """The state that the caller expects."""
        return {"expected_revision": self.expected_revision}

    def refusal(self) -> str | None:
        """Nothing is refused beforehand: which image it is shows only in the plan."""
        return None

    async def plan(self) -> Plan:
        """Find the revision to go back to; the way back from there is a copy of the one that serves now."""
        state = await self.platform.service(self.region)
        remembered = await self.platform.revisions(self.region)
        found = _named(remembered, self.revision) if self.revision else _previous(remembered, state)
        refusal = self._refusal(state, found)
        name = found.name if found else self.revision or ""
        image = found.image if found else None
        return Plan(
            state_before={**service_facts(state), "back_to": name, "back_to_image": image},
            inverse=self._inverse(state),
            command=self.platform.commands.copy(self.region, name, self.suffix) if found else "",
            summary=f"would roll {self.region} back from {state.revision} ({state.image}) to {name} ({image})",
            refusal=refusal,
        )

    async def issue(self, start: Start) -> str | None:
        """Make the copy."""
        return await self.platform.copy(self.region, start.state_before["back_to"], self.suffix)

    async def look(self, start: Start) -> Look:
        """Done when the copy serves and its replicas are ready."""
        back_to, image = start.state_before["back_to"], start.state_before["back_to_image"]
        done = f"rolled {self.region} back to {back_to} ({image})"
        return await NewRevision(self.region, self.suffix, image, done).look(self.platform, start)

    def _refusal(self, state: ServiceState, found: Revision | None) -> str | None:
        if self.expected_revision not in {None, state.revision}:
            return f"state changed since: the revision is {state.revision!r}, expected was {self.expected_revision!r}"
        if found is None and self.revision is None:
            return f"{self.region} of {self.target!r} has no earlier revision with another image: name one with `revision`"
        if found is None:
            return f"{self.revision!r} is no revision of {self.region}: see list_revisions"
        if found.name == state.revision:
            return f"{found.name!r} serves already"
        if found.image is None:
            return f"{found.name!r} has no image that could be read"
        return refuse_image(self.config, found.image)

    def _inverse(self, state: ServiceState) -> Inverse | None:
        """The way back, where the envelope allows it."""
        if state.revision is None or state.image is None or refuse_image(self.config, state.image) is not None:
            return None
        return Inverse(tool=self.tool, arguments={"target": self.target, "region": self.region, "revision": state.revision})


def _named(remembered: Sequence[Revision], name: str) -> Revision | None:
    return next((one for one in remembered if one.name == name), None)


def _previous(remembered: Sequence[Revision], state: ServiceState) -> Revision | None:
    """The newest one before the present one that came up and has another image; changes of scale make revisions too."""
    names = [one.name for one in remembered]
    older = remembered[names.index(state.revision) + 1 :] if state.revision in names else ()
    return next((one for one in older if one.image not in {None, state.image} and not _failed(one)), None)


def _failed(revision: Revision) -> bool:
    return bool(revision.error) or revision.provisioning_state == "Failed"


if __name__ == "__main__":
    from overwatch_mcp.by_hand import main

    sys.exit(main("rollback_revision"))
