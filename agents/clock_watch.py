"""Notices that the wall clock was set (NTP, a resumed machine, a person): what was measured in its time is in doubt for a while.

The wall clock is compared with one that is never set. Every age that the swarm reckons with (a plan's, a hold-down's, an hour's
budget, a request's time) is the difference of two readings of the wall clock, so that a jump makes all of them wrong at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from agents.facts import Call
from agents.seams import CallResult, Clock, Effects, Refuse, RetryLaterError

T = TypeVar("T")

TOLERANCE = timedelta(seconds=2)
"""What is adjusted in less than that between two looks is no jump: no limit of the swarm is that fine."""
LOOK_SECONDS = 0.5
SETTLE = timedelta(seconds=15)
"""After a jump nothing is carried out for so long: everything is looked at anew first, and a wrong clock may come back."""
LONGEST_DOUBT = timedelta(hours=1)


class ClockJumpedError(RetryLaterError):
    """The clock was set while something was measured: it is measured anew."""

    def __init__(self) -> None:
        super().__init__("the clock was set meanwhile: it is looked at anew", 1.0, counted=False)


@dataclass(frozen=True, slots=True)
class Doubt:
    """A jump that is not over. `by` is how far the clock is from where it was, `left` how long nothing is automatic yet."""

    at: datetime
    by: timedelta
    left: timedelta

    def __str__(self) -> str:
        """For a person: what happened, what it means, and the remedy."""
        minutes = max(1, round(self.left / timedelta(minutes=1)))
        way = "forward by" if self.by > timedelta() else "back by" if self.by else "and set right again, by"
        return (
            f"the clock was set {way} {abs(self.by)} at {self.at:%H:%M:%S}Z: "
            f"nothing is automatic for {minutes} min; is the time right (timedatectl)?"
        ).replace(", by 0:00:00", "")


class ClockWatch:
    """Compares `clock` with `monotonic` at each look. `hold_s` is the longest hold-down that a jump must not end early."""

    def __init__(self, clock: Clock, hold_s: float = 0, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._hold = timedelta(seconds=hold_s)
        self._offset = self._read()
        self._away = timedelta()
        self._at = clock.now()
        self._settled_at = self._sure_at = timedelta(seconds=monotonic())
        self._jumped = asyncio.Event()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> bool:
        """Compare; whether the clock was set since the last look."""
        offset = self._read()
        moved, self._offset = offset - self._offset, offset
        if abs(moved) < TOLERANCE:
            return False
        now = timedelta(seconds=self._monotonic())
        self._away += moved
        self._at = self._clock.now()
        self._settled_at = now + SETTLE
        back = abs(self._away) < TOLERANCE
        self._sure_at = now + (SETTLE if back else max(SETTLE, self._hold, min(abs(self._away), LONGEST_DOUBT)))
        self._jumped.set()
        self._jumped = asyncio.Event()
        return True

    def doubt(self) -> Doubt | None:
        """Why nothing is automatic now; None where the clock is trusted."""
        self.look()
        return self._doubt(timedelta(seconds=self._monotonic()))

    def why(self) -> str:
        """The doubt in words; empty where there is none."""
        doubt = self.doubt()
        return "" if doubt is None else str(doubt)

    def settling(self) -> Doubt | None:
        """Why nothing at all is carried out now; None where enough was looked at since."""
        doubt = self.doubt()
        return doubt if timedelta(seconds=self._monotonic()) < self._settled_at else None

    async def unless_jumped(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` comes to; raises ClockJumpedError where the clock is set before it is done, which ends it."""
        jumped = self._jumped
        doing = asyncio.ensure_future(work)
        waiting = asyncio.create_task(jumped.wait())
        try:
            await asyncio.wait({doing, waiting}, return_when=asyncio.FIRST_COMPLETED)
            self.look()
            if jumped.is_set():
                raise ClockJumpedError
            return doing.result()
        finally:
            for task in (doing, waiting):
                task.cancel()
            await asyncio.gather(doing, waiting, return_exceptions=True)

    def _doubt(self, now: timedelta) -> Doubt | None:
        if now >= self._sure_at:
            self._away = timedelta()
            return None
        return Doubt(self._at, timedelta(seconds=round(self._away.total_seconds())), self._sure_at - now)

    def _read(self) -> timedelta:
        return timedelta(seconds=self._clock.now().timestamp() - self._monotonic())


class Steadied:
    """Implements `seams.Effects` over another: right after the clock was set nothing is begun."""

    def __init__(self, effects: Effects, watch: ClockWatch) -> None:
        self._effects = effects
        self._watch = watch

    async def execute(
        self, call: Call, *, operation: str, incident: str, inverse: Call | None, holder: str, refuse: Refuse
    ) -> CallResult:
        """As the other does. Raises RetryLaterError while it is not known what time it is."""

        async def steadied() -> str | None:
            if (doubt := self._watch.settling()) is not None:
                raise RetryLaterError(str(doubt), 1.0, counted=False)
            return await refuse()

        return await self._effects.execute(
            call, operation=operation, incident=incident, inverse=inverse, holder=holder, refuse=steadied
        )
