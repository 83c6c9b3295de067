"""The loops that look. Each thing has its own, on a fixed cadence: a slow region delays no look at another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from agents.facts import Health
from agents.sanitize import clean
from agents.seams import Clock
from agents.sentry.decide import NAME, Decider
from agents.sentry.detect import judge_users
from agents.sentry.looks import Looker, RegionLook, UsersLook
from agents.sentry.memory import Memory
from agents.settings import SentrySettings
from agents.telemetry import AgentState, RegionSample, Telemetry, UsersSample

PLATFORM_EVERY = 5
"""The platform is asked at every so many-th look while all is well: an ARM call costs a hundred probes."""
ASK_AGAIN_S = 0.5
"""Seconds between two reads of the platform at least, however many looks are bad."""
LAG_TICK_S = 0.1
LAG_LIMIT_S = 0.25
"""When this process itself was held up for longer, a slow answer says nothing about who gave it."""
LATE_LOOKS = 5
"""Looks that may be missing before the watcher says of itself that it does not see."""


class Watcher:
    """Watches some targets until cancelled."""

    def __init__(
        self,
        memories: Mapping[str, Memory],
        looker: Looker,
        decider: Decider,
        settings: SentrySettings,
        clock: Clock,
        looked: asyncio.Event,
    ) -> None:
        self._memories = memories
        self._looker = looker
        self._decider = decider
        self._settings = settings
        self._clock = clock
        self._trouble = ""
        self._looked: dict[str, datetime] = {}
        self._held_up: datetime | None = None
        self._unseen = {f"{target}/{thing}" for target, m in memories.items() for thing in (*m.configured.regions, "users")}
        self._all_looked = looked

    async def run(self, telemetry: Telemetry, doing: Callable[[], str]) -> None:
        """Look at everything; `doing` says what else Sentry works on, for its heartbeat."""
        self._note_looked("")
        async with asyncio.TaskGroup() as group:
            for n, (target, memory) in enumerate(self._memories.items()):
                phase = self._settings.interval_s * n / len(self._memories)
                for region in memory.configured.regions:
                    look = self._region(memory, region, telemetry)
                    group.create_task(self._every(look, phase, f"{target}/{region}", group), name=f"look {target}/{region}")
                group.create_task(self._every(self._users(memory, telemetry), phase, f"{target}/users", group))
                read = self._platform(memory)
                group.create_task(self._every(self._when_due(memory, read), phase, f"{target}/platform"))
                group.create_task(self._when_odd(memory, read))
            group.create_task(self._every(self._heartbeat(telemetry, doing), 0.0, "the heartbeat"))
            group.create_task(self._measure_lag())

    async def _every(
        self, step: Callable[[], Awaitable[None]], phase: float, name: str, group: asyncio.TaskGroup | None = None
    ) -> None:
        """Begin a step at each interval. In a `group`, one that takes longer overlaps with the next; else it delays it."""
        interval = self._settings.interval_s
        most = int(self._settings.timeout_s / interval) + 2
        pending: set[asyncio.Task[None]] = set()
        if phase:
            await self._clock.sleep(phase)
        due = self._clock.now()
        while True:
            if group is None:
                await self._once(step, name)
            elif len(pending) < most:
                task = group.create_task(self._once(step, name))
                pending.add(task)
                task.add_done_callback(pending.discard)
            due += timedelta(seconds=interval)
            wait = (due - self._clock.now()).total_seconds()
            if not 0 <= wait <= interval:
                due, wait = self._clock.now(), 0.0 if wait < 0 else interval
            await self._clock.sleep(wait)

    async def _once(self, step: Callable[[], Awaitable[None]], name: str) -> None:
        """One look; whatever it meets is told, and never ends the watching."""
        try:
            await step()
        except Exception as error:
            self._trouble = f"{name} failed: {clean(error, 200) or type(error).__name__}"
            logging.getLogger(__name__).exception("a look failed: %s", name)
        else:
            self._looked[name] = self._clock.now()
            self._trouble = "" if self._trouble.startswith(name) else self._trouble
        finally:
            self._note_looked(name)

    def _note_looked(self, name: str) -> None:
        """Tell when nothing is left that was never looked at. A look that failed counts: it is known that nothing is known."""
        self._unseen.discard(name)
        if not self._unseen:
            self._all_looked.set()

    async def _measure_lag(self) -> None:
        """Notice when this process is held up: whoever is slow itself must not call others slow."""
        while True:
            before = self._clock.now()
            await self._clock.sleep(LAG_TICK_S)
            after = self._clock.now()
            if (after - before).total_seconds() - LAG_TICK_S > LAG_LIMIT_S:
                self._held_up = after

    def _late_since(self, at: datetime) -> bool:
        """Whether this process was held up since `at`."""
        return self._held_up is not None and self._held_up >= at

    def _region(self, memory: Memory, region: str, telemetry: Telemetry) -> Callable[[], Awaitable[None]]:
        settings = memory.configured.regions[region]

        async def step() -> None:
            book, patience = memory.books[region], memory.patience_s(region)
            await take(await self._looker.region(region, settings, book, patience_s=patience, early=early))

        async def early(look: RegionLook) -> None:
            await take(look, early=True)

        async def take(look: RegionLook, *, early: bool = False) -> None:
            memory.take_region(look, late=self._late_since(look.at), early=early)
            telemetry.publish(region_sample(memory, region))
            await self._decider.decide(memory, self._clock.now())

        return step

    def _users(self, memory: Memory, telemetry: Telemetry) -> Callable[[], Awaitable[None]]:
        async def step() -> None:
            book, patience = memory.books[None], memory.patience_s(None)
            await take(await self._looker.users(memory.configured, book, patience_s=patience, early=early))

        async def early(look: UsersLook) -> None:
            await take(look, early=True)

        async def take(look: UsersLook | None, *, early: bool = False) -> None:
            if look is not None:
                memory.take_users(look, late=self._late_since(look.at), early=early)
                telemetry.publish(users_sample(memory, memory.users or look))
            await self._decider.decide(memory, self._clock.now())

        return step

    def _platform(self, memory: Memory) -> Callable[[], Awaitable[None]]:
        reading = asyncio.Lock()

        async def read() -> None:
            if reading.locked():
                return
            async with reading:
                memory.odd.clear()
                look = await self._looker.platform(memory.target, memory.configured)
            if look is not None:
                memory.take_platform(look)
                await self._decider.decide(memory, self._clock.now())

        return read

    def _when_due(self, memory: Memory, read: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        ticks = 0

        async def step() -> None:
            nonlocal ticks
            due = ticks % PLATFORM_EVERY == 0
            ticks += 1
            if due or memory.suspicious():
                await read()

        return step

    async def _when_odd(self, memory: Memory, read: Callable[[], Awaitable[None]]) -> None:
        """Ask the platform right after the first bad look; while trouble goes on, the cadence does."""
        while True:
            await memory.odd.wait()
            memory.odd.clear()
            if memory.platform is None or self._clock.now() - memory.platform.at >= timedelta(seconds=ASK_AGAIN_S):
                await self._once(read, f"{memory.target}/platform")
            await self._clock.sleep(ASK_AGAIN_S)

    def _heartbeat(self, telemetry: Telemetry, doing: Callable[[], str]) -> Callable[[], Awaitable[None]]:
        async def step() -> None:
            telemetry.publish(self._state(doing()))

        return step

    def _state(self, doing: str) -> AgentState:
        now = self._clock.now()
        limit = timedelta(seconds=LATE_LOOKS * self._settings.interval_s + self._settings.timeout_s)
        late = [f"no look at {n} for {(now - at).total_seconds():.0f} s" for n, at in self._looked.items() if now - at > limit]
        if late:
            return AgentState(NAME, "down", now, f"{'; '.join(late)}. {self._trouble}".strip())
        if self._late_since(now - limit):
            return AgentState(NAME, "working", now, "this machine is too busy to judge who is slow")
        if self._trouble:
            return AgentState(NAME, "working", now, self._trouble)
        if doing:
            return AgentState(NAME, "working", now, doing)
        regions = sum(len(m.configured.regions) for m in self._memories.values())
        return AgentState(NAME, "idle", now, f"watches {regions} regions of {len(self._memories)} targets")


def region_sample(memory: Memory, region: str) -> RegionSample:
    """One region for the screen."""
    look = memory.looks[region]
    facts = memory.facts(region, look.at)
    weights = (memory.platform.weights or {}) if memory.platform is not None else {}
    worst = next((a for a in (look.health, look.probe) if a is not None and not a.ok), look.health)
    p95 = look.rates.p95_ms
    if p95 is None:
        p95 = max(a.latency_ms for a in (look.health, look.probe) if a is not None)
    return RegionSample(
        target=memory.target,
        region=region,
        at=look.at,
        state=memory.health(region, look.at),
        detail=worst.detail,
        p95_ms=p95,
        error_rate=look.rates.error_rate,
        rps=look.rates.rps,
        cpu=look.cpu,
        replicas_ready=facts.ready if facts is not None else None,
        replicas_desired=facts.desired if facts is not None else None,
        traffic=weights.get(region),
    )


def users_sample(memory: Memory, look: UsersLook) -> UsersSample:
    """What users see, for the screen."""
    bad = bool(judge_users(look, memory.limits(None), memory.settings)) or bool(memory.sustained(None))
    failing = look.probe is not None and not look.probe.ok
    state: Health = "fail" if failing or memory.sustained(None) else "warn" if bad else "ok"
    return UsersSample(
        target=memory.target,
        at=look.at,
        state=state,
        error_rate=look.rates.error_rate if look.rates.error_rate is not None else (float(failing) if look.probe else None),
        p95_ms=look.rates.p95_ms if look.rates.p95_ms is not None else (look.probe.latency_ms if look.probe else None),
        rps=look.rates.rps,
        region=look.probe.region if look.probe is not None else None,
    )
