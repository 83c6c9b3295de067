"""Where a replay stands: a clock that runs through the recording, can be stopped, sped up and moved. Safe in any thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Literal

SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)

Playing = Literal["playing", "paused", "ended"]


@dataclass(frozen=True, slots=True)
class Position:
    """Where it stands. `jumps` counts how often it was moved by hand: what was shown before is then out of date."""

    at: datetime
    jumps: int
    playing: Playing


class Player:
    """Runs from `since` to `until` at `speed` times the recorded pace, and stays there.

    `seconds` is a clock that only goes on, such as `time.monotonic`. `stops` are the moments that `step` goes to.
    """

    def __init__(
        self,
        since: datetime,
        until: datetime,
        stops: tuple[datetime, ...],
        *,
        speed: float,
        start: datetime,
        seconds: Callable[[], float],
    ) -> None:
        self.since, self.until = since, until
        self._stops = tuple(sorted(set(stops)))
        self._seconds = seconds
        self._lock = Lock()
        self._speed = speed
        self._runs = True
        self._jumps = 0
        self._at = self._bounded(start)
        self._from = seconds()

    @property
    def speed(self) -> float:
        """How many times faster than it was."""
        return self._speed

    @property
    def length(self) -> timedelta:
        """How long the whole recording takes at its own pace."""
        return self.until - self.since

    def now(self) -> datetime:
        """The time in the recording; what the room takes for the present."""
        return self.position().at

    def position(self) -> Position:
        """Where it stands now."""
        with self._lock:
            at = self._now()
            ended = at >= self.until
            return Position(at, self._jumps, "ended" if ended else "playing" if self._runs else "paused")

    def toggle(self) -> Playing:
        """Stop, or go on; from the end, play again from the start."""
        with self._lock:
            if self._now() >= self.until:
                self._move(self.since)
                self._runs = True
            else:
                self._anchor()
                self._runs = not self._runs
            return "playing" if self._runs else "paused"

    def change_speed(self, steps: int) -> float:
        """The next speed of the list, so many steps faster (or slower, below 0)."""
        with self._lock:
            self._anchor()
            near = min(range(len(SPEEDS)), key=lambda n: abs(SPEEDS[n] - self._speed))
            self._speed = SPEEDS[max(0, min(len(SPEEDS) - 1, near + steps))]
            return self._speed

    def seek(self, by: timedelta) -> datetime:
        """Move by so much of the recorded time."""
        with self._lock:
            self._move(self._now() + by)
            return self._at

    def step(self, direction: int) -> datetime:
        """Move to the next event, or to the one before this moment where `direction` is below 0."""
        with self._lock:
            now = self._now()
            if direction > 0:
                aim = next((stop for stop in self._stops if stop > now), self.until)
            else:
                near = now - timedelta(seconds=0.5 * self._speed if self._runs else 0)
                aim = next((stop for stop in reversed(self._stops) if stop < near), self.since)
            self._move(aim)
            return self._at

    def _now(self) -> datetime:
        if not self._runs:
            return self._at
        return self._bounded(self._at + timedelta(seconds=(self._seconds() - self._from) * self._speed))

    def _anchor(self) -> None:
        self._at, self._from = self._now(), self._seconds()

    def _move(self, at: datetime) -> None:
        self._at, self._from = self._bounded(at), self._seconds()
        self._jumps += 1

    def _bounded(self, at: datetime) -> datetime:
        return max(self.since, min(self.until, at))
