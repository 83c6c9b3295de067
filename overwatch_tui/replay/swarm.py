"""A recording behind the seam of a swarm: it tells what was said and measured when its time comes, and takes no command."""

from __future__ import annotations

import asyncio
import contextlib
from bisect import bisect_right
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from agents.events import Event
from agents.telemetry import AgentState, RegionSample, SwarmState, Telemetric, Thought, UsersSample
from overwatch_tui.bridge.buffer import Batch, HistoryLoaded, Rewound
from overwatch_tui.bridge.seam import TargetInfo
from overwatch_tui.replay.player import Player
from overwatch_tui.replay.recording import Item, Recording
from overwatch_tui.state.models import HostView
from overwatch_tui.state.store import Store

if TYPE_CHECKING:
    from overwatch_tui.bridge.seam import Feed
    from overwatch_tui.chaos import ChaosFault

NOTHING_SENT = "this is a replay: nothing is sent"
RATE = 0.05
"""Seconds between two looks at what is due; the room draws no faster."""

SEQ_OF_A_JUMP = 10_000_000
"""Lines of the picture are numbered; after each jump the numbers begin anew, so that none is taken for an earlier one."""


class ReplayError(RuntimeError):
    """A command was given to a replay."""


class ReplaySwarm:
    """Implements the control room's `SwarmHandle` over a recording. Every command is refused; nothing else could take one."""

    read_only = True

    def __init__(self, recording: Recording, player: Player) -> None:
        self.me = "a replay"
        self._recording = recording
        self._player = player
        self._times = [item.at for item in recording.items]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    async def run(self, telemetry: Feed, ready: Callable[[], None]) -> None:
        """Play until `stop`; at the end of the recording the last picture stays."""
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        ready()
        told, jumps = 0, -1
        while not self._stop.is_set():
            position = self._player.position()
            due = bisect_right(self._times, position.at)
            if position.jumps != jumps:
                jumps = position.jumps
                telemetry.note(Rewound(fold(self._recording.items[:due], first=(jumps + 1) * SEQ_OF_A_JUMP)))
            else:
                for item in self._recording.items[told:due]:
                    telemetry.publish(item.what)
            told = due
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), RATE)

    def stop(self) -> None:
        """End `run`; thread-safe, returns at once."""
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop.set)

    async def history(self) -> Sequence[Event]:
        """What was said up to where it stands: the picture holds it already, and goes where the log does not have its newest."""
        due = bisect_right(self._times, self._player.position().at)
        return tuple(item.what for item in self._recording.items[:due] if isinstance(item.what, Event))

    def targets(self) -> Sequence[TargetInfo]:
        """The target that was recorded; nothing can be injected into it."""
        header = self._recording.header
        return (TargetInfo(header.target, header.regions, has_chaos=False, is_demo=False, faults=()),)

    def decide(self, approval: str, approved: bool, reason: str, confirm: str = "", binding: str = "") -> Future[str]:
        """Refused."""
        del approval, approved, reason, confirm, binding
        return _refused()

    def pause(self, reason: str) -> Future[str]:  # noqa: ARG002 - the seam's
        """Refused."""
        return _refused()

    def arm(self) -> Future[str]:
        """Refused."""
        return _refused()

    def force_failover(self, target: str, region: str) -> Future[str]:  # noqa: ARG002 - the seam's
        """Refused."""
        return _refused()

    def chaos(self, target: str, region: str, fault: ChaosFault) -> Future[str]:  # noqa: ARG002 - the seam's
        """Refused."""
        return _refused()


def fold(items: Sequence[Item], *, first: int = 0) -> Store:
    """The picture after these items, folded one by one, as a room has it that saw each of them. `first` numbers its lines."""
    store = Store(seq=first)
    store.apply(Batch(notices=(HistoryLoaded(()), HostView("running"))))
    for item in items:
        store.apply(_batch(item.what))
    return store


def _batch(what: Telemetric) -> Batch:
    match what:
        case Event():
            return Batch(events=(what,))
        case RegionSample():
            return Batch(regions=(what,))
        case UsersSample():
            return Batch(users=(what,))
        case AgentState():
            return Batch(agents=(what,))
        case Thought():
            return Batch(thoughts=(what,))
        case SwarmState():
            return Batch(swarm=what)
    return Batch()


def _refused() -> Future[Any]:
    future: Future[Any] = Future()
    future.set_exception(ReplayError(NOTHING_SENT))
    return future
