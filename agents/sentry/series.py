"""From counters to rates. Counters are kept for each replica, because a load balancer answers a scrape from any of them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median

from agents.sanitize import clean
from agents.sentry.exposition import MOST, samples

_REQUESTS = ("http_requests_total", "edge_requests_total")
_DURATIONS = ("http_request_duration_seconds", "edge_request_duration_seconds")
_GAUGES = frozenset({"db_pool_in_use", "db_pool_size", "process_cpu_percent", "process_resident_memory_bytes"})
_STATUS_LABELS = ("status", "code", "status_code")
WANTED = frozenset(
    {*_REQUESTS, *(f"{d}_bucket" for d in _DURATIONS), "http_errors_total", "app_info", "process_cpu_seconds_total"} | _GAUGES
)
MOST_REPLICAS = 64
"""Replicas remembered for a region: a page that names a new one each time must not fill the memory."""
HORIZON_S = 10.0
"""An increment older than this no longer says how a region is."""


@dataclass(frozen=True, slots=True)
class Scrape:
    """One replica's counters and gauges. `buckets` are cumulative, by upper bound in seconds; None is not exported."""

    at: datetime
    requests: float | None = None
    errors: float | None = None
    buckets: Mapping[float, float] = field(default_factory=dict)
    cpu_seconds: float | None = None
    gauges: Mapping[str, float] = field(default_factory=dict)
    version: str = ""


def read(page: str, at: datetime) -> Scrape:
    """What a metrics page says, summed over methods and routes. A 5xx is an error; other answers are the caller's doing."""
    requests: float | None = None
    by_status: float | None = None
    counted: float | None = None
    cpu: float | None = None
    buckets: dict[float, float] = {}
    gauges: dict[str, float] = {}
    version = ""
    for sample in samples(page, WANTED):
        if not abs(sample.value) <= MOST:  # which no NaN is
            continue
        if sample.name in _REQUESTS:
            requests = (requests or 0.0) + sample.value
            status = next((sample.labels[name] for name in _STATUS_LABELS if name in sample.labels), None)
            if status is not None:
                by_status = (by_status or 0.0) + (sample.value if status.startswith("5") else 0.0)
        elif sample.name.endswith("_bucket"):
            bound = _bound(sample.labels.get("le"))
            if bound is not None:
                buckets[bound] = buckets.get(bound, 0.0) + sample.value
        elif sample.name == "http_errors_total":
            counted = (counted or 0.0) + sample.value
        elif sample.name == "process_cpu_seconds_total":
            cpu = sample.value
        elif sample.name == "app_info":
            version = clean(sample.labels.get("version", ""), 80)
        else:
            gauges[sample.name] = sample.value
    return Scrape(at, requests, counted if by_status is None else by_status, buckets, cpu, gauges, version)


def _bound(raw: str | None) -> float | None:
    try:
        bound = math.nan if raw is None else float(raw)
    except ValueError:
        return None
    return bound if abs(bound) <= MOST or bound == math.inf else None


@dataclass(frozen=True, slots=True)
class Increment:
    """What happened on one replica between two scrapes."""

    at: datetime
    seconds: float
    requests: float
    errors: float
    buckets: Mapping[float, float]

    def slower_than(self, seconds: float) -> float:
        """Requests that may have taken longer: all above the last bucket whose bound is at most `seconds`."""
        within = max((bound for bound in self.buckets if bound <= seconds), default=None)
        return self.buckets.get(math.inf, 0.0) - (0.0 if within is None else self.buckets[within])

    @property
    def p95_ms(self) -> float | None:
        """The 95 % quantile of this increment alone."""
        return quantile_ms(self.buckets)


@dataclass(frozen=True, slots=True)
class Rates:
    """How a region did lately, over all replicas. None is not known; an error rate of no requests is not known."""

    rps: float | None = None
    error_rate: float | None = None
    p95_ms: float | None = None
    requests: float = 0.0
    errors: float = 0.0


class Book:
    """The counters of one region (or of the edge), by replica."""

    def __init__(self) -> None:
        self._last: dict[str, Scrape] = {}
        self._increments: dict[str, Increment] = {}
        self._cpu: dict[str, float] = {}

    def add(self, replica: str, scrape: Scrape) -> Increment | None:
        """Take a scrape; the increment since this replica's last one, or None for its first, or for one that comes too late."""
        before = self._last.pop(replica, None)
        if before is not None and scrape.at <= before.at:
            self._last[replica] = before
            return None
        self._last[replica] = scrape
        while len(self._last) > MOST_REPLICAS:
            oldest = next(iter(self._last))
            del self._last[oldest]
            self._increments.pop(oldest, None)
            self._cpu.pop(oldest, None)
        if before is None:
            return None
        seconds = (scrape.at - before.at).total_seconds()
        if scrape.cpu_seconds is not None and before.cpu_seconds is not None:
            self._cpu[replica] = 100 * _grown(before.cpu_seconds, scrape.cpu_seconds) / seconds
        restarted = any(scrape.buckets.get(b, 0.0) < v for b, v in before.buckets.items())
        increment = Increment(
            scrape.at,
            seconds,
            _grown(before.requests, scrape.requests),
            _grown(before.errors, scrape.errors),
            {b: v - (0.0 if restarted else before.buckets.get(b, 0.0)) for b, v in scrape.buckets.items()},
        )
        self._increments[replica] = increment
        return increment

    @property
    def newest(self) -> datetime | None:
        """When the last scrape was answered, by any replica."""
        return max((scrape.at for scrape in self._last.values()), default=None)

    def rates(self, now: datetime) -> Rates:
        """Summed over the replicas' last increments, without those that are too old to say anything."""
        recent = [i for i in self._increments.values() if (now - i.at).total_seconds() <= HORIZON_S]
        if not recent:
            return Rates()
        requests, errors = sum(i.requests for i in recent), sum(i.errors for i in recent)
        return Rates(
            rps=sum(i.requests / i.seconds for i in recent),
            error_rate=min(1.0, errors / requests) if requests > 0 else None,
            p95_ms=quantile_ms(_summed(i.buckets for i in recent)),
            requests=requests,
            errors=errors,
        )

    def gauge(self, name: str, now: datetime) -> list[float]:
        """The recent values of one gauge, one for each replica that exports it."""
        return [s.gauges[name] for s in self._recent(now) if name in s.gauges]

    def cpu(self, now: datetime) -> float | None:
        """Mean processor use of the replicas in percent of one core."""
        values = self.gauge("process_cpu_percent", now) or [
            self._cpu[r] for r, s in self._last.items() if r in self._cpu and (now - s.at).total_seconds() <= HORIZON_S
        ]
        return sum(values) / len(values) if values else None

    def _recent(self, now: datetime) -> list[Scrape]:
        return [s for s in self._last.values() if (now - s.at).total_seconds() <= HORIZON_S]


def _grown(before: float | None, after: float | None) -> float:
    """The growth of a counter; one that fell was reset, and counts from zero."""
    if after is None:
        return 0.0
    return after if before is None or after < before else after - before


def _summed(tables: Iterable[Mapping[float, float]]) -> dict[float, float]:
    total: dict[float, float] = {}
    for table in tables:
        for bound, value in table.items():
            total[bound] = total.get(bound, 0.0) + value
    return total


def quantile_ms(buckets: Mapping[float, float], q: float = 0.95) -> float | None:
    """The quantile in milliseconds, by linear interpolation inside its bucket, as Prometheus' `histogram_quantile`.

    In the last bucket, which has no upper bound, it is the highest finite bound. None without requests.
    """
    bounds = sorted(buckets)
    if not bounds or bounds[-1] != math.inf or buckets[math.inf] <= 0 or len(bounds) < 2:
        return None
    rank = q * buckets[math.inf]
    lower, below = 0.0, 0.0
    for bound in bounds:
        count = buckets[bound]
        if count >= rank:
            if bound == math.inf:
                return lower * 1_000
            share = (rank - below) / (count - below) if count > below else 1.0
            return (lower + (bound - lower) * share) * 1_000
        lower, below = bound, count
    return lower * 1_000


class Baselines:
    """What is normal, by region and metric: the median of the last healthy values, so that single outliers don't move it.

    Whoever learns makes sure that nothing is wrong at the time.
    """

    SIZE = 60
    ENOUGH = 5

    def __init__(self) -> None:
        self._values: dict[tuple[str | None, str], deque[float]] = {}

    def learn(self, region: str | None, metric: str, value: float | None) -> None:
        """Take a healthy value; None is passed over."""
        if value is not None and math.isfinite(value):
            self._values.setdefault((region, metric), deque(maxlen=self.SIZE)).append(value)

    def seed(self, region: str | None, metric: str, value: float | None) -> None:
        """Take over a baseline that was learnt before, where nothing was learnt yet."""
        if value is not None and self.of(region, metric) is None:
            self._values[region, metric] = deque([value] * self.ENOUGH, maxlen=self.SIZE)

    def of(self, region: str | None, metric: str) -> float | None:
        """The baseline, or None where too little was seen."""
        values = self._values.get((region, metric), ())
        return median(values) if len(values) >= self.ENOUGH else None
