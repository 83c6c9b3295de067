"""Tells whoever listens what is new in the log, whoever wrote it: this process, or another one beside it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from agents.durable import log
from agents.durable.database import Database
from agents.durable.errors import DurableError
from agents.events import Event

POLL_SECONDS = 0.1
Subscriber = Callable[[Sequence[Event]], None]

_log = logging.getLogger(__name__)


class Feed:
    """Calls its subscribers in the loop that opened it, with every event that is committed, in order, once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._subscribers: list[Subscriber] = []
        self._told = 0
        self._behind = False
        self._telling = asyncio.Lock()
        self._poll: asyncio.Task[None] | None = None

    async def begin(self, *, others: bool) -> None:
        """Tell what comes from now on; with `others`, what other processes commit too. Raises the database's errors."""
        self._told = await self._database.run(log.newest)
        if others:
            self._poll = asyncio.create_task(self._notice_others(), name="notice other processes")

    async def close(self) -> None:
        """Look for nothing any more."""
        if self._poll is not None:
            self._poll.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._poll

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call `subscriber` with new events; the returned function ends that."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    async def told_after(self, work: Callable[[Connection], list[Event]]) -> list[Event]:
        """Commit the events of `work`, and tell them before it returns. Raises what `work` and the database raise."""
        added = await self._database.run(work)
        if added:
            try:
                await self._tell()
            except DurableError:  # it is committed: whoever wanted that must not hear that it failed
                self._behind = True
        return added

    async def _tell(self) -> None:
        """Tell the subscribers what is new, in order, whoever committed it."""
        async with self._telling:
            while new := await self._database.run(lambda c: log.after(c, self._told, 500)):
                self._told = new[-1][0]
                for subscriber in tuple(self._subscribers):
                    subscriber([event for _, event in new if event is not None])

    async def _notice_others(self) -> None:
        last: int | None = None
        while True:
            try:
                now = await self._database.data_version()
                if now != last or self._behind:
                    self._behind = False
                    await self._tell()
                last = now
            except DurableError as error:
                self._behind = True
                _log.debug("the log can't be read now: %s", error)
            await asyncio.sleep(POLL_SECONDS)
