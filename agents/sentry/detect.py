"""From looks to symptoms. Pure: no clock, no network, so that every sequence of looks can be tested in no time.

One bad look is noise. A symptom is on after `fall` bad looks in a row, or after a good share of the last few looks was bad,
which is how a load balancer over one dead and one living replica looks. It is off after `rise` looks without it.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.facts import SymptomKind
from agents.sentry.documents import PlatformFacts
from agents.sentry.looks import RegionLook, UsersLook
from agents.sentry.series import Baselines, Increment
from agents.settings import SentrySettings

Kinds = frozenset[SymptomKind]
NONE: Kinds = frozenset()
SEVERE: Kinds = frozenset({"unreachable", "health_fail", "replicas_missing"})
"""Kinds that ask for another diagnosis where they come later."""

FEWEST = 3
"""Failed or slow requests in one scrape below which they are noise, however few requests there were."""
ENOUGH_REQUESTS = 10
"""Requests in one scrape from which its 95 % quantile says something."""
CHANGE_GRACE = timedelta(seconds=60)
"""How long the platform may work on a region by order before missing replicas count."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What is slow in one region (or for users), in milliseconds. Infinite while nothing normal has been seen yet."""

    probe_ms: float = math.inf
    p95_ms: float = math.inf


def thresholds(baselines: Baselines, region: str | None, settings: SentrySettings, *, strict: bool = False) -> Thresholds:
    """A region is slow above `latency_factor` times its baseline, and never below the floor.

    `strict` takes the floor where there is no baseline: for a verification, which may not pass what it can't compare.
    """

    def slow(metric: str) -> float:
        baseline = baselines.of(region, metric)
        if baseline is None:
            return settings.latency_floor_ms if strict else math.inf
        return max(settings.latency_floor_ms, settings.latency_factor * baseline)

    return Thresholds(slow("probe_ms"), slow("latency_p95"))


def judge_region(look: RegionLook, limits: Thresholds, settings: SentrySettings) -> Kinds:
    """What is wrong with a region in this one look."""
    asks = [a for a in (look.health, look.probe) if a is not None]
    bad: set[SymptomKind] = set()
    if all(a.trouble == "unreachable" for a in asks):
        return frozenset({"unreachable"})
    health, probe = look.health, look.probe
    if health.trouble in {"unreachable", "broken"} or (health.status is not None and not health.ok):
        bad.add("health_fail")
    if look.doc is not None and look.doc.status == "fail":
        bad.add("health_fail")
    if probe is not None and (probe.trouble in {"unreachable", "broken"} or (probe.status is not None and not probe.ok)):
        bad.add("errors")
    if any(a.trouble == "timeout" or (a.status is not None and a.latency_ms > limits.probe_ms) for a in asks):
        bad.add("latency")
    if look.fresh is not None:
        bad |= _measured(look.fresh, limits, settings)
    return frozenset(bad)


def _measured(fresh: Increment, limits: Thresholds, settings: SentrySettings) -> Kinds:
    """What the requests of one scrape say. Each scrape's own increment only, so that a burst counts once."""
    bad: set[SymptomKind] = set()
    if fresh.errors >= FEWEST and fresh.errors > settings.error_rate * fresh.requests:
        bad.add("errors")
    p95 = fresh.p95_ms
    enough = fresh.buckets.get(math.inf, 0.0) >= ENOUGH_REQUESTS
    if p95 is not None and p95 > limits.p95_ms and enough and fresh.slower_than(limits.p95_ms / 1_000) >= FEWEST:
        bad.add("latency")
    return frozenset(bad)


def judge_platform(facts: PlatformFacts, changing_since: datetime | None) -> Kinds | None:
    """Whether replicas are missing; None where the platform does not say."""
    if facts.ready is None or facts.desired is None:
        return None
    if facts.ready >= facts.desired:
        return NONE
    if changing_since is not None and facts.at - changing_since < CHANGE_GRACE:
        return NONE
    return frozenset({"replicas_missing"})


def judge_users(look: UsersLook, limits: Thresholds, settings: SentrySettings) -> Kinds:
    """Whether users fail, or wait too long."""
    probe = look.probe
    failing = probe is not None and (not probe.ok or probe.latency_ms > limits.probe_ms)
    if failing or (look.fresh is not None and _measured(look.fresh, limits, settings)):
        return frozenset({"users_failing"})
    return NONE


class Stream:
    """The looks of one kind at one thing, and which symptoms they sustain."""

    def __init__(self, fall: int, rise: int) -> None:
        self._fall = fall
        self._rise = rise
        self._share = max(3, fall + 1)
        self._recent: deque[tuple[datetime, Kinds]] = deque(maxlen=max(8, 2 * fall))
        self._absent: dict[SymptomKind, int] = {}
        self.on: dict[SymptomKind, datetime] = {}
        """The sustained symptoms, with the time of the first bad look."""
        self.good_run = 0
        """Looks without any fault since the last bad one."""

    @property
    def last(self) -> Kinds:
        """What was wrong in the last look."""
        return self._recent[-1][1] if self._recent else NONE

    @property
    def lately(self) -> Kinds:
        """What was wrong in any of the last looks, as many as make a symptom."""
        return NONE.union(*(kinds for _, kinds in list(self._recent)[-self._fall :]))

    @property
    def doubtful(self) -> bool:
        """Whether the last look was bad, and that is not sustained yet."""
        return bool(self.last) and not self.on

    @property
    def seen(self) -> bool:
        """Whether there has been any look."""
        return bool(self._recent) or self.good_run > 0

    def add(self, bad: Kinds, at: datetime) -> None:
        """Take the next look."""
        self._recent.append((at, bad))
        self.good_run = 0 if bad else self.good_run + 1
        for kind in list(self.on):
            self._absent[kind] = 0 if kind in bad else self._absent.get(kind, 0) + 1
            if self._absent[kind] >= self._rise:
                del self.on[kind], self._absent[kind]
                if not self.on:
                    self._recent.clear()
        if bad:
            self._turn_on(bad)

    def amend(self, bad: Kinds, at: datetime) -> None:
        """Add what the look of that time, taken early, found in the end. A look that is forgotten already is left alone."""
        for n, (when, kinds) in enumerate(self._recent):
            if when == at:
                self._recent[n] = (when, kinds | bad)
                if bad:
                    self._turn_on(kinds | bad)

    def _turn_on(self, bad: Kinds) -> None:
        if self.on:
            for kind in bad - self.on.keys():
                since = [at for at, kinds in self._recent if kind in kinds]
                if len(since) >= self._fall:
                    self._set(kind, since[-self._fall])
            return
        run = self._run()
        counted = [(at, kinds) for at, kinds in self._recent if kinds]
        if len(run) < self._fall and len(counted) < self._share:
            return
        for at, kinds in run if len(run) >= self._fall else counted:
            for kind in sorted(kinds):
                if kind not in self.on:
                    self._set(kind, at)

    def _set(self, kind: SymptomKind, since: datetime) -> None:
        self.on[kind] = since
        self._absent[kind] = 0

    def _run(self) -> list[tuple[datetime, Kinds]]:
        run: list[tuple[datetime, Kinds]] = []
        for entry in reversed(self._recent):
            if not entry[1]:
                break
            run.append(entry)
        return run[::-1]

    def forget(self) -> None:
        """Start anew, after a recovery that was verified otherwise."""
        self._recent.clear()
        self._absent.clear()
        self.on.clear()
        self.good_run = 0


def changes_picture(known: Iterable[tuple[str | None, SymptomKind]], now: Iterable[tuple[str | None, SymptomKind]]) -> bool:
    """Whether the symptoms have grown by something that asks for another diagnosis.

    Another region does, users who begin to fail, and health or replicas that begin to. Latency and errors in a region that is
    known to be ill come with the illness, and don't: a new diagnosis would only take a question away from who answers it.
    """
    before = set(known)
    places = {region for region, _ in before}
    return any(region not in places or kind in SEVERE for region, kind in set(now) - before)
