"""The tool that runs another image in a region."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from overwatch_mcp.config import TargetConfig, WriteTool
from overwatch_mcp.effect import Look, Plan, Start
from overwatch_mcp.envelope import refuse_image
from overwatch_mcp.models import Inverse
from overwatch_mcp.new_revision import NewRevision
from overwatch_mcp.platform import Platform
from overwatch_mcp.service_summary import service_facts


@dataclass(slots=True)
class DeployContainer:
    """Implements `Effect`. The operation's own revision suffix tells whether it happened, and makes a repetition harmless."""

    tool: ClassVar[WriteTool] = "deploy_container"
    repeatable: ClassVar[bool] = True

    target: str
    region: str
    image: str
    suffix: str
    config: TargetConfig
    platform: Platform
    expected_image: str | None = None
    settle_seconds: float = field(default=90.0)

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The region and its image."""
        return {"region": self.region, "image": self.image}

    @property
    def preconditions(self) -> Mapping[str, Any]:
        """The state that the caller expects."""
        return {"expected_image": self.expected_image}

    def refusal(self) -> str | None:
        """Only images that the configuration allows."""
        return refuse_image(self.config, self.image)

    async def plan(self) -> Plan:
        """Replace the image that serves; the way back is to deploy it again."""
        state = await self.platform.service(self.region)
        refusal = None
        if self.expected_image not in {None, state.image}:
            refusal = f"state changed since: the image is {state.image!r}, expected was {self.expected_image!r}"
        return Plan(
            state_before=service_facts(state),
            inverse=self._inverse(state.image),
            command=self.platform.commands.deploy(self.region, self.image, self.suffix),
            summary=f"would deploy {self.image} to {self.region} in place of {state.image}",
            refusal=refusal,
        )

    async def issue(self, start: Start) -> str | None:
        """Make the revision."""
        del start
        return await self.platform.deploy(self.region, self.image, self.suffix)

    async def look(self, start: Start) -> Look:
        """Done when the revision, read back, has the image, serves, and its replicas are ready."""
        done = f"deployed {self.image} to {self.region}"
        return await NewRevision(self.region, self.suffix, self.image, done).look(self.platform, start)

    def _inverse(self, image: str | None) -> Inverse | None:
        """The way back, where the envelope allows it."""
        if image is None or refuse_image(self.config, image) is not None:
            return None
        return Inverse(tool=self.tool, arguments={"target": self.target, "region": self.region, "image": image})


if __name__ == "__main__":
    from overwatch_mcp.by_hand import main

    sys.exit(main("deploy_container"))
