"""Says how the swarm stands, and how far its numbers came true, for as long as it runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from agents.calibration import calibrate
from agents.clock_watch import ClockWatch
from agents.durable.errors import DurableError
from agents.durable.keeper import JournalKeeper
from agents.durable.standing import Automation
from agents.durable.store import Store
from agents.durable.watch import LogWatch
from agents.heartbeat import Heartbeats
from agents.policy_settings import PolicySettings
from agents.seams import Clock
from agents.settings import TargetSettings
from agents.telemetry import SwarmState
from agents.toolbox import McpTools
from agents.windows import held

STATE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Watches:
    """Who knows of something that is wrong."""

    log: LogWatch
    journal: JournalKeeper
    times: ClockWatch
    tools: McpTools
    outside: Callable[[], str]
    """What is wrong with the targets and their tools; empty while nothing is."""
    waiting: Callable[[], str]
    """What has waited long, and why; empty while nothing has."""

    def problem(self) -> str:
        """The gravest of what is wrong, with its remedy; empty while nothing is."""
        unsteady, parked = self.times.why(), self.log.standing.parked
        what = "1 delivery is" if parked == 1 else f"{parked} deliveries are"
        stuck = f"{what} parked: overwatch-tui doctor" if parked else ""
        wrong = self.log.problem or self.journal.problem or unsteady or stuck or self.outside() or self.tools.problem
        return wrong or self.waiting()


class Announcer:
    """Tells whoever listens. `targets` is looked at anew with each turn: they are found only once the swarm runs."""

    def __init__(
        self,
        watches: Watches,
        policy: PolicySettings,
        reasoning: str,
        targets: Mapping[str, TargetSettings],
        beats: Heartbeats,
        clock: Clock,
    ) -> None:
        self._watches = watches
        self._policy = policy
        self._reasoning = reasoning
        self._targets = targets
        self._beats = beats
        self._clock = clock

    async def tell_state(self) -> NoReturn:
        """Say once a second how the swarm stands, and which agent is silent, until cancelled."""
        while True:
            await self._watches.log.look()
            automation, problem = self._watches.log.standing.automation, self._watches.problem()
            self._beats.turn(STATE_SECONDS)
            self._beats.publish(self._state(automation, problem))
            await self._clock.sleep(STATE_SECONDS)

    def _state(self, automation: Automation, problem: str) -> SwarmState:
        now = self._clock.now()
        return SwarmState(
            at=now,
            automation="paused" if automation.paused else "armed",
            reasoning=self._reasoning,
            bus="embedded",
            threshold=self._policy.threshold,
            problem=problem,
            paused_by=automation.by if automation.paused else "",
            paused_reason=automation.reason if automation.paused else "",
            paused_at=automation.at if automation.paused else None,
            held=held(self._policy.windows, self._targets, now),
        )

    async def tell_calibration(self, store: Store) -> NoReturn:
        """Say how far the numbers came true, whenever there is an outcome or a target more, until cancelled."""
        told = (-1, -1)
        while True:
            with contextlib.suppress(DurableError):  # what is wrong with the log is said by `LogWatch`
                told = await self._calibrated(store, told)
            await self._clock.sleep(STATE_SECONDS)

    async def _calibrated(self, store: Store, told: tuple[int, int]) -> tuple[int, int]:
        policy, known = self._policy, (await store.outcome_count(), len(self._targets))
        if known != told:
            measured = await asyncio.to_thread(
                calibrate,
                await store.outcomes(),
                now=self._clock.now(),
                threshold=policy.threshold,
                min_outcomes=policy.min_outcomes,
                demos={name for name, target in self._targets.items() if target.simulated},
                targets=frozenset(self._targets),
            )
            self._beats.publish(measured)
        return known
