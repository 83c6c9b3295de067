"""The screen's end: a swarm of another process, behind the same seam as one's own.

It attaches again by itself when the swarm has gone and come back. The log is told anew each time, and the screen's state knows
which events it has folded, so nothing is lost and nothing is shown twice. What was asked while the swarm was away was not sent;
what was asked before, and not answered, is never sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.events import Event
from overwatch_tui.attach.link import PROTOCOL, AttachError, NobodyListensError, Report, connect, socket_path
from overwatch_tui.attach.wire import (
    LINE_FROM_SWARM,
    Answer,
    Arm,
    CaughtUp,
    Command,
    Decide,
    Dropped,
    ForceFailover,
    FromSwarm,
    Hello,
    Inject,
    Past,
    Pause,
    Refused,
    Targets,
    Welcome,
    WireError,
    encode,
    from_swarm,
)
from overwatch_tui.bridge.buffer import HistoryLoaded
from overwatch_tui.desk import HISTORY
from overwatch_tui.state.models import HostView

if TYPE_CHECKING:
    from overwatch_tui.bridge.seam import Feed, TargetInfo
    from overwatch_tui.chaos import ChaosFault

PAUSES = (0.25, 0.5, 1.0, 2.0, 5.0)
"""Seconds before each try to attach again; the last one from then on."""

STEADY_SECONDS = 10.0
"""A connection that held so long starts the pauses anew."""

SILENCE_SECONDS = 15.0
"""A swarm says how it stands each second; one that is silent for so long hangs."""

UNANSWERED = 64


class AskedError(RuntimeError):
    """The swarm refused a request, or could not be asked; the text says which."""


class HungUpError(AttachError):
    """The swarm ended, or this screen was too slow for it."""


class RemoteSwarm:
    """The swarm of `home`, run by another process of the same user. Implements the control room's `SwarmHandle`."""

    def __init__(
        self,
        home: Path,
        me: str,
        *,
        read_only: bool,
        dial: Callable[[Path], socket.socket] = connect,
        pauses: Sequence[float] = PAUSES,
        silence: float = SILENCE_SECONDS,
    ) -> None:
        self.read_only = read_only
        self.me = me
        self._home = home
        self._dial = dial
        self._pauses = pauses
        self._silence = silence
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._asked: dict[int, asyncio.Future[str]] = {}
        self._number = 0
        self._targets: tuple[TargetInfo, ...] = ()
        self._past: list[Event] = []
        self._past_problem = ""
        self._newest = ""
        self._known = False

    async def run(self, telemetry: Feed, ready: Callable[[], None]) -> None:
        """Stay attached until `stop`. The swarm goes on without this screen."""
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        work = asyncio.create_task(self._attend(telemetry, ready), name="attached")
        stop = asyncio.create_task(self._stop.wait(), name="stop")
        both: set[asyncio.Task[Any]] = {work, stop}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            await asyncio.wait(both)
        if not work.cancelled() and (error := work.exception()) is not None:
            raise error

    def stop(self) -> None:
        """Detach; thread-safe, returns at once."""
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop.set)

    async def history(self) -> Sequence[Event]:
        """The log as it was when this screen was attached."""
        if self._past_problem:
            raise AttachError(self._past_problem)
        past, self._past = self._past, []
        return past

    def targets(self) -> Sequence[TargetInfo]:
        """The targets that are watched, as the swarm told last."""
        return self._targets

    def decide(self, approval: str, approved: bool, reason: str, confirm: str = "", binding: str = "") -> Future[str]:
        """A person's decision on one request, of the plan that `binding` names; `confirm` is what they typed."""
        return self._submit(lambda number: Decide(number, approval, approved, reason, confirm, binding))

    def pause(self, reason: str) -> Future[str]:
        """Stop all automation."""
        return self._submit(lambda number: Pause(number, reason))

    def arm(self) -> Future[str]:
        """Let automation act again."""
        return self._submit(Arm)

    def force_failover(self, target: str, region: str) -> Future[str]:
        """Ask for all users of `target` to be moved to `region`, through the same gate."""
        return self._submit(lambda number: ForceFailover(number, target, region))

    def chaos(self, target: str, region: str, fault: ChaosFault) -> Future[str]:
        """Inject a fault into one region of a target that declares where."""
        return self._submit(lambda number: Inject(number, target, region, fault))

    def _submit(self, made: Callable[[int], Command]) -> Future[str]:
        if self._loop is None:
            future: Future[str] = Future()
            future.set_exception(AskedError("the swarm is away: nothing was sent"))
            return future
        return asyncio.run_coroutine_threadsafe(self._ask(made), self._loop)

    async def _ask(self, made: Callable[[int], Command]) -> str:
        writer = self._writer
        if writer is None:
            raise AskedError("the swarm is away: nothing was sent")
        if len(self._asked) >= UNANSWERED:
            raise AskedError(f"{UNANSWERED} requests are unanswered: nothing was sent")
        self._number += 1
        number = self._number
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        try:
            writer.write(encode(made(number)))
            return await answer
        finally:
            self._asked.pop(number, None)

    async def _attend(self, telemetry: Feed, ready: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            began = loop.time()
            try:
                async with self._connected() as (reader, writer):
                    await self._listen(reader, writer, telemetry, ready)
            except NobodyListensError:
                told = _gone(f"nobody listens on {str(socket_path(self._home))!r}")
            except HungUpError as error:
                told = _gone(str(error))
            except (AttachError, WireError) as error:
                told = f"this screen is not attached: {error}"
            except TimeoutError:
                told = _gone(f"it has said nothing for {self._silence:.0f} s")
            except OSError as error:
                told = _gone(error.strerror or str(error) or type(error).__name__)
            failures = 0 if loop.time() - began > STEADY_SECONDS else failures
            telemetry.note(HostView("away", told))
            await asyncio.sleep(self._pauses[min(failures, len(self._pauses) - 1)])
            failures += 1

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        connection = self._dial(self._home)  # not in a thread: it takes no time, and nothing else runs in this loop
        connection.setblocking(False)
        reader, writer = await asyncio.open_unix_connection(sock=connection, limit=LINE_FROM_SWARM)
        try:
            writer.write(encode(Hello(PROTOCOL, self.me, self.read_only)))
            yield reader, writer
        finally:
            self._writer = None
            for answer in self._asked.values():
                if not answer.done():
                    answer.set_exception(
                        AskedError("the connection was lost before the answer: the timeline shows whether it happened")
                    )
            writer.transport.abort()

    async def _listen(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, telemetry: Feed, ready: Callable[[], None]
    ) -> None:
        """Hear the swarm until the connection ends, which raises."""
        first = await self._next(reader)
        if not isinstance(first, Welcome) or first.protocol != PROTOCOL:
            raise WireError(f"it greets with {type(first).__name__!r}: install the same version at both ends")
        past, problem = await self._hear_past(reader)
        self._refuse_another_log(past, problem)
        self._writer = writer
        if not self._known:
            self._known, self._past, self._past_problem = True, past, problem
            ready()
        else:
            telemetry.note(HistoryLoaded(tuple(past), known=not problem))
            missing = f"the history could not be read ({problem}): what happened meanwhile is missing"
            telemetry.note(HostView("running", missing if problem else ""))
        while True:
            self._hear(await self._next(reader), telemetry)

    async def _hear_past(self, reader: asyncio.StreamReader) -> tuple[list[Event], str]:
        past: list[Event] = []
        while True:
            said = await self._next(reader)
            if isinstance(said, CaughtUp):
                return past, said.problem
            if not isinstance(said, Past) or len(past) >= HISTORY:
                raise WireError(f"it tells {type(said).__name__!r} out of turn: install the same version at both ends")
            past.append(said.event)

    def _hear(self, said: FromSwarm, telemetry: Feed) -> None:
        match said:
            case Answer():
                asked = self._asked.get(said.id)
                if asked is None or asked.done():
                    return
                if said.error:
                    asked.set_exception(AskedError(said.error))
                else:
                    asked.set_result(said.text)
            case Targets():
                self._targets = said.targets
            case Dropped():
                telemetry.lost(said.count)
            case Welcome() | Past() | CaughtUp() | Report() | Refused():
                raise WireError(f"it tells {type(said).__name__!r} out of turn: install the same version at both ends")
            case _:
                if isinstance(said, Event):
                    self._newest = said.id
                telemetry.publish(said)

    def _refuse_another_log(self, past: Sequence[Event], problem: str) -> None:
        """What was folded from one log can't go on with another: its incidents have the same names."""
        if self._newest and not problem and len(past) < HISTORY and all(event.id != self._newest for event in past):
            raise AttachError("the log of this home is another one now: leave this screen and attach again")
        if past:
            self._newest = past[-1].id

    async def _next(self, reader: asyncio.StreamReader) -> FromSwarm:
        try:
            async with asyncio.timeout(self._silence):
                line = await reader.readline()
        except ValueError:
            raise WireError(
                f"it sends lines of more than {LINE_FROM_SWARM} bytes: install the same version at both ends"
            ) from None
        if not line.endswith(b"\n"):
            raise HungUpError("it has hung up")
        said = from_swarm(line)
        if isinstance(said, Refused):
            raise AttachError(said.why)
        return said


def _gone(why: str) -> str:
    return f"the swarm is away ({why}): start it with `overwatch-tui run`, this screen follows by itself"
