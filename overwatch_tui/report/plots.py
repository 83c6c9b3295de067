"""What the plots of a report show: panels that share one axis of time, with the moments of the incident across all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from agents.durable.casefile import CaseFile
from agents.telemetry import RegionSample
from overwatch_tui.report.measured import USERS, Look, series
from overwatch_tui.report.times import Moments
from overwatch_tui.state import format as fmt

POINTS = 400
"""Points of one line; of more, the lowest and the highest of each stretch are drawn."""

GAP = timedelta(seconds=10)
"""Between two looks further apart than this, and than the looks usually are, nothing is known and no line is drawn."""

SHORTEST, LONGEST_BEFORE, LONGEST_AFTER = timedelta(seconds=20), timedelta(seconds=120), timedelta(seconds=60)
"""How much is shown around the incident: half of its length, within these bounds."""

Point = tuple[float, float]
"""Seconds since the start of the axis, and a value."""


@dataclass(frozen=True, slots=True)
class Series:
    """One line. `style` is its number among the regions, -1 for users; `runs` are its pieces between gaps."""

    name: str
    style: int
    runs: tuple[tuple[Point, ...], ...]


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines over one scale from 0 to `top`. `steps` draws values that hold until they change."""

    title: str
    series: tuple[Series, ...]
    top: float
    shown: Callable[[float], str]
    steps: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """All panels. `since` is the start of the axis, `seconds` its length; `marks` and `band` are in seconds since its start."""

    since: datetime
    seconds: float
    panels: tuple[Panel, ...]
    marks: tuple[tuple[str, float], ...]
    band: tuple[float, float] | None


def picture(case: CaseFile, when: Moments) -> Picture | None:
    """The plots of an incident; None where nothing was recorded."""
    found = series(case)
    looks = [look.at for group in found.values() for look in group]
    if not looks:
        return None
    end = when.ended or max(looks)
    half = (end - when.began) / 2
    since = max(min(looks), when.began - max(SHORTEST, min(half, LONGEST_BEFORE)))
    until = max(end, min(max(looks), end + max(SHORTEST, min(half, LONGEST_AFTER)))) + timedelta(seconds=1)
    shown = {name: [look for look in group if since <= look.at <= until] for name, group in found.items()}
    panels = [panel for wanted in _WANTED if (panel := _panel(wanted, shown, since)) is not None]
    return Picture(
        since=since,
        seconds=(until - since).total_seconds(),
        panels=tuple(panels),
        marks=tuple((name, (at - since).total_seconds()) for name, at in when.marks if since <= at <= until),
        band=_band(when, since, until),
    )


def ceiling(value: float) -> float:
    """The next round number: 1, 2, 2.5 or 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value * 0.999)


@dataclass(frozen=True, slots=True)
class _Wanted:
    title: str
    users: bool
    value: Callable[[Look], float | None]
    least: float
    most: float | None
    shown: Callable[[float], str]
    steps: bool = False


def _percent(value: float) -> str:
    return f"{value:g} %"


def _of_region(value: Callable[[RegionSample], float | None]) -> Callable[[Look], float | None]:
    return lambda look: value(look) if isinstance(look, RegionSample) else None


def _hundredfold(rate: float | None) -> float | None:
    return None if rate is None else rate * 100


_WANTED = (
    _Wanted("Users: requests that fail", True, lambda look: _hundredfold(look.error_rate), 5, 100, _percent),
    _Wanted("Users: p95 latency", True, lambda look: look.p95_ms, 100, None, fmt.milliseconds),
    _Wanted("Regions: p95 latency", False, lambda look: look.p95_ms, 100, None, fmt.milliseconds),
    _Wanted("Regions: requests that fail", False, lambda look: _hundredfold(look.error_rate), 5, 100, _percent),
    _Wanted("Regions: share of traffic", False, _of_region(lambda look: look.traffic), 100, 100, _percent, steps=True),
    _Wanted(
        "Regions: replicas that are ready", False, _of_region(lambda look: look.replicas_ready), 2, None, fmt.count, steps=True
    ),
)


def _panel(wanted: _Wanted, looks: dict[str, list[Look]], since: datetime) -> Panel | None:
    regions = sorted(name for name in looks if name != USERS)
    names = [USERS] if wanted.users else regions
    lines = []
    for name in names:
        runs = _runs(looks.get(name, ()), wanted.value, since)
        if runs:
            lines.append(Series(name, -1 if wanted.users else regions.index(name), runs))
    if not lines:
        return None
    highest = max(value for line in lines for run in line.runs for _, value in run)
    top = max(wanted.least, ceiling(highest))
    return Panel(wanted.title, tuple(lines), min(top, wanted.most or top), wanted.shown, wanted.steps)


def _runs(looks: Sequence[Look], value: Callable[[Look], float | None], since: datetime) -> tuple[tuple[Point, ...], ...]:
    apart = sorted((b.at - a.at).total_seconds() for a, b in pairwise(looks))
    usual = apart[len(apart) // 2] if apart else 0.0
    gap = max(GAP.total_seconds(), 3 * usual)
    runs: list[list[Point]] = []
    last: float | None = None
    for look in looks:
        at, seen = (look.at - since).total_seconds(), value(look)
        if seen is None or not math.isfinite(seen):
            last = None
            continue
        if last is None or at - last > gap:
            runs.append([])
        runs[-1].append((at, max(0.0, seen)))
        last = at
    return tuple(_thinned(run) for run in runs)


def _thinned(run: Sequence[Point]) -> tuple[Point, ...]:
    if len(run) <= POINTS:
        return tuple(run)
    size = math.ceil(len(run) / (POINTS / 2))
    kept: list[Point] = []
    for start in range(0, len(run), size):
        part = run[start : start + size]
        kept += sorted({min(part, key=lambda point: point[1]), max(part, key=lambda point: point[1])})
    return tuple(kept)


def _band(when: Moments, since: datetime, until: datetime) -> tuple[float, float] | None:
    failed, healed = when.users.failed, when.users.healed or until
    if failed is None or failed > until:
        return None
    return max(0.0, (failed - since).total_seconds()), (min(healed, until) - since).total_seconds()
