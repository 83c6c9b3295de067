"""The embedded bus: it only delivers. What is due follows from the log and the inbox, so nothing can be lost here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import select

from agents.durable import log
from agents.durable import schema as s
from agents.durable.errors import StorageError
from agents.durable.store import Store
from agents.events import Event

RETRY_SECONDS = 0.5

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one consumer."""

    consumer: str
    event: Event


class Bus(Protocol):
    """Brings each event to each consumer that wants its type, at least once."""

    def subscribe(self, consumer: str, types: frozenset[str]) -> AsyncIterator[Delivery]:
        """Deliveries for one consumer: first what an earlier run left undone, then what comes."""
        ...

    async def again(self, delivery: Delivery, delay: float) -> None:
        """Deliver once more after `delay` seconds."""
        ...


class EmbeddedBus:
    """Implements `Bus` inside one process, on the store's notifications."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queues: dict[str, tuple[frozenset[str], asyncio.Queue[Delivery]]] = {}
        self._timers: set[asyncio.TimerHandle] = set()
        self._unsubscribe = store.subscribe(self._take)

    async def __aenter__(self) -> EmbeddedBus:
        """The bus, listening."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening."""
        self._unsubscribe()
        for timer in self._timers:
            timer.cancel()

    async def subscribe(self, consumer: str, types: frozenset[str]) -> AsyncIterator[Delivery]:
        """Deliveries for one consumer, until the caller stops asking."""
        queue: asyncio.Queue[Delivery] = asyncio.Queue()
        self._queues[consumer] = (types, queue)
        for event in await self._patiently(consumer, types):
            queue.put_nowait(Delivery(consumer, event))
        while True:
            yield await queue.get()

    async def again(self, delivery: Delivery, delay: float) -> None:
        """Put a delivery back."""
        _, queue = self._queues[delivery.consumer]

        def put() -> None:
            self._timers.discard(timer)
            queue.put_nowait(delivery)

        timer = asyncio.get_running_loop().call_later(delay, put)
        self._timers.add(timer)

    def _take(self, events: Sequence[Event]) -> None:
        for event in events:
            for consumer, (types, queue) in self._queues.items():
                if event.type in types:
                    queue.put_nowait(Delivery(consumer, event))

    async def _patiently(self, consumer: str, types: frozenset[str]) -> list[Event]:
        while True:
            try:
                return await self._undone(consumer, types)
            except StorageError as error:
                _log.warning("%s waits for the log: %s", consumer, error)
            await asyncio.sleep(RETRY_SECONDS)

    async def _undone(self, consumer: str, types: frozenset[str]) -> list[Event]:
        """Events of these types without an inbox row, of incidents that are not over."""
        open_ = select(s.incident.c.id).where(s.incident.c.status != "resolved")
        done = select(s.inbox.c.event_id).where(s.inbox.c.consumer == consumer)
        query = (
            select(s.event)
            .where(s.event.c.type.in_(types), s.event.c.incident.in_(open_), s.event.c.id.not_in(done))
            .order_by(s.event.c.seq)
        )
        rows = await self._store.database.run(lambda c: [log.readable(row) for row in c.execute(query)])
        return [event for event in rows if event is not None]
