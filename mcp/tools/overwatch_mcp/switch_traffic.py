"""The tool that gives the regions their share of the users."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from overwatch_mcp.az_commands import in_safe_order
from overwatch_mcp.clock import Clock
from overwatch_mcp.config import TargetConfig, WriteTool
from overwatch_mcp.effect import Look, Plan, Sign, Start
from overwatch_mcp.envelope import refuse_weights
from overwatch_mcp.errors import LostError
from overwatch_mcp.models import Inverse, TrafficState
from overwatch_mcp.platform import Platform, ProbeAnswer

VISIBLE_SECONDS = 10.0
"""How long an accepted change of an origin may take to show, before the sources may be disabled."""
LOOK_SECONDS = 0.1


@dataclass(slots=True)
class SwitchTraffic:
    """Implements `Effect`. It takes the desired weights, so that doing it twice is doing it once.

    The platform's word is not success: that is N answers in a row through the public address, each from a region that may
    answer now. Whether those answers are good ones is for a verification to judge, not for the switch.
    """

    tool: ClassVar[WriteTool] = "switch_traffic"
    repeatable: ClassVar[bool] = True

    target: str
    weights: Mapping[str, int]
    config: TargetConfig
    platform: Platform
    clock: Clock
    expected_weights: Mapping[str, int] | None = None
    _answers: list[str] = field(default_factory=list)
    """The right answers in a row, as `region status`."""

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The weights."""
        return {"weights": dict(self.weights)}

    @property
    def preconditions(self) -> Mapping[str, Any]:
        """The state that the caller expects."""
        return {"expected_weights": None if self.expected_weights is None else dict(self.expected_weights)}

    @property
    def settle_seconds(self) -> float:
        """As long as the edge may take, by configuration."""
        return self.config.switch_timeout_s

    def refusal(self) -> str | None:
        """Never empty, never an unknown region."""
        if self.config.traffic is None:
            return f"{self.target!r} has no way to move traffic: set `traffic` in its configuration"
        return refuse_weights(self.config, self.weights)

    async def plan(self) -> Plan:
        """Change the origins that differ; the way back is the weights of before."""
        state = await self.platform.traffic()
        refusal = None
        if self.expected_weights is not None and dict(self.expected_weights) != state.weights:
            refusal = f"state changed since: traffic is {state.weights}, expected was {dict(self.expected_weights)}"
        return Plan(
            state_before=_facts(state),
            inverse=self._inverse(state.weights),
            command=self.platform.commands.switch(self.weights),
            summary=f"would switch traffic from {_words(state.weights)} to {_words(self.weights)}",
            refusal=refusal,
        )

    async def issue(self, start: Start) -> str | None:
        """Enable destinations first, then disable sources: there is somewhere to go at every moment."""
        del start
        state = await self.platform.traffic()
        continuation = None
        for region, weight in in_safe_order(self.weights):
            if self._has(state, region, weight):
                continue
            if not weight:
                await self._destinations_show()
            continuation = await self.platform.set_origin(region, weight) or continuation
        return continuation

    async def look(self, start: Start) -> Look:
        """Done when the weights are as wanted and the public address is answered by the right regions, N times in a row."""
        state = await self.platform.traffic()
        facts = _facts(state)
        if state.weights != dict(self.weights):
            return Look(self._sign(state, start), f"traffic is {_words(state.weights)}", facts)
        if self.config.public_url is None:
            text = f"switched traffic to {_words(self.weights)}; not checked from outside, as no public_url is configured"
            return Look("done", text, facts)
        allowed = {region for region, weight in self.weights.items() if weight}
        answer = await self.platform.probe()
        if answer.region not in allowed:
            self._answers.clear()
            return Look("under_way", f"weights are {_words(self.weights)}, but the public address is {_seen(answer)}", facts)
        self._answers.append(f"{answer.region} {answer.status}")
        needed = self.config.switch_probes
        seen = ", ".join(self._answers[-needed:])
        if len(self._answers) < needed:
            return Look("under_way", f"{len(self._answers)} of {needed} answers came from the right regions: {seen}", facts)
        return Look("done", f"switched traffic to {_words(self.weights)}; answered by {seen}", facts)

    async def _destinations_show(self) -> None:
        """Wait until the destinations are read back as enabled. Raises LostError where they don't show."""
        deadline = self.clock.monotonic() + VISIBLE_SECONDS
        while True:
            state = await self.platform.traffic()
            hidden = [region for region, weight in self.weights.items() if weight and not self._has(state, region, weight)]
            if not hidden:
                return
            if self.clock.monotonic() >= deadline:
                raise LostError(f"{hidden} were enabled, but don't show so after {VISIBLE_SECONDS:.0f} s: nothing was disabled")
            await self.clock.sleep(LOOK_SECONDS)

    def _sign(self, state: TrafficState, start: Start) -> Sign:
        before = start.state_before["origins"]
        now = _facts(state)["origins"]
        if now == before:
            return "absent"
        changed = [region for region in self.weights if now[region] != before[region]]
        return "partial" if all(self._has(state, region, self.weights[region]) for region in changed) else "elsewhere"

    def _has(self, state: TrafficState, region: str, weight: int) -> bool:
        """Whether a region's origin is set for its share already."""
        origin = next(origin for origin in state.origins if origin.region == region)
        if not weight:
            return not origin.enabled
        return origin.enabled and origin.weight == self.platform.native_weight(weight) and state.weights[region] > 0

    def _inverse(self, weights: Mapping[str, int]) -> Inverse | None:
        """The way back, where the envelope allows it: from no traffic at all there is none."""
        if refuse_weights(self.config, weights) is not None:
            return None
        return Inverse(tool=self.tool, arguments={"target": self.target, "weights": dict(weights)})


def _facts(state: TrafficState) -> dict[str, Any]:
    origins = {origin.region: {"enabled": origin.enabled, "weight": origin.weight} for origin in state.origins}
    return {"weights": dict(state.weights), "origins": origins}


def _words(weights: Mapping[str, int]) -> str:
    return ", ".join(f"{region} {weight} %" for region, weight in sorted(weights.items()))


def _seen(answer: ProbeAnswer) -> str:
    if answer.problem is not None:
        return answer.problem
    if answer.region is None:
        return f"answered with {answer.status} and no x-region header"
    return f"answered by {answer.region!r} with {answer.status}"


if __name__ == "__main__":
    from overwatch_mcp.by_hand import main

    sys.exit(main("switch_traffic"))
