"""Looks at the log once a second: how automation stands, and whether what happens can be written down at all."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from agents.durable.errors import DurableError
from agents.durable.standing import Standing
from agents.durable.store import Store
from agents.seams import Clock

WRITE_EVERY = timedelta(seconds=5)
"""How often it is proved, in quiet times, that the log takes writes: reading goes on working where a disk is full."""
PATIENCE_S = 1.0
"""How long a look waits for an answer."""
LATE = timedelta(seconds=5)
"""From when on an answer that does not come is said: SQLite itself waits so long for another program's lock."""
HELD = "nothing is carried out until it can be written again"


class LogWatch:
    """Never waits long and never raises for the log: what it can't read, it says as it was last."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._asked: asyncio.Task[Standing] | None = None
        self._since = clock.now()
        self._written: datetime | None = None
        self.standing = Standing()
        self.problem = ""
        """Why the log can't be written now, with the remedy; empty while it can."""

    async def look(self) -> None:
        """Take one look, in at most `PATIENCE_S` seconds."""
        now = self._clock.now()
        if self._asked is None:
            due = self.problem != "" or self._written is None or not timedelta() <= now - self._written < WRITE_EVERY
            self._since = now
            self._asked = asyncio.create_task(self._ask(now if due else None), name="look at the log")
        done, _ = await asyncio.wait({self._asked}, timeout=PATIENCE_S)
        if not done:
            if (waited := self._clock.now() - self._since) >= LATE:
                path, seconds = self._store.database.path, waited.total_seconds()
                self.problem = f"{path} has not answered for {seconds:.0f} s: does another program hold its lock? {HELD}"
            return
        asked, self._asked = self._asked, None
        try:
            self.standing = asked.result()
        except DurableError as error:
            self.problem = f"{error}; {HELD}"
        else:
            self.problem = ""

    async def close(self) -> None:
        """Give up what was asked last."""
        if self._asked is not None:
            self._asked.cancel()
            await asyncio.gather(self._asked, return_exceptions=True)

    async def _ask(self, written: datetime | None) -> Standing:
        standing = await self._store.standing(written=written)
        self._written = written or self._written
        return standing
