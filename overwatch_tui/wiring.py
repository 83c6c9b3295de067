"""Wires the swarm to whoever hosts it: the control room, the headless run, a drill.

Heavy imports wait until the swarm is built, which happens in the worker thread after the first paint.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.clock import SystemClock
from agents.telemetry import Telemetric, Telemetry
from overwatch_tui.chaos import ChaosFault
from overwatch_tui.desk import Desk, ReadOnlyError, infos
from overwatch_tui.identity import person

if TYPE_CHECKING:
    from agents.durable.store import Store
    from agents.events import Event
    from agents.settings import Settings, TargetSettings
    from agents.swarm import Surroundings
    from overwatch_tui.attach.listener import Listener
    from overwatch_tui.bridge.seam import TargetInfo
    from overwatch_tui.demo import Demo, DemoWorld


class NotRunningError(RuntimeError):
    """The swarm is not up, so the command could not be taken."""


class LocalSwarm:
    """The swarm in this process, with the demo world if it is wanted. Implements the control room's `SwarmHandle`.

    Whoever hosts it, screens of other processes can attach to it while it runs.
    """

    def __init__(self, settings: Settings, home: Path, *, read_only: bool = False) -> None:
        self._settings = settings
        self._home = home
        self.read_only = read_only
        self.me = person()
        self.world: DemoWorld | None = None
        """The demo world, once it is there."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._desk: Desk | None = None
        self._listener: Listener | None = None
        self._opening: asyncio.Task[None] | None = None
        self._targets: dict[str, TargetSettings] = {}
        self._demo: Demo | None = None
        self._starting: asyncio.Task[DemoWorld] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._problem = ""

    async def run(self, telemetry: Telemetry, ready: Callable[[], None]) -> None:
        """Run until `stop`. The demo ends with it; a crash leaves the demo running for a while."""
        from agents.swarm import Swarm  # noqa: PLC0415
        from overwatch_tui.attach.listener import Listener  # noqa: PLC0415
        from overwatch_tui.demo import Demo  # noqa: PLC0415

        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._home.mkdir(parents=True, exist_ok=True)
        self._demo = Demo(self._home, self._settings.demo) if self._settings.with_demo else None
        clock = SystemClock()
        listener = self._listener = Listener(self._home, clock, self.targets)
        swarm = Swarm(self._settings, self._home, Both(telemetry, listener), clock)

        def opened(store: Store) -> None:
            self._desk = Desk(store, lambda: self._targets, lambda: self.world)
            self._opening = asyncio.create_task(listener.open(self._desk), name="listen")
            if self._demo is not None:  # not before: while another swarm holds this home, the demo is that one's
                self._starting = asyncio.create_task(self._demo.start(), name="demo")
            ready()

        work = asyncio.create_task(swarm.run(self._surroundings, opened), name="swarm")
        stop = asyncio.create_task(self._stop.wait(), name="stop")
        try:
            await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self._end(work, stop)
        if work.done() and not work.cancelled() and (error := work.exception()) is not None:
            raise _plain(error)

    def stop(self) -> None:
        """End the run; thread-safe, returns at once."""
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stop.set)

    async def _end(self, work: asyncio.Task[None], stop: asyncio.Task[Any]) -> None:
        ending: set[asyncio.Task[Any]] = {work, stop}
        if self._keeping is not None:
            ending.add(self._keeping)
        if self._opening is not None:
            await asyncio.wait({self._opening})
        if self._listener is not None:  # before the home's lock is let go: the socket's place may be another swarm's after that
            await self._listener.close(remove=not work.done())
        for task in ending:
            task.cancel()
        self._desk = None
        if self._demo is not None and self._starting is not None:
            await self._demo.end(self._starting)
        await asyncio.wait(ending, timeout=2)

    async def _surroundings(self) -> Surroundings:
        from agents.swarm import Surroundings  # noqa: PLC0415
        from overwatch_tui.demo import TARGET  # noqa: PLC0415
        from overwatch_tui.mcp_config import approval_key_file, tool_server  # noqa: PLC0415

        targets = dict(self._settings.targets)
        identity: Mapping[str, str] = {}
        if self._demo is not None and self._starting is not None:
            self.world = await asyncio.shield(self._starting)
            self._keeping = asyncio.create_task(self._keep(self._demo, self.world), name="keep the demo")
            targets[TARGET] = self.world.target()
            identity = self.world.identity()
        self._targets = targets
        tools = self._settings.tools
        server = tool_server(tools, self._home, targets, identity, self._settings.policy.max_unavailable)
        key = None if server is None else approval_key_file(tools, self._home)
        return Surroundings(targets=targets, server=server, approval_key=key, problem=self._problem_now)

    def _problem_now(self) -> str:
        return self._problem or (self._listener.problem if self._listener is not None else "")

    async def _keep(self, demo: Demo, world: DemoWorld) -> None:
        """Keep the demo's lease, and say so on the screen when the demo is gone."""
        from overwatch_tui.demo import DemoError  # noqa: PLC0415

        try:
            await demo.keep(world)
        except DemoError as error:
            self._problem = str(error)

    def targets(self) -> Sequence[TargetInfo]:
        """The targets that are watched, for the screen."""
        return infos(self._targets)

    async def history(self) -> Sequence[Event]:
        """Every event of the log so far, oldest first, at most the newest of them."""
        return await self._need_desk().history()

    async def unresolved(self, target: str) -> str | None:
        """The id of a target's open incident, if there is one."""
        return await self._need_desk().unresolved(target)

    async def incidents(self) -> int:
        """How many incidents are not resolved."""
        return await self._need_desk().incidents()

    def decide(self, approval: str, approved: bool, reason: str, confirm: str = "", binding: str = "") -> Future[str]:
        """A person's decision on one request, of the plan that `binding` names; `confirm` is what they typed."""
        return self._submit(lambda desk: desk.decide(approval, approved, reason, confirm, binding, by=self.me))

    def pause(self, reason: str) -> Future[str]:
        """Stop all automation."""
        return self._submit(lambda desk: desk.pause(reason, by=self.me))

    def arm(self) -> Future[str]:
        """Let automation act again."""
        return self._submit(lambda desk: desk.arm(by=self.me))

    def force_failover(self, target: str, region: str) -> Future[str]:
        """Ask for all users of `target` to be moved to `region`, through the same gate."""
        return self._submit(lambda desk: desk.force_failover(target, region, by=self.me))

    def chaos(self, target: str, region: str, fault: ChaosFault) -> Future[str]:
        """Inject a fault into one region of a target that declares where."""
        return self._submit(lambda desk: desk.chaos(target, region, fault))

    def _submit(self, asked: Callable[[Desk], Coroutine[Any, Any, str]]) -> Future[str]:
        if self.read_only:
            return _failed(ReadOnlyError("this control room was started with --read-only"))
        if self._loop is None or self._desk is None:
            return _failed(NotRunningError("the swarm is not up: wait, or read the log"))
        return asyncio.run_coroutine_threadsafe(asked(self._desk), self._loop)

    def _need_desk(self) -> Desk:
        if self._desk is None:
            raise NotRunningError("the swarm is not up: wait, or read the log")
        return self._desk


class Both:
    """Telemetry that goes two ways."""

    def __init__(self, one: Telemetry, other: Telemetry) -> None:
        self._one, self._other = one, other

    def publish(self, item: Telemetric) -> None:
        """Hand it to both."""
        self._one.publish(item)
        self._other.publish(item)


def _failed(error: Exception) -> Future[str]:
    future: Future[str] = Future()
    future.set_exception(error)
    return future


def _plain(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


__all__ = ["LocalSwarm", "NotRunningError", "ReadOnlyError", "person"]
