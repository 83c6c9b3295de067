"""Runs an agent on the bus: one delivery, one answer, one transaction."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects.sqlite import insert

from agents.durable import schema as s
from agents.durable.bus import Bus, Delivery
from agents.durable.errors import ConflictError, StorageError
from agents.durable.store import Store
from agents.sanitize import clean
from agents.seams import Agent, Clock, Context, RetryLaterError
from agents.telemetry import AgentState, Telemetry

AT_ONCE = 8
BACKOFF = (1.0, 5.0, 30.0, 120.0)
ATTEMPTS = 5
SWEEP_SECONDS = 5.0
STORAGE_SECONDS = 1.0
LONG_WAIT_SECONDS = 10.0
"""A wait is told once it has lasted so long: most end in a moment."""

_log = logging.getLogger(__name__)


class Runner:
    """Feeds agents from the bus. A failing agent is told so on the screen and never stops the others."""

    def __init__(
        self,
        *,
        bus: Bus,
        store: Store,
        telemetry: Telemetry,
        clock: Clock,
        settling: Callable[[], object | None] = lambda: None,
    ) -> None:
        self._bus = bus
        self._store = store
        self._telemetry = telemetry
        self._clock = clock
        self._settling = settling
        self._order: dict[tuple[str, str], asyncio.Lock] = {}
        self._waits: dict[tuple[str, str], tuple[datetime, str, str]] = {}

    def waiting(self) -> str:
        """What has waited long, and why: nothing failed, and nothing goes on; empty while nothing has."""
        now = self._clock.now()
        since, incident, why = min(self._waits.values(), default=(now, "", ""))
        waited = (now - since).total_seconds()
        return f"{incident} has waited for {waited:.0f} s: {why}" if waited >= LONG_WAIT_SECONDS else ""

    async def run(self, agent: Agent) -> None:
        """Deliver to one agent until cancelled."""
        self._tell(agent, "idle")
        slots = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            async for delivery in self._bus.subscribe(agent.name, agent.types):
                await slots.acquire()
                task = group.create_task(self._one(agent, delivery))
                task.add_done_callback(lambda _: slots.release())

    async def sweep(self) -> None:
        """Let approvals expire, until cancelled; not while it is not known what time it is."""
        while True:
            try:
                if self._settling() is None:
                    await self._store.expire_approvals()
            except Exception:  # noqa: BLE001 - one request that can't be read must not end the others' lives
                _log.exception("the sweep failed")
            await self._clock.sleep(SWEEP_SECONDS)

    async def _one(self, agent: Agent, delivery: Delivery) -> None:
        order = self._order.setdefault((agent.name, delivery.event.incident), asyncio.Lock())
        async with order:
            try:
                await self._answered(agent, delivery)
            except StorageError as error:
                _log.warning("%s waits with %s: %s", agent.name, delivery.event.id, error)
                self._tell(agent, "working", f"{delivery.event.incident} waits for the log: {clean(error, 200)}".strip())
                await self._writable()
                self._tell(agent, "idle")
                await self._bus.again(delivery, 0.0)

    async def _answered(self, agent: Agent, delivery: Delivery) -> None:
        """See one delivery through, or arrange for the next try. Raises StorageError, which counts as no try."""
        try:
            await self._answer(agent, delivery)
            self._waits.pop((agent.name, delivery.event.id), None)
        except StorageError:
            raise
        except ConflictError:
            await self._bus.again(delivery, 0.02)
        except RetryLaterError as later:
            await self._later(agent, delivery, str(later), later.delay, counted=later.counted)
        except Exception as error:  # noqa: BLE001 - an agent's error is told and retried, and never ends the others
            _log.exception("%s failed on %s", agent.name, delivery.event.id)
            await self._later(agent, delivery, f"{type(error).__name__}: {error}", None, counted=True)

    async def _writable(self) -> None:
        """Wait until the log takes writes again: a delivery tried before would think, and pay for it, in vain."""
        while True:
            await self._clock.sleep(STORAGE_SECONDS)
            try:
                await self._store.standing(written=self._clock.now())
            except StorageError:
                continue
            return

    async def _answer(self, agent: Agent, delivery: Delivery) -> None:
        event = delivery.event
        attempts = await self._attempts(agent.name, event.id)
        if attempts is None:
            return
        incident = await self._store.incident(event.incident) if event.incident else None
        self._tell(agent, "working", f"{event.incident} {event.type}".strip())
        context = Context(incident=incident, attempt=attempts + 1, clock=self._clock, telemetry=self._telemetry)
        try:
            outcome = await agent.handle(event, context)
        finally:
            self._tell(agent, "idle")
        await self._store.commit(agent.name, event, outcome, incident.version if incident and outcome.emit else None)

    async def _attempts(self, consumer: str, event_id: str) -> int | None:
        """How often it was tried before; None where it is done."""

        def work(connection: Connection) -> int | None:
            done = select(s.inbox).where(s.inbox.c.consumer == consumer, s.inbox.c.event_id == event_id)
            if connection.execute(done).first() is not None:
                return None
            tried = select(s.delivery.c.attempts).where(s.delivery.c.consumer == consumer, s.delivery.c.event_id == event_id)
            return connection.execute(tried).scalar() or 0

        return await self._store.database.run(work)

    async def _later(self, agent: Agent, delivery: Delivery, error: str, delay: float | None, *, counted: bool) -> None:
        attempts = await self._attempts(agent.name, delivery.event.id)
        if attempts is None:
            return
        key = (agent.name, delivery.event.id)
        if not counted:
            since = self._waits[key][0] if key in self._waits else self._clock.now()
            self._waits[key] = since, delivery.event.incident, clean(error, 200)
            await self._bus.again(delivery, delay or BACKOFF[0])
            return
        self._waits.pop(key, None)
        attempts += 1
        parked = attempts >= ATTEMPTS
        await self._remember(agent.name, delivery.event.id, attempts, clean(error), parked=parked)
        if parked:
            self._tell(agent, "down", f"{delivery.event.id} failed {attempts} times: {clean(error, 200)}")
        else:
            await self._bus.again(delivery, delay if delay is not None else BACKOFF[min(attempts - 1, len(BACKOFF) - 1)])

    async def _remember(self, consumer: str, event_id: str, attempts: int, error: str, *, parked: bool) -> None:
        values = {"attempts": attempts, "parked": parked, "error": error}
        row = insert(s.delivery).values(consumer=consumer, event_id=event_id, **values)
        upsert = row.on_conflict_do_update(index_elements=["consumer", "event_id"], set_=values)
        await self._store.database.run(lambda c: c.execute(upsert))

    def _tell(self, agent: Agent, state: str, detail: str = "") -> None:
        shown = AgentState(agent.name, state, self._clock.now(), detail)  # type: ignore[arg-type]  # one of its literals
        self._telemetry.publish(shown)
