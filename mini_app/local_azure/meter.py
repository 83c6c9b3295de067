"""A region's measurements, minute by minute, from what really happens: its requests and its processes."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from mini_app.local_azure.replicas import Replica

Metric = Literal["Requests", "Replicas", "RestartCount", "UsageNanoCores", "WorkingSetBytes"]
MINUTE = timedelta(minutes=1)
KEPT_MINUTES = 24 * 60


@dataclass(slots=True)
class Bucket:
    """What was noted of one metric in one span of time."""

    count: int = 0
    total: float = 0.0
    minimum: float = 0.0
    maximum: float = 0.0

    def note(self, value: float) -> None:
        """Add one value."""
        self.merge(Bucket(1, value, value, value))

    def merge(self, other: Bucket) -> None:
        """Add what another one holds."""
        if not other.count:
            return
        self.minimum = min(self.minimum, other.minimum) if self.count else other.minimum
        self.maximum = max(self.maximum, other.maximum) if self.count else other.maximum
        self.count += other.count
        self.total += other.total


@dataclass(slots=True)
class _Minute:
    begin: datetime
    buckets: dict[Metric, Bucket] = field(default_factory=dict)


def utc_now() -> datetime:
    """The time, aware."""
    return datetime.now(UTC)


class Meter:
    """Buckets of a minute, as many as a day has."""

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now
        self._minutes: deque[_Minute] = deque(maxlen=KEPT_MINUTES)
        self._used: dict[int, tuple[datetime, float]] = {}

    def note(self, metric: Metric, value: float) -> None:
        """Add one value to the minute that runs."""
        begin = self._now().replace(second=0, microsecond=0)
        if not self._minutes or self._minutes[-1].begin < begin:
            self._minutes.append(_Minute(begin))
        self._minutes[-1].buckets.setdefault(metric, Bucket()).note(value)

    def sample(self, replicas: Iterable[Replica]) -> None:
        """Look at the processes: how many serve, what they use, and how often they were restarted."""
        now, alive = self._now(), [r for r in replicas if r.alive]
        self.note("Replicas", len([r for r in alive if r.ready]))
        used: dict[int, tuple[datetime, float]] = {}
        for replica in alive:
            self.note("RestartCount", replica.restart_count)
            pid = replica.process.pid
            if (usage := _usage(pid)) is None:
                continue
            seconds, resident = usage
            since, before = self._used.get(pid, (replica.created_at, 0.0))
            used[pid] = (now, seconds)
            self.note("WorkingSetBytes", resident)
            if (passed := (now - since).total_seconds()) > 0:
                self.note("UsageNanoCores", max(0.0, seconds - before) / passed * 1e9)
        self._used = used

    def read(self, metric: Metric, begin: datetime, end: datetime, step: timedelta) -> Iterator[tuple[datetime, Bucket]]:
        """The buckets of a time, `step` long each, which is a whole number of minutes; empty ones where nothing is known."""
        known = {minute.begin: minute.buckets[metric] for minute in self._minutes if metric in minute.buckets}
        at = begin.replace(second=0, microsecond=0)
        while at < end:
            bucket = Bucket()
            for number in range(int(step / MINUTE)):
                bucket.merge(known.get(at + number * MINUTE, Bucket()))
            yield at, bucket
            at += step


def _usage(pid: int) -> tuple[float, int] | None:
    """The processor time in seconds and the resident bytes of a process; None where the system does not tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return None
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE")
