"""One writer for each target, also across processes: a server that still finishes, its successor, a person's hand.

The lock is an advisory lock of the kernel on a file beside the journal: it ends with the process that holds it, however
that ends, so that nothing is left locked by a crash.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from overwatch_mcp.clock import Clock
from overwatch_mcp.errors import BusyError, JournalError

POLL_SECONDS = 0.05


class TargetLocks:
    """The locks of all targets that share one journal."""

    def __init__(self, journal: Path, clock: Clock, patience: float) -> None:
        """`patience` is how many seconds to wait for another writer."""
        real = journal.resolve()  # as SQLite does: one journal has one folder of locks, whatever link leads to it
        self._folder = real.with_name(f"{real.name}.locks")
        self._clock = clock
        self._patience = patience

    @asynccontextmanager
    async def hold(self, target: str, operation_id: str) -> AsyncIterator[None]:
        """Hold a target's lock. Raises BusyError when another writer does not finish in time."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(self._folder / target, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalError(f"can't lock {target!r} in {str(self._folder)!r} ({error.strerror}): check its rights") from error
        try:
            await self._take(lock, target)
            with contextlib.suppress(OSError):  # the name only serves a message
                os.ftruncate(lock, 0)
                os.pwrite(lock, f"{operation_id} of process {os.getpid()}".encode(), 0)
            yield
        finally:
            os.close(lock)

    async def _take(self, lock: int, target: str) -> None:
        deadline = self._clock.monotonic() + self._patience
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if self._clock.monotonic() >= deadline:
                    holder = os.pread(lock, 512, 0).decode(errors="replace")
                    waited = f"{self._patience:.0f} s"
                    raise BusyError(
                        f"{target!r} was busy with {holder!r} for {waited}: nothing was done, ask again later"
                    ) from None
                await self._clock.sleep(POLL_SECONDS)
            except OSError as error:
                raise JournalError(f"can't lock {target!r} ({error.strerror}): put the journal on a local disk") from error
