"""The swarm's end of one connection: greets the screen, tells it everything, and carries out what it asks for.

A screen that reads too slowly loses telemetry, which is counted and told. Events are never left out: where too many of them wait,
the connection ends, and the screen comes again and reads them from the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Coroutine, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from agents.events import Event
from agents.sanitize import clean
from agents.telemetry import AgentState
from overwatch_tui.attach.link import PROTOCOL, Report
from overwatch_tui.attach.wire import (
    Answer,
    Arm,
    CaughtUp,
    Command,
    Decide,
    Dropped,
    ForceFailover,
    FromScreen,
    FromSwarm,
    Hello,
    Inject,
    Past,
    Pause,
    Probe,
    Refused,
    Targets,
    Welcome,
    WireError,
    encode,
    from_screen,
)
from overwatch_tui.bridge.buffer import Batch, Buffer
from overwatch_tui.desk import ReadOnlyError

if TYPE_CHECKING:
    from agents.telemetry import Telemetric
    from overwatch_tui.bridge.seam import TargetInfo
    from overwatch_tui.desk import Desk

HELLO_SECONDS = 5.0
EVENTS = 5_000
"""So many events and deaths of agents may wait for a screen."""

UNREAD_SECONDS = 60.0
"""A screen that takes nothing for so long, as one that was suspended, is hung up on: its place is for another."""

REQUESTS = 16
"""So many requests of one screen are in the works at once; it waits with the next."""

NAME = 64

_log = logging.getLogger(__name__)


class Hub(Protocol):
    """What a session needs of the listener that it belongs to."""

    @property
    def desk(self) -> Desk:
        """Who carries out what is asked."""
        ...

    def join(self, session: Session) -> str:
        """Take a session into the audience; why not, where that is refused."""
        ...

    def newest(self) -> Sequence[Telemetric]:
        """How everything stood last."""
        ...

    def targets(self) -> Sequence[TargetInfo]:
        """What is watched now."""
        ...

    async def report(self) -> Report:
        """How the swarm is."""
        ...

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Keep a request going, whether or not the screen that asked stays."""
        ...


class Session:
    """One screen, or one health check. `serve` returns when it has gone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hub: Hub) -> None:
        self._reader = reader
        self._writer = writer
        self._hub = hub
        self._buffer = Buffer()
        self._kept = 0
        self._news = asyncio.Event()
        self._answers: deque[Answer] = deque()
        self._room = asyncio.Semaphore(REQUESTS)
        self._targets: tuple[TargetInfo, ...] = ()
        self._me = ""
        self._read_only = True

    def take(self, item: Telemetric) -> None:
        """Take one item of the swarm's; never waits."""
        if isinstance(item, Event) or (isinstance(item, AgentState) and item.state == "down"):  # what the buffer always keeps
            self._kept += 1
            if self._kept > EVENTS:
                self._writer.transport.abort()
                return
        self._buffer.publish(item)
        self._news.set()

    async def serve(self, refusal: str = "") -> None:
        """Greet, and talk until one of the two ends has enough; with a `refusal`, say that and hang up."""
        with contextlib.suppress(OSError, TimeoutError):
            try:
                async with asyncio.timeout(HELLO_SECONDS):
                    hello = await self._next()
                if hello is None:
                    return
                if refusal:
                    await self._say(Refused(refusal))
                elif await self._greeted(hello):
                    await self._talk()
            except WireError as error:
                await self._say(Refused(f"{error}: install the same version at both ends"))

    async def _greeted(self, hello: FromScreen) -> bool:
        if not isinstance(hello, Hello | Probe):
            raise WireError(f"{type(hello).__name__!r} came before a greeting")
        if hello.protocol != PROTOCOL:
            raise WireError(f"this swarm speaks version {PROTOCOL} of the protocol, not {hello.protocol}")
        if isinstance(hello, Probe):
            await self._say(await self._hub.report())
            return False
        self._me, self._read_only = clean(hello.me, NAME).strip(), hello.read_only
        if refused := self._hub.join(self):
            await self._say(Refused(refused))
            return False
        return True

    async def _talk(self) -> None:
        telling, hearing = asyncio.create_task(self._tell()), asyncio.create_task(self._hear())
        both = {telling, hearing}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            await asyncio.wait(both)
        for task in both:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

    async def _tell(self) -> None:
        await self._say(Welcome(PROTOCOL))
        for item in self._hub.newest():
            self.take(item)
        await self._tell_past()
        while True:
            await self._news.wait()
            self._news.clear()
            self._kept = 0
            for message in self._waiting():
                await self._say(message)

    async def _tell_past(self) -> None:
        try:
            events = await self._hub.desk.history()
        except Exception as error:  # noqa: BLE001 - the live picture goes on, and says what is missing
            _log.exception("the history could not be read")
            await self._say(CaughtUp(clean(error, 400) or type(error).__name__))
            return
        for event in events:
            await self._say(Past(event))
            await asyncio.sleep(0)  # thousands fit into the system's buffer without one pause for the swarm
        await self._say(CaughtUp())

    def _waiting(self) -> Iterator[FromSwarm]:
        while self._answers:
            yield self._answers.popleft()
            self._room.release()
        if (targets := tuple(self._hub.targets())) != self._targets:
            self._targets = targets
            yield Targets(targets)
        batch = self._buffer.drain()
        if batch is not None:
            yield from _messages(batch)

    async def _hear(self) -> None:
        while (said := await self._next()) is not None:
            if isinstance(said, Hello | Probe):
                raise WireError("a second greeting came")
            await self._room.acquire()
            self._hub.spawn(self._carry_out(said))

    async def _carry_out(self, command: Command) -> None:
        try:
            answer = Answer(command.id, text=await self._asked(command))
        except Exception as error:  # noqa: BLE001 - a refusal is an answer, and is shown where it was asked
            answer = Answer(command.id, error=str(error) or type(error).__name__)
        self._answers.append(answer)
        self._news.set()

    async def _asked(self, command: Command) -> str:
        if self._read_only:
            raise ReadOnlyError("this control room was started with --read-only")
        desk, me = self._hub.desk, self._me
        match command:
            case Decide():
                c = command
                return await desk.decide(c.approval, c.approved, c.reason, c.confirm, c.binding, by=me)
            case Pause():
                return await desk.pause(command.reason, by=me)
            case Arm():
                return await desk.arm(by=me)
            case ForceFailover():
                return await desk.force_failover(command.target, command.region, by=me)
            case Inject():
                return await desk.chaos(command.target, command.region, command.fault)

    async def _next(self) -> FromScreen | None:
        try:
            line = await self._reader.readline()
        except ValueError:
            raise WireError("a line is too long") from None
        return from_screen(line) if line.endswith(b"\n") else None

    async def _say(self, message: FromSwarm) -> None:
        self._writer.write(encode(message))
        try:
            async with asyncio.timeout(UNREAD_SECONDS):
                await self._writer.drain()
        except TimeoutError:
            self._writer.transport.abort()  # closing would wait for it to read
            raise


def _messages(batch: Batch) -> Iterator[FromSwarm]:
    yield from batch.events
    yield from batch.agents
    yield from batch.regions
    yield from batch.users
    if batch.swarm is not None:
        yield batch.swarm
    if batch.calibration is not None:
        yield batch.calibration
    yield from batch.thoughts
    if batch.dropped:
        yield Dropped(batch.dropped)
