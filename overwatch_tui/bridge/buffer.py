"""The thread-safe buffer between the swarm and the screen: `publish` returns at once, `drain` takes everything.

Samples and states of agents are slots that the newest value takes. Thoughts queue up to a bound and are counted where they
don't fit. Events, deaths of agents and notices of the host are always kept: what is decided rests on them, and the log that
they come from commits far fewer of them than a screen can take.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

from overwatch_tui.state.models import HostView

if TYPE_CHECKING:
    from agents.events import Event
    from agents.scores import Calibration
    from agents.telemetry import AgentState, RegionSample, SwarmState, Telemetric, Thought, UsersSample
    from overwatch_tui.state.store import Store

THOUGHTS = 4_000
SAMPLES = 512


@dataclass(frozen=True, slots=True)
class HistoryLoaded:
    """The log as it was when the swarm had opened it; not `known` where it could not be read."""

    events: Sequence[Event]
    known: bool = True


@dataclass(frozen=True, slots=True)
class Rewound:
    """A replay was moved: from here on the picture is that of `store`, and what was told before is out of date."""

    store: Store


Notice = HostView | HistoryLoaded | Rewound


@dataclass(frozen=True, slots=True)
class Batch:
    """What came since the last drain. `dropped` counts what was lost on the way, thoughts and slots beyond the bound."""

    notices: tuple[Notice, ...] = ()
    events: tuple[Event, ...] = ()
    regions: tuple[RegionSample, ...] = ()
    users: tuple[UsersSample, ...] = ()
    agents: tuple[AgentState, ...] = ()
    thoughts: tuple[Thought, ...] = ()
    swarm: SwarmState | None = None
    calibration: Calibration | None = None
    dropped: int = 0


class Buffer:
    """Implements the seam's `Feed`. `samples` bounds the slots, against names that never end."""

    def __init__(self, *, thoughts: int = THOUGHTS, samples: int = SAMPLES) -> None:
        self._lock = Lock()
        self._max_samples = samples
        self._slots: dict[tuple[str, str, str], Any] = {}
        self._thoughts: deque[Thought] = deque(maxlen=thoughts)
        self._events: list[Event] = []
        self._deaths: list[AgentState] = []
        self._notices: list[Notice] = []
        self._dropped = 0
        self._waiting = False

    def publish(self, item: Telemetric) -> None:
        """Take one item from any thread; never waits for the screen."""
        types = self._types
        with self._lock:
            self._waiting = True
            if isinstance(item, types.Event):
                self._events.append(item)
            elif isinstance(item, types.Thought):
                self._dropped += len(self._thoughts) == self._thoughts.maxlen
                self._thoughts.append(item)
            elif isinstance(item, types.RegionSample):
                self._put(("region", item.target, item.region), item)
            elif isinstance(item, types.UsersSample):
                self._put(("users", item.target, ""), item)
            elif isinstance(item, types.AgentState):
                if item.state == "down":
                    self._deaths.append(item)
                self._put(("agent", item.agent, ""), item)
            elif isinstance(item, types.SwarmState):
                self._put(("swarm", "", ""), item)
            elif isinstance(item, types.Calibration):
                self._put(("calibration", "", ""), item)
            else:
                self._dropped += 1

    def note(self, notice: Notice) -> None:
        """Take a notice of the host; never dropped."""
        with self._lock:
            self._waiting = True
            if isinstance(notice, Rewound):
                self._slots, self._events, self._deaths, self._notices = {}, [], [], []
                self._thoughts.clear()
            self._notices.append(notice)

    def lost(self, count: int) -> None:
        """Count what was lost before it came here."""
        with self._lock:
            self._waiting = True
            self._dropped += count

    def drain(self) -> Batch | None:
        """Everything since the last time, or None where nothing came."""
        if not self._waiting:
            return None
        with self._lock:
            slots, self._slots = self._slots, {}
            thoughts = tuple(self._thoughts)
            self._thoughts.clear()
            events, self._events = self._events, []
            deaths, self._deaths = self._deaths, []
            notices, self._notices = self._notices, []
            dropped, self._dropped = self._dropped, 0
            self._waiting = False
        by_kind: dict[str, list[Any]] = {"region": [], "users": [], "agent": [], "swarm": [], "calibration": []}
        for (kind, _, _), item in slots.items():
            by_kind[kind].append(item)
        alive = [state for state in by_kind["agent"] if not any(state is death for death in deaths)]
        return Batch(
            notices=tuple(notices),
            events=tuple(events),
            regions=tuple(by_kind["region"]),
            users=tuple(by_kind["users"]),
            agents=(*deaths, *alive),
            thoughts=thoughts,
            swarm=by_kind["swarm"][0] if by_kind["swarm"] else None,
            calibration=by_kind["calibration"][0] if by_kind["calibration"] else None,
            dropped=dropped,
        )

    def _put(self, key: tuple[str, str, str], item: object) -> None:
        sample = key[0] in {"region", "users"}  # the names of regions come from outside, the six agents do not
        if sample and key not in self._slots and len(self._slots) >= self._max_samples:
            self._dropped += 1
            return
        self._slots[key] = item

    @cached_property
    def _types(self) -> _Types:
        return _Types()


class _Types:
    """The classes to tell apart, imported with the first item: by then the swarm has them, and the first paint is over."""

    def __init__(self) -> None:
        from agents.events import Event  # noqa: PLC0415 - see above
        from agents.scores import Calibration  # noqa: PLC0415 - see above
        from agents.telemetry import (  # noqa: PLC0415 - see above
            AgentState,
            RegionSample,
            SwarmState,
            Thought,
            UsersSample,
        )

        self.Event = Event
        self.Thought = Thought
        self.RegionSample = RegionSample
        self.UsersSample = UsersSample
        self.AgentState = AgentState
        self.SwarmState = SwarmState
        self.Calibration = Calibration
