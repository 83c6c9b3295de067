"""Faults: of processes, which a restart heals, and of the region, which outlive restarts. Each ends by itself."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy import Engine, delete, select
from sqlalchemy.exc import SQLAlchemyError

from mini_app.backend.database import region_faults

CACHE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Fault:
    """An active fault; `until` and `began` are Unix times in seconds."""

    kind: Literal["degrade", "outage"]
    scope: Literal["process", "region"]
    until: float
    latency_ms: float = 0
    error_rate: float = 0
    began: float = 0


class Faults:
    """The faults that this replica suffers from.

    With `spread`, a fault of the process strikes every process of the region that runs at that moment: for where nobody can reach
    each of them by itself.
    """

    def __init__(
        self, engine: Engine, region: str, rng: random.Random, now: Callable[[], float] = time.time, *, spread: bool = False
    ) -> None:
        self._started = now()
        self._spread = spread
        self._engine = engine
        self._region = region
        self._rng = rng
        self.now = now
        """The clock by which faults end, as Unix time in seconds."""
        self._own: Fault | None = None
        self._shared: tuple[Fault, ...] = ()
        self._read_at = 0.0

    def stale(self) -> bool:
        """Whether `refresh` should be called before `active` is trusted."""
        return self.now() - self._read_at > CACHE_SECONDS

    def refresh(self) -> None:
        """Read the region's faults from the shared database; keeps the last ones where it can't be read."""
        try:
            with self._engine.connect() as connection:
                rows = connection.execute(select(region_faults.c.params).where(region_faults.c.region == self._region)).all()
        except SQLAlchemyError:
            return
        shared = [Fault(**json.loads(row.params)) for row in rows]
        self._shared = tuple(fault for fault in shared if fault.scope == "region" or fault.began >= self._started)
        self._read_at = self.now()

    def active(self) -> tuple[Fault, ...]:
        """Those that have not ended."""
        every = (*self._shared, *((self._own,) if self._own else ()))
        return tuple(fault for fault in every if fault.until > self.now())

    def inject(self, fault: Fault) -> None:
        """Start a fault; one of the same kind and scope is replaced."""
        if fault.scope == "process" and not self._spread:
            self._own = fault
            return
        with self._engine.begin() as connection:
            where = (region_faults.c.region == self._region) & (region_faults.c.kind == fault.kind)
            connection.execute(delete(region_faults).where(where))
            row = {"region": self._region, "kind": fault.kind, "params": json.dumps(asdict(fault)), "until": fault.until}
            connection.execute(region_faults.insert(), [row])
        self.refresh()

    def clear(self) -> None:
        """End the faults of this process and of the region."""
        self._own = None
        with self._engine.begin() as connection:
            connection.execute(delete(region_faults).where(region_faults.c.region == self._region))
        self.refresh()

    def fails(self, fault: Fault) -> bool:
        """Whether this request is one of those that fail."""
        return self._rng.random() < fault.error_rate
