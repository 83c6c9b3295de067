"""Follows a swarm through its telemetry, and lets a drill wait for what it should come to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from agents.events import (
    ActionFinished,
    ApprovalRequested,
    Event,
    IncidentDiagnosed,
    IncidentEscalated,
    IncidentOpened,
    IncidentResolved,
    StrategyApproved,
    StrategyProposed,
    VerificationFailed,
    VerificationPassed,
)
from agents.facts import Strategy
from agents.scores import Calibration
from agents.telemetry import RegionSample, SwarmState, Telemetric, UsersSample

STEADY_LOOKS = 5


@dataclass
class Seen:
    """Everything of a drill that its report is made of; times are loop times, in seconds."""

    opened: list[tuple[float, Event]] = field(default_factory=list)
    diagnosed: list[str] = field(default_factory=list)
    plans: dict[str, Strategy] = field(default_factory=dict)
    finished: list[ActionFinished] = field(default_factory=list)
    decided_by: list[str] = field(default_factory=list)
    verified: bool = False
    escalated: bool = False
    resolved: set[str] = field(default_factory=set)


class Watcher:
    """Implements `Telemetry` for a drill; everything runs in the swarm's loop."""

    def __init__(self, answer: Callable[[ApprovalRequested], None], progress: Callable[[str], None]) -> None:
        self.seen = Seen()
        self.calibration: Calibration | None = None
        """What all outcomes of this home say of the numbers, the newest."""
        self.judged = 0
        """How many recoveries were verified, or failed to be, since the start."""
        self._answer = answer
        self._progress = progress
        self._steady: dict[str, int] = {}
        self._traffic: dict[str, int | None] = {}
        self._armed = False
        self._problem = ""
        self._changed = asyncio.Event()

    def publish(self, item: Telemetric) -> None:
        """Take one item; called from the swarm's thread, which may be the database's."""
        self._loop.call_soon_threadsafe(self._take, item)

    def start(self) -> None:
        """Bind to the running loop."""
        self._loop = asyncio.get_running_loop()

    async def until(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Whether `holds` comes true within `seconds`."""
        deadline = self._loop.time() + seconds
        while not holds():
            left = deadline - self._loop.time()
            if left <= 0:
                return False
            self._changed.clear()
            changed = asyncio.ensure_future(self._changed.wait())  # not wait_for: it may swallow a cancellation in 3.11
            try:
                await asyncio.wait({changed}, timeout=left)
            finally:
                changed.cancel()
        return True

    def steady(self, regions: int) -> bool:
        """Whether every region and the users have looked well for a while, the tools answer and automation is armed."""
        well = [key for key, looks in self._steady.items() if looks >= STEADY_LOOKS]
        return len(well) == regions + 1 and None not in self._traffic.values() and self._armed and not self._problem

    @property
    def busiest(self) -> str | None:
        """The region that has the most users, where somebody knows."""
        known = {region: share for region, share in self._traffic.items() if share is not None}
        return max(known, key=lambda region: known[region], default=None)

    def has_users(self, region: str) -> bool:
        """Whether users are sent to a region, or nobody knows."""
        return self._traffic.get(region) != 0

    @property
    def unsteady(self) -> str:
        """What is missing, for an error message."""
        return f"looks in a row without fault: {self._steady}, traffic: {self._traffic}, armed: {self._armed}, {self._problem}"

    @property
    def paused(self) -> bool:
        """Whether automation was seen paused."""
        return not self._armed

    def _take(self, item: Telemetric) -> None:
        match item:
            case RegionSample():
                self._traffic[item.region] = item.traffic
                self._count(item.region, well=item.state == "ok")
            case UsersSample():
                self._count("users", well=item.state == "ok")
            case SwarmState():
                self._armed, self._problem = item.automation == "armed", item.problem
            case Calibration():
                self.calibration = item
            case Event():
                self._event(item)
            case _:
                return
        self._changed.set()

    def _count(self, key: str, *, well: bool) -> None:
        self._steady[key] = self._steady.get(key, 0) + 1 if well else 0

    def _event(self, event: Event) -> None:
        from overwatch_tui.describe import describe  # noqa: PLC0415 - only when something happens

        seen, data = self.seen, event.data
        self._progress(f"{event.incident:<7} {event.source:<18} {describe(event)}")
        match data:
            case IncidentOpened():
                seen.opened.append((self._loop.time(), event))
            case IncidentDiagnosed():
                seen.diagnosed.append(data.diagnosis.fault_class)
            case StrategyProposed():
                seen.plans[data.strategy.id] = data.strategy
            case ApprovalRequested():
                self._answer(data)
            case StrategyApproved():
                seen.decided_by.append(data.by)
            case ActionFinished():
                seen.finished.append(data)
            case VerificationPassed():
                seen.verified = True
                self.judged += 1
            case VerificationFailed():
                self.judged += 1
            case IncidentEscalated():
                seen.escalated = True
            case IncidentResolved():
                seen.resolved.add(event.incident)
            case _:
                pass
