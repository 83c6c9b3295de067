"""How a revision that an operation makes comes up: what deploying and rolling back have in common."""

from __future__ import annotations

from dataclasses import dataclass

from overwatch_mcp.effect import Look, Start
from overwatch_mcp.platform import Platform
from overwatch_mcp.service_summary import service_facts


@dataclass(frozen=True, slots=True)
class NewRevision:
    """The revision named by `suffix`, which is to run `image`; `done` are the words for having brought it up."""

    region: str
    suffix: str
    image: str
    done: str

    async def look(self, platform: Platform, start: Start) -> Look:
        """Done when the revision, read back, has the image, serves, and its replicas are ready."""
        own = await platform.revision(self.region, self.suffix)
        state = await platform.service(self.region)
        facts = service_facts(state)
        if own is None:
            unchanged = state.revision == start.state_before["revision"]
            return Look("absent" if unchanged else "elsewhere", f"{self.region} runs {state.image} in {state.revision}", facts)
        if own.image != self.image:
            return Look("broken", f"{own.name} exists with {own.image!r}, not {self.image!r}: use another operation id", facts)
        if own.broken:
            return Look("broken", f"the platform gave {own.name} up: {own.error or own.provisioning_state}", facts)
        if state.provisioning_state == "Failed" and state.revision != own.name:
            return Look("broken", f"the platform failed to bring {own.name} up; {state.revision} serves", facts)
        wanted = max(1, state.replicas_desired)
        if state.revision == own.name and state.replicas_ready >= wanted:
            return Look("done", f"{self.done}: {state.replicas_ready} replicas are ready", facts)
        progress = f"{own.name} is {own.running_state or own.provisioning_state}, {state.revision} serves"
        return Look("under_way" if platform.drives else "partial", progress, facts)
