"""Keeps what was measured and thought around incidents, for reports and replays. Whatever goes wrong here, the swarm goes on.

It stands between the swarm and whoever listens: everything is passed on at once. Of each target the last two minutes are
remembered; once the target has an incident, they and what follows are written in batches, until a minute after its end. An
incident that stays open without news is recorded at longer and longer intervals, so that it can't fill the disk.
"""

from __future__ import annotations

import logging
import shutil
from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock

from agents.durable import samples
from agents.durable.errors import DurableError
from agents.durable.samples import EVERYBODY, Sample
from agents.durable.store import Store
from agents.events import Event, IncidentClosed, IncidentOpened, IncidentResolved
from agents.seams import Clock
from agents.telemetry import AgentState, RegionSample, SwarmState, Telemetric, Telemetry, Thought, UsersSample

BEFORE = timedelta(seconds=120)
"""How far back a target is remembered while it has no incident."""

AFTER = timedelta(seconds=60)
"""How long a target is recorded after the end of its incident."""

BATCH_SECONDS = 1.5
PAUSE_SECONDS = 5.0
"""Between two tries while the database takes nothing."""

REMEMBERED = 2_000
"""Samples of one target, at most, while it has no incident."""

WAITING = 5_000
"""Samples that may wait to be written; more are dropped, and counted."""

RESERVE = 64 << 20
"""Bytes that are left free on the disk: the last of it belongs to the log."""

QUIET = (
    (timedelta(minutes=10), timedelta(0)),
    (timedelta(hours=1), timedelta(seconds=15)),
    (timedelta.max, timedelta(minutes=2)),
)
"""For so long after the incident's newest event, its target is recorded with at least this between two samples of one thing."""

SAME_BREATH = timedelta(seconds=0.3)

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Open:
    """A target that is recorded: since its incident's newest event, and until when, once that is over."""

    newest: datetime
    until: datetime | None = None


class Recorder:
    """Implements `Telemetry` in front of `listener`. `publish` may be called from any thread and never waits for the database."""

    def __init__(self, listener: Telemetry, clock: Clock) -> None:
        self._listener = listener
        self._clock = clock
        self._lock = Lock()
        self._remembered: dict[str, deque[Sample]] = {}
        self._open: dict[str, _Open] = {}
        self._targets: dict[str, str] = {}
        self._last: dict[tuple[str, str, str], Sample] = {}
        self._standing: dict[tuple[str, str, str], Sample] = {}
        self._waiting: deque[tuple[str, Sample]] = deque()
        self.dropped = 0
        """How many samples could not be kept since the last one that could."""

    def publish(self, item: Telemetric) -> None:
        """Pass it on, and keep it if it is about an incident."""
        self._listener.publish(item)
        with self._lock:
            if isinstance(item, Event):
                self._event(item)
            elif isinstance(item, Sample) and (target := self._target(item)) is not None:
                self._sample(target, item)

    async def run(self, store: Store) -> None:
        """Write what is to be kept, until cancelled; what waits then is written still."""
        try:
            for incident in await store.incidents(limit=1_000, unresolved_only=True):
                with self._lock:
                    self._targets[incident.id] = incident.target
                    self._begin(incident.target, incident.updated_at)
        except Exception as error:  # noqa: BLE001 - what is only drawn must never stop what heals
            _log.warning("what is open already is not recorded: %s", error)
        try:
            while True:
                kept = await self._write(store)
                await self._clock.sleep(BATCH_SECONDS if kept else PAUSE_SECONDS)
        finally:
            await self._write(store)

    async def _write(self, store: Store) -> bool:
        with self._lock:
            rows, lost = tuple(self._waiting), self.dropped
            self._waiting.clear()
            self.dropped = 0
        if not rows and not lost:
            return True
        now = self._clock.now()
        try:
            _leave_room(store.database.path)
            await store.database.run(lambda connection: samples.write(connection, rows, lost, at=now))
        except Exception as error:  # noqa: BLE001 - what is only drawn must never stop what heals
            if not lost:
                _log.warning("nothing is recorded for reports: %s", error)
            with self._lock:
                self.dropped += len(rows) + lost
            return False
        return True

    def _event(self, event: Event) -> None:
        data = event.data
        if isinstance(data, IncidentOpened):
            self._targets[event.incident] = data.target
        target = self._targets.get(event.incident)
        if target is None:
            return
        self._begin(target, event.time)
        if isinstance(data, IncidentResolved | IncidentClosed):
            del self._targets[event.incident]
            if target not in self._targets.values():
                self._open[target].until = event.time + AFTER

    def _begin(self, target: str, newest: datetime) -> None:
        """From now on a target is recorded, and with it what is remembered of it and of the agents."""
        known = self._open.get(target)
        if known is not None:
            known.newest, known.until = max(known.newest, newest), None
            return
        since = newest - BEFORE
        if not self._open:
            for item in (*self._standing.values(), *self._remembered.pop(EVERYBODY, ())):
                self._put(EVERYBODY, replace(item, at=max(item.at, since)))
        self._open[target] = _Open(newest)
        for item in self._remembered.pop(target, ()):
            if item.at >= since:
                self._put(target, item)

    def _sample(self, target: str, item: Sample) -> None:
        self._end_of(item.at)
        key = _key(item)
        before = self._last.get(key)
        if target == EVERYBODY and before is not None and replace(before, at=item.at) == item:
            return
        recorded = self._open.get(target) if target != EVERYBODY else next(iter(self._open.values()), None)
        if recorded is None:
            self._last[key] = item
            self._remember(target, item)
        elif _due(item, before, recorded):
            self._last[key] = item
            self._put(target, item)
            if target == EVERYBODY:
                self._standing[key] = item

    def _remember(self, target: str, item: Sample) -> None:
        past = self._remembered.setdefault(target, deque(maxlen=REMEMBERED))
        past.append(item)
        while past and past[0].at < item.at - BEFORE:
            old = past.popleft()
            if target == EVERYBODY:  # how an agent stood is true until it says something else
                self._standing[_key(old)] = old

    def _put(self, target: str, item: Sample) -> None:
        last = self._waiting[-1] if self._waiting else None
        if isinstance(item, Thought) and last is not None and (joined := _joined(last[1], item)) is not None:
            self._waiting[-1] = (target, joined)
        elif len(self._waiting) >= WAITING:
            self.dropped += 1
        else:
            self._waiting.append((target, item))

    def _end_of(self, now: datetime) -> None:
        for target, recorded in tuple(self._open.items()):
            if recorded.until is not None and now > recorded.until:
                del self._open[target]

    def _target(self, item: Sample) -> str | None:
        match item:
            case RegionSample() | UsersSample():
                return item.target
            case AgentState() | SwarmState():
                return EVERYBODY
            case Thought():
                return self._targets.get(item.incident)
        return None


def _key(item: Sample) -> tuple[str, str, str]:
    """What a sample is of: a later one of the same takes its place."""
    match item:
        case RegionSample():
            return "region", item.target, item.region
        case UsersSample():
            return "users", item.target, ""
        case AgentState():
            return "agent", EVERYBODY, item.agent
        case Thought():
            return "thought", EVERYBODY, item.agent
    return "swarm", EVERYBODY, ""


def _due(item: Sample, before: Sample | None, recorded: _Open) -> bool:
    """Whether it is time for another sample of the same thing, or it has changed."""
    if isinstance(item, Thought) or before is None or isinstance(before, Thought) or _state(before) != _state(item):
        return True
    quiet = item.at - recorded.newest
    apart = next(apart for limit, apart in QUIET if quiet <= limit)
    return not timedelta(0) <= item.at - before.at < apart


def _state(item: RegionSample | UsersSample | AgentState | SwarmState) -> str:
    return f"{item.automation} {item.problem}" if isinstance(item, SwarmState) else item.state


def _joined(before: Sample, item: Thought) -> Thought | None:
    """Two pieces of one thought as one, where they were thought in one breath: a model streams it word by word."""
    if not isinstance(before, Thought) or before.done or item.at - before.at > SAME_BREATH:
        return None
    if (before.agent, before.incident, before.source) != (item.agent, item.incident, item.source):
        return None
    return replace(before, text=before.text + item.text, done=item.done)


def _leave_room(path: Path) -> None:
    if shutil.disk_usage(path.parent).free < RESERVE:
        raise DurableError(f"less than {RESERVE >> 20} MiB are free beside {path}: what is left belongs to the log")
