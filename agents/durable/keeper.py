"""Looks after the journal while the swarm runs: examines it, pauses automation where it does not fit, and prunes it daily.

A journal that was changed is no ground to act on: what was tried, approved and paused is read from it. So automation is paused,
by a record that names what does not fit. A person who has looked may arm it again; the same finding does not pause it twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable
from pathlib import Path

from agents.durable.audit import examine
from agents.durable.errors import DurableError, StorageError
from agents.durable.retention import SOURCE, BrokenJournalError, Retention
from agents.durable.store import Store
from agents.events import AutomationPaused, Event
from agents.journal_settings import JournalSettings
from agents.sanitize import clean
from agents.seams import Clock

NEWEST = 10_000
"""Records that are walked before anybody may act: a fraction of a second. All are, soon after, beside the running swarm."""
FIRST_S = 60.0
DAY_S = 86_400.0
AGAIN_S = 300.0

_log = logging.getLogger(__name__)


class JournalKeeper:
    """`problem` is what does not fit, with the remedy; empty while all does."""

    def __init__(self, store: Store, settings: JournalSettings, archive: Path, clock: Clock) -> None:
        self._store = store
        self._retention = Retention(store, settings, archive)
        self._clock = clock
        self.problem = ""

    async def check(self) -> None:
        """Walk the newest part of the chain, before the agents start. Never raises for what is wrong with the log."""
        await self._guarded(self._examine(NEWEST))

    async def run(self) -> None:
        """Examine everything and prune, once a day, until cancelled."""
        await self._clock.sleep(FIRST_S)
        while True:
            await self._clock.sleep(DAY_S if await self._guarded(self.day()) else AGAIN_S)

    async def day(self) -> None:
        """What is done once a day. Raises DurableError and OSError."""
        await self._examine(None)
        if self.problem:
            return
        done = await self._retention.prune()
        if done.records or done.samples or done.outcomes:
            _log.info("pruned %s", done)

    async def _examine(self, newest: int | None) -> None:
        try:
            verdict = await asyncio.to_thread(examine, self._store.database.path, newest=newest)
        except StorageError:
            raise
        except DurableError as error:
            await self._distrust(str(error))
            return
        if (broken := verdict.broken) is not None:
            await self._distrust(broken.line(), verdict.head.hash if broken.flaw == "automation" else "")
        else:
            self.problem = ""

    async def _distrust(self, what: str, again: str = "") -> None:
        """Pause for a finding, once. `again` tells it from an earlier one in the same words, where pausing has mended that."""
        self.problem = f"the journal was changed: {clean(what)}: overwatch-tui audit verify"
        finding = hashlib.sha256(f"{what}{again}".encode("utf-8", "replace")).hexdigest()[:24]
        pause = AutomationPaused(by=SOURCE, reason=self.problem[:2_000])
        await self._store.append([Event(id=f"distrust:{finding}", source=SOURCE, data=pause, time=self._clock.now())])

    async def _guarded(self, work: Awaitable[None]) -> bool:
        """Whether it was done; where it was not, it is tried again soon."""
        try:
            await work
        except BrokenJournalError as error:
            await self._guarded(self._distrust(str(error)))
            return False
        except (DurableError, OSError) as error:
            _log.warning("the journal could not be looked after: %s", error)
            return False
        return True
