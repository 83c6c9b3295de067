"""Freezes and maintenance windows: which of them holds for a target at a moment, and until when.

Weekly windows are told in local wall-clock time of their zone. Where a change of the clocks makes a time of day happen twice, or
not at all, the window is the longer of the two readings: it begins at the earlier one and ends at the later one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from agents.policy_settings import DAYS, PolicyWindow


@dataclass(frozen=True, slots=True)
class Active:
    """A window that holds now, and the moment (UTC) at which it ends."""

    window: PolicyWindow
    until: datetime

    def describe(self) -> str:
        """One line for people, such as `freeze 'Christmas' until 2026-12-27 06:00 UTC`."""
        return f"{self.window.kind} {self.window.name!r} until {self.until:%Y-%m-%d %H:%M} UTC"


def active(windows: Sequence[PolicyWindow], target: str, now: datetime) -> Active | None:
    """The window that holds for `target` at `now` (aware), the one that ends last where several do; None where none does."""
    return max(all_active(windows, target, now), key=lambda found: found.until, default=None)


def all_active(windows: Sequence[PolicyWindow], target: str, now: datetime) -> tuple[Active, ...]:
    """Every window that holds for `target` at `now` (aware)."""
    mine = (window for window in windows if not window.targets or target in window.targets)
    ends = ((window, _end(window, now)) for window in mine)
    return tuple(Active(window, end) for window, end in ends if end is not None)


def held(windows: Sequence[PolicyWindow], targets: Iterable[str], now: datetime) -> str:
    """What holds for any of `targets` at `now`, in words; empty where nothing does."""
    told: dict[str, list[str]] = {}
    for target in targets:
        for found in all_active(windows, target, now):
            told.setdefault(found.describe(), []).append(target)
    return "; ".join(f"{', '.join(names)}: {words}" for words, names in told.items())


def _end(window: PolicyWindow, now: datetime) -> datetime | None:
    """When the window ends that holds at `now`; None where it does not hold."""
    spans = _spans(window, now)
    return max((end for begin, end in spans if begin <= now < end), default=None)


def _spans(window: PolicyWindow, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The begin and end, in UTC, of every occurrence that could hold at `now`."""
    if window.begins is not None and window.ends is not None:
        yield window.begins.astimezone(UTC), window.ends.astimezone(UTC)
    if window.start is None or window.end is None:
        return
    zone = ZoneInfo(window.zone)
    today = now.astimezone(zone).date()
    for offset in range(-2, 3):
        day = today + timedelta(days=offset)
        if window.days and DAYS[day.weekday()] not in window.days:
            continue
        last = day if window.end > window.start else day + timedelta(days=1)
        yield min(_readings(day, window.start, zone)), max(_readings(last, window.end, zone))


def _readings(day: date, at: time, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The moments, in UTC, that a wall-clock time can stand for; the same one twice where no clock is changed."""
    wall = datetime.combine(day, at, tzinfo=zone)
    return wall.replace(fold=0).astimezone(UTC), wall.replace(fold=1).astimezone(UTC)
