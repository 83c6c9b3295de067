"""What was measured, as numbers: before, at its worst, and after, for users and for each region."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from agents.durable.casefile import CaseFile
from agents.telemetry import RegionSample, UsersSample
from overwatch_tui.report.document import Inline, Strong
from overwatch_tui.report.times import Moments
from overwatch_tui.state import format as fmt

Look = RegionSample | UsersSample
USERS = "users"

AT_LEAST = timedelta(seconds=20)
"""Where nothing was verified, the last of what was measured stands for how it was after."""


def series(case: CaseFile) -> dict[str, list[Look]]:
    """The looks at users and at each region by name, users first, oldest look first."""
    found: dict[str, list[Look]] = {}
    for item in case.samples.items:
        if isinstance(item, UsersSample):
            found.setdefault(USERS, []).append(item)
        elif isinstance(item, RegionSample):
            found.setdefault(item.region, []).append(item)
    names = sorted(found, key=lambda name: (name != USERS, name))
    return {name: found[name] for name in names}


def rows(case: CaseFile, when: Moments) -> list[tuple[Inline, ...]]:
    """A row for each, as the report's table wants it; empty where nothing was recorded."""
    made: list[tuple[Inline, ...]] = []
    for name, looks in series(case).items():
        before, during, after = _parts(looks, when)
        p95 = _three(before, during, after, lambda look: look.p95_ms, fmt.milliseconds)
        errors = _three(before, during, after, lambda look: look.error_rate, fmt.percent)
        traffic = (_newest(before or during[:1], _traffic), _newest(after or during[-1:], _traffic))
        made.append((Strong(name), *p95, *errors, *traffic))
    return made


def _parts(looks: Sequence[Look], when: Moments) -> tuple[list[Look], list[Look], list[Look]]:
    well: datetime = when.verified or when.ended or max(when.opened, looks[-1].at - AT_LEAST)
    before = [look for look in looks if look.at < when.began]
    during = [look for look in looks if when.began <= look.at < well]
    return before, during, [look for look in looks if look.at >= well]


def _three(
    before: Iterable[Look],
    during: Iterable[Look],
    after: Iterable[Look],
    value: Callable[[Look], float | None],
    shown: Callable[[float | None], str],
) -> tuple[str, str, str]:
    return (
        shown(_of(statistics.median, before, value)),
        shown(_of(max, during, value)),
        shown(_of(statistics.median, after, value)),
    )


def _of(what: Callable[[list[float]], float], looks: Iterable[Look], value: Callable[[Look], float | None]) -> float | None:
    known = [v for look in looks if (v := value(look)) is not None]
    return what(known) if known else None


def _traffic(look: Look) -> float | None:
    return look.traffic if isinstance(look, RegionSample) else None


def _newest(looks: Sequence[Look], value: Callable[[Look], float | None]) -> str:
    known = [v for look in looks if (v := value(look)) is not None]
    return fmt.percent(known[-1], of=100) if known else fmt.UNKNOWN
