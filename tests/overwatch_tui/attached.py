"""Both ends of an attachment for tests: a desk that records, a swarm that is heard, a raw screen, and a feed that remembers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from agents.events import Event
from overwatch_tui.attach.link import PROTOCOL, connect
from overwatch_tui.attach.listener import Listener
from overwatch_tui.attach.remote import RemoteSwarm
from overwatch_tui.attach.wire import Hello, Past, encode, from_swarm
from overwatch_tui.bridge.buffer import Buffer, HistoryLoaded
from overwatch_tui.bridge.seam import TargetInfo
from overwatch_tui.chaos import ChaosFault
from overwatch_tui.state.store import Store
from tests.overwatch_tui import story
from tests.overwatch_tui.scripted import DEMO


class FakeDesk:
    """The interface of `Desk`; writes down what is asked, and by whom."""

    def __init__(self, past: Sequence[Event] = ()) -> None:
        self.past = list(past)
        self.asked: list[tuple[object, ...]] = []
        self.refuse: Exception | None = None
        self.unreadable: Exception | None = None
        self.is_paused = False
        self.go = asyncio.Event()
        self.go.set()

    async def history(self) -> Sequence[Event]:
        if self.unreadable is not None:
            raise self.unreadable
        return tuple(self.past)

    async def unresolved(self, target: str) -> str | None:
        return None

    async def incidents(self) -> int:
        return 0

    async def paused(self) -> bool:
        return self.is_paused

    async def decide(self, approval: str, approved: bool, reason: str, confirm: str = "", binding: str = "", *, by: str) -> str:
        return await self._done("decide", approval, approved, reason, *(said for said in (confirm, binding) if said), by)

    async def pause(self, reason: str, *, by: str) -> str:
        return await self._done("pause", reason, by)

    async def arm(self, *, by: str) -> str:
        return await self._done("arm", by)

    async def force_failover(self, target: str, region: str, *, by: str) -> str:
        return await self._done("failover", target, region, by)

    async def chaos(self, target: str, region: str, fault: ChaosFault) -> str:
        return await self._done("chaos", target, region, fault)

    async def _done(self, *asked: object) -> str:
        await self.go.wait()
        if self.refuse is not None:
            raise self.refuse
        self.asked.append(asked)
        return f"{asked[0]} done"


class StoryClock:
    def now(self):
        return story.NOW

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here waits for the clock")


class Heard:
    """A swarm's ear over a fake desk, and what the swarm says into it."""

    def __init__(self, home: Path, desk: FakeDesk | None = None, targets: Sequence[TargetInfo] = (DEMO,)) -> None:
        self.desk = desk or FakeDesk()
        self.targets = tuple(targets)
        self.listener = Listener(home, StoryClock(), lambda: self.targets)

    async def __aenter__(self) -> Heard:
        await self.listener.open(self.desk)  # type: ignore[arg-type]
        assert self.listener.problem == ""
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.listener.close(remove=True)
        await closed()

    def commit(self, *events: Event) -> None:
        """As the swarm does it: into the log, then to the audience."""
        for event in events:
            self.desk.past.append(event)
            self.listener.publish(event)

    def say(self, *items: Any) -> None:
        for item in items:
            self.listener.publish(item)

    def all_well(self) -> None:
        self.say(*story.agent_states(), story.swarm_state(20), story.region_sample("east", 20), story.region_sample("west", 20))


class RawScreen:
    """The screen's end of the socket, line by line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, message: Any) -> None:
        self.writer.write(message if isinstance(message, bytes) else encode(message))

    async def next(self) -> Any:
        """What the swarm says next; None where it has hung up."""
        line = await asyncio.wait_for(self.reader.readline(), 20)
        return from_swarm(line) if line else None

    async def until(self, kind: type) -> list[Any]:
        """Everything up to the first of a kind."""
        said = []
        while not said or not isinstance(said[-1], kind):
            message = await self.next()
            assert message is not None, f"it hung up after {said!r}"
            said.append(message)
        return said


@asynccontextmanager
async def raw(home: Path, *greeting: Any) -> AsyncIterator[RawScreen]:
    connection = connect(home)
    connection.setblocking(False)
    reader, writer = await asyncio.open_unix_connection(sock=connection, limit=4 << 20)
    screen = RawScreen(reader, writer)
    try:
        for message in greeting:
            screen.send(message)
        yield screen
    finally:
        writer.transport.abort()
        await closed()


async def closed() -> None:
    """Let the loop close what was hung up on: that takes it two turns."""
    for _ in range(3):
        await asyncio.sleep(0)


ANNA = Hello(PROTOCOL, "anna", False)
LOOKER = Hello(PROTOCOL, "anna", True)


class Feed(Buffer):
    """The screen's buffer, folded as the screen folds it; remembers every notice."""

    def __init__(self) -> None:
        super().__init__()
        self.store = Store()
        self.notices: list[Any] = []

    @property
    def problem(self) -> str:
        return self.state.host.problem

    @property
    def state(self):
        batch = self.drain()
        if batch is not None:
            self.notices += batch.notices
            self.store.apply(batch)
        while self.store.behind:
            from overwatch_tui.bridge.buffer import Batch

            self.store.apply(Batch())
        return self.store.state

    def told(self) -> list[str]:
        """The timeline's lines, as ids of what was folded."""
        return [f"{entry.incident} {entry.text}" for entry in self.state.entries]


async def until(holds: Callable[[], Any], seconds: float = 20) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not holds():
        assert asyncio.get_running_loop().time() < deadline, "it did not happen in time"
        await asyncio.sleep(0.002)


class Attached:
    """A `RemoteSwarm` that runs as the host runs it."""

    def __init__(self, home: Path, **options: Any) -> None:
        self.feed = Feed()
        self.swarm = RemoteSwarm(home, "anna", **({"read_only": False, "pauses": (0.001,)} | options))
        self.ready = 0
        self._loading: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Attached:
        self._run = asyncio.create_task(self.swarm.run(self.feed, self._ready))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.swarm.stop()
        await asyncio.wait_for(self._run, 20)
        await closed()

    def _ready(self) -> None:
        self.ready += 1
        self._loading.append(asyncio.ensure_future(self._load()))

    async def _load(self) -> None:
        from overwatch_tui.state.models import HostView

        self.feed.note(HistoryLoaded(tuple(await self.swarm.history())))
        self.feed.note(HostView("running"))

    async def answer(self, future: Any) -> str:
        return await asyncio.wait_for(asyncio.wrap_future(future), 20)

    async def running(self) -> None:
        await until(lambda: self.feed.state.host.phase == "running")

    async def away(self) -> None:
        await until(lambda: self.feed.state.host.phase == "away")


def line(kind: str, **body: Any) -> bytes:
    return json.dumps({"kind": kind, "body": body}).encode() + b"\n"


__all__ = ["ANNA", "LOOKER", "Attached", "FakeDesk", "Feed", "Heard", "Past", "RawScreen", "closed", "line", "raw", "until"]
