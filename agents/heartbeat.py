"""Watches the watchers: an agent of which nothing is heard any more is said to be down, on the screen and to whoever asks.

Nothing here asks an agent. Each says what it does as a matter of course; what is missed is its word.
"""

from __future__ import annotations

from dataclasses import replace

from agents.events import AGENTS
from agents.seams import Clock
from agents.telemetry import AgentState, Telemetric, Telemetry

THINKING_S = 600.0
"""How long one answer of an agent that calls no tool may take, a model's slowest ladder of tries included."""
THINKERS = frozenset({"Diagnostician", "Strategist", "Orchestrator"})
REMEDY = "end the swarm and start it again; `overwatch-tui doctor` says more"


class Heartbeats:
    """Passes telemetry on, and counts the turns in which nothing came. Implements `agents.telemetry.Telemetry`.

    Counted in turns and not by the clock: one that is set neither hides a silence nor makes one up.
    """

    def __init__(self, telemetry: Telemetry, clock: Clock) -> None:
        self._telemetry = telemetry
        self._clock = clock
        self._limits: dict[str, float] = {}
        self._silent: dict[str, float] = dict.fromkeys(AGENTS, 0.0)
        self._last: dict[str, AgentState] = {}

    def publish(self, item: Telemetric) -> None:
        """Pass an item on; an agent's word ends its silence."""
        if isinstance(item, AgentState):
            self._silent[item.agent] = 0.0
            self._last[item.agent] = item
        self._telemetry.publish(item)

    def expect(self, agent: str, limit_s: float) -> None:
        """From now on, `agent` is to be heard at least every `limit_s` seconds."""
        self._limits[agent] = limit_s
        self._silent[agent] = 0.0

    def turn(self, seconds: float) -> None:
        """So many seconds have passed: say who is overdue."""
        for agent in AGENTS:
            self._silent[agent] += seconds
            if problem := self._problem(agent, self._silent[agent]):
                said = self._last.get(agent) or AgentState(agent, "down", self._clock.now())
                self._telemetry.publish(replace(said, state="down", at=self._clock.now(), detail=f"{problem}: {REMEDY}"))

    def _problem(self, agent: str, silent_s: float) -> str:
        limit, last = self._limits.get(agent), self._last.get(agent)
        if limit is not None and silent_s > limit:
            return f"no word from {agent} for {silent_s:.0f} s"
        if agent in THINKERS and last is not None and last.state == "working" and silent_s > THINKING_S:
            return f"{agent} has not finished for {silent_s:.0f} s with {last.detail or 'what it began'}"
        return ""
