"""One thread with an asyncio loop of its own, in which the swarm lives. A slow screen can't slow it, nor the other way round."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock, Thread
from typing import TYPE_CHECKING

from overwatch_tui.bridge.buffer import Buffer, HistoryLoaded
from overwatch_tui.state.models import HostView

if TYPE_CHECKING:
    from overwatch_tui.bridge.seam import SwarmHandle

THREADS = 32
"""The default of asyncio is the number of processors and four: a few blocking calls would starve the rest."""

GRACE = 1.0
"""Seconds that a swarm has to end by itself after `stop`, before it is cancelled."""

_log = logging.getLogger(__name__)


class Host:
    """Runs what `factory` makes, in a daemon thread: leaving the program never waits for it longer than it wants to.

    The factory is called in that thread, because it imports what is heavy. Whatever ends the run is told to the screen.
    """

    def __init__(self, factory: Callable[[], SwarmHandle], buffer: Buffer) -> None:
        self._factory = factory
        self._buffer = buffer
        self._lock = Lock()
        self._thread: Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self.handle: SwarmHandle | None = None
        """The swarm, once it is made; None while it is starting and after it ended."""

    @property
    def alive(self) -> bool:
        """Whether the swarm's thread still runs."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> bool:
        """Start the swarm, or start it again; False where it runs already."""
        if self.alive:
            return False
        self._stopping = False
        self._buffer.note(HostView("starting"))
        self._thread = Thread(target=self._run, name="swarm", daemon=True)
        self._thread.start()
        return True

    def stop(self) -> None:
        """Tell the swarm to end, and cancel it where it does not within the grace."""
        with self._lock:
            self._stopping = True
            handle, loop = self.handle, self._loop
        if handle is not None:
            handle.stop()
        if loop is not None:
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._cancel_later)

    async def closed(self, timeout: float) -> bool:
        """Wait until the thread has ended, at most `timeout` seconds; whether it has."""
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, timeout)
        return not self.alive

    def _run(self) -> None:
        try:
            handle = self._factory()
            with self._lock:
                if self._stopping:
                    return
                self.handle = handle
            asyncio.run(self._live(handle))
        except asyncio.CancelledError:
            self._buffer.note(HostView("stopped"))
        except Exception as error:  # noqa: BLE001 - whatever it is, the screen stays, and says so
            _log.exception("the swarm ended with an error")
            self._buffer.note(HostView("failed", _told(error)))
        else:
            self._buffer.note(HostView("stopped"))
        finally:
            with self._lock:
                self.handle, self._loop, self._task = None, None, None

    async def _live(self, handle: SwarmHandle) -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="swarm"))
        with self._lock:
            self._loop, self._task = loop, asyncio.current_task()
            stopping = self._stopping
        if stopping:
            return
        loading: set[asyncio.Task[None]] = set()

        def ready() -> None:
            loop.call_soon_threadsafe(lambda: loading.add(loop.create_task(self._load(handle))))

        try:
            await handle.run(self._buffer, ready)
        finally:
            for task in loading:
                task.cancel()

    async def _load(self, handle: SwarmHandle) -> None:
        try:
            events = await handle.history()
        except Exception as error:  # noqa: BLE001 - the live picture goes on, and says what is missing
            _log.exception("the history could not be read")
            self._buffer.note(HistoryLoaded((), known=False))
            self._buffer.note(HostView("running", f"the history could not be read ({error}): what happened before is missing"))
            return
        self._buffer.note(HistoryLoaded(tuple(events)))
        self._buffer.note(HostView("running"))

    def _cancel_later(self) -> None:
        if self._loop is not None and self._task is not None:
            self._loop.call_later(GRACE, self._task.cancel)


def _told(error: Exception) -> str:
    """Our own errors speak for themselves; of others, the kind is half of what they say."""
    kind, text = type(error), str(error)
    return text if text and kind.__module__.startswith(("agents.", "overwatch_tui.")) else f"{kind.__name__}: {text}"
