"""The swarm's ear: listens on the socket in its home, remembers how things stand, and passes on what the swarm tells.

Only the holder of the home's lock listens, so what lies at the socket's place is its own or left by a swarm that was killed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.scores import Calibration
from agents.telemetry import AgentState, RegionSample, SwarmState, Telemetric, UsersSample
from overwatch_tui.attach.link import AttachError, Report, peer, short, socket_path
from overwatch_tui.attach.session import Session
from overwatch_tui.attach.wire import LINE_FROM_SCREEN
from overwatch_tui.bridge.buffer import SAMPLES

if TYPE_CHECKING:
    from agents.seams import Clock
    from overwatch_tui.bridge.seam import TargetInfo
    from overwatch_tui.desk import Desk

SCREENS = 8
CONNECTIONS = 32
"""Screens, and whoever has not greeted yet or asks for the health alone."""

ACCEPTING_TURNS = 4
"""So many turns of the loop lie between a connection's acceptance and its being in our hands."""

_log = logging.getLogger(__name__)


class Listener:
    """One swarm's audience. Everything here runs in the swarm's loop; `publish` never waits for a screen."""

    def __init__(self, home: Path, clock: Clock, targets: Callable[[], Sequence[TargetInfo]]) -> None:
        self.problem = ""
        """Why nobody can attach, with the remedy; empty while somebody can."""
        self._path = socket_path(home)
        self._clock = clock
        self._desk: Desk | None = None
        self._targets = targets
        self._newest: dict[tuple[str, str, str], Telemetric] = {}
        self._screens: set[Session] = set()
        self._connections: set[asyncio.Task[None]] = set()
        self._requests: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._closed = False

    @property
    def desk(self) -> Desk:
        """Who carries out what is asked."""
        if self._desk is None:
            raise AttachError("the swarm is not up: wait until it is")
        return self._desk

    async def open(self, desk: Desk) -> None:
        """Listen. Where that can't be, `problem` says so, and the swarm goes on without an audience."""
        self._desk = desk
        try:
            listening = _listening(self._path)
            self._server = await asyncio.start_unix_server(self._came, sock=listening, limit=LINE_FROM_SCREEN)
        except AttachError as error:
            self.problem = f"nobody can attach: {error}"
        except OSError as error:
            why = error.strerror or error
            self.problem = (
                f"nobody can attach: {str(self._path)!r} can't be listened on ({why}): set OVERWATCH_HOME to another folder"
            )

    async def close(self, *, remove: bool) -> None:
        """Hang up. `remove` takes the socket away, which only the holder of the home's lock may do."""
        self._closed = True
        if self._server is None:
            return
        if remove:
            self._path.unlink(missing_ok=True)
        await self._accept_no_more(self._server)
        self._server.close()
        ending = self._connections | self._requests
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending, timeout=0.5)

    @staticmethod
    async def _accept_no_more(server: asyncio.Server) -> None:
        """Let whoever was accepted this very moment in, to be hung up on: a closed server forgets them, and never tells them."""
        for listening in server.sockets:
            asyncio.get_running_loop().remove_reader(listening.fileno())
        for _ in range(ACCEPTING_TURNS):
            await asyncio.sleep(0)

    def publish(self, item: Telemetric) -> None:
        """Remember how things stand, and pass it on. Implements `agents.telemetry.Telemetry`."""
        if (key := _slot(item)) is not None and (key in self._newest or len(self._newest) < SAMPLES):
            self._newest[key] = item
        for session in self._screens:
            session.take(item)

    def join(self, session: Session) -> str:
        """Take a session into the audience; why not, where that is refused."""
        if len(self._screens) >= SCREENS:
            return f"{SCREENS} screens are attached already: close one"
        self._screens.add(session)
        return ""

    def newest(self) -> Sequence[Telemetric]:
        """How everything stood last."""
        return tuple(self._newest.values())

    def targets(self) -> Sequence[TargetInfo]:
        """What is watched now."""
        return self._targets()

    async def report(self) -> Report:
        """How the swarm is. Whether it is paused is read now: whoever has just paused it must not hear that it is armed."""
        swarm = next((item for item in self._newest.values() if isinstance(item, SwarmState)), None)
        return Report(
            status="starting" if swarm is None else "paused" if await self.desk.paused() else "armed",
            agents={item.agent: item.state for item in self._newest.values() if isinstance(item, AgentState)},
            age_s=None if swarm is None else (self._clock.now() - swarm.at).total_seconds(),
        )

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Keep a request going, whether or not the screen that asked stays."""
        task = asyncio.create_task(work, name="an attached screen's request")
        self._requests.add(task)
        task.add_done_callback(self._requests.discard)

    async def _came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or self._closed or len(self._connections) >= CONNECTIONS:
            writer.transport.abort()
            return
        self._connections.add(task)
        session = Session(reader, writer, self)
        user, own = peer(writer.get_extra_info("socket")), os.geteuid()
        stranger = "" if user in {None, own} else f"this swarm is run by user {own}, not by user {user}: attach as that user"
        try:
            await session.serve(stranger)
        except asyncio.CancelledError:
            writer.transport.abort()  # the swarm ends, and waits for no reader
        except Exception:  # noqa: BLE001 - whatever one screen does, the swarm and the others go on
            _log.exception("an attached screen was given up")
        finally:
            self._screens.discard(session)
            self._connections.discard(task)
            writer.close()


def _listening(path: Path) -> socket.socket:
    """A socket at `path` that nobody else may use, from its first moment on; it takes the place of one that was left there."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with short(fresh) as name:
            listening.bind(name)
        fresh.chmod(0o600)
        listening.listen()
        fresh.replace(path)
    except BaseException:
        listening.close()
        raise
    return listening


def _slot(item: Telemetric) -> tuple[str, str, str] | None:
    match item:
        case RegionSample():
            return "region", item.target, item.region
        case UsersSample():
            return "users", item.target, ""
        case AgentState():
            return "agent", item.agent, ""
        case SwarmState():
            return "swarm", "", ""
        case Calibration():
            return "calibration", "", ""
    return None
