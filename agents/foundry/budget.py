"""What a model may cost, and when it is left alone: token budgets and a breaker, both asked before a call."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

FAILURES = 3
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=10)


class ModelAwayError(Exception):
    """The model is not asked, or gave no usable answer; the embedded reasoner goes on. The text says why."""


@dataclass(slots=True)
class Budget:
    """Tokens spent, per incident and per day (UTC)."""

    per_incident: int
    per_day: int
    _incidents: dict[str, int] = field(default_factory=dict)
    _day: date | None = None
    _today: int = 0

    def check(self, incident: str, now: datetime) -> None:
        """Raises ModelAwayError where a budget is spent."""
        if self._day != now.date():
            self._day, self._today = now.date(), 0
        if self._today >= self.per_day:
            raise ModelAwayError(f"the day's budget of {self.per_day} tokens is spent")
        if self._incidents.get(incident, 0) >= self.per_incident:
            raise ModelAwayError(f"the incident's budget of {self.per_incident} tokens is spent")

    def spend(self, incident: str, tokens: int) -> None:
        """Count what an answer cost."""
        self._today += tokens
        self._incidents[incident] = self._incidents.get(incident, 0) + tokens


@dataclass(slots=True)
class Breaker:
    """Opens after three failures in a row, for 30 s, then twice as long each time, up to ten minutes."""

    _failures: int = 0
    _pause: timedelta = FIRST_PAUSE
    _open_until: datetime | None = None

    def check(self, now: datetime) -> None:
        """Raises ModelAwayError while it is open."""
        if self._open_until is not None and now < self._open_until:
            raise ModelAwayError(f"the model failed {self._failures} times and is left alone until {self._open_until:%H:%M:%S}")

    def failed(self, now: datetime) -> None:
        """Count a failure."""
        self._failures += 1
        if self._failures >= FAILURES:
            self._open_until = now + self._pause
            self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def worked(self) -> None:
        """Forget the failures."""
        self._failures, self._pause, self._open_until = 0, FIRST_PAUSE, None
