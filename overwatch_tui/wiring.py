"""Wires the swarm to whoever hosts it: the control room, the headless run, a drill.

Heavy imports wait until the swarm is built, which happens in the worker thread after the first paint.
"""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.clock import SystemClock
from agents.telemetry import SwarmState, Telemetry
from overwatch_tui.chaos import ChaosError, ChaosFault, inject, offered

if TYPE_CHECKING:
    from agents.durable.store import Store
    from agents.events import Event
    from agents.settings import Settings, TargetSettings
    from agents.swarm import Surroundings
    from overwatch_tui.bridge.seam import TargetInfo
    from overwatch_tui.demo import Demo, DemoWorld


class NotRunningError(RuntimeError):
    """The swarm is not up, so the command could not be taken."""


class ReadOnlyError(PermissionError):
    """This control room may look, not act."""


class LocalSwarm:
    """The swarm in this process, with the demo world if it is wanted. Implements the control room's `SwarmHandle`."""

    def __init__(self, settings: Settings, home: Path, *, read_only: bool = False) -> None:
        self._settings = settings
        self._home = home
        self.read_only = read_only
        self.me = person()
        self.world: DemoWorld | None = None
        """The demo world, once it is there."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._store: Store | None = None
        self._targets: dict[str, TargetSettings] = {}
        self._demo: Demo | None = None
        self._starting: asyncio.Task[DemoWorld] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._problem = ""

    async def run(self, telemetry: Telemetry, ready: Callable[[], None]) -> None:
        """Run until `stop`. The demo ends with it; a crash leaves the demo running for a while."""
        from agents.swarm import Swarm  # noqa: PLC0415
        from overwatch_tui.demo import Demo  # noqa: PLC0415

        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._home.mkdir(parents=True, exist_ok=True)
        self._demo = Demo(self._home, self._settings.demo) if self._settings.with_demo else None
        swarm = Swarm(self._settings, self._home, telemetry, SystemClock())

        def opened(store: Store) -> None:
            self._store = store
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
        for task in ending:
            task.cancel()
        self._store = None
        if self._demo is not None and self._starting is not None:
            await self._demo.end(self._starting)
        await asyncio.wait(ending, timeout=2)

    async def _surroundings(self) -> Surroundings:
        from agents.swarm import Surroundings  # noqa: PLC0415
        from overwatch_tui.demo import TARGET  # noqa: PLC0415
        from overwatch_tui.mcp_config import tool_server  # noqa: PLC0415

        targets = dict(self._settings.targets)
        identity: Mapping[str, str] = {}
        if self._demo is not None and self._starting is not None:
            self.world = await asyncio.shield(self._starting)
            self._keeping = asyncio.create_task(self._keep(self._demo, self.world), name="keep the demo")
            targets[TARGET] = self.world.target()
            identity = self.world.identity()
        self._targets = targets
        server = tool_server(self._settings.tools, self._home, targets, identity)
        return Surroundings(targets=targets, server=server, problem=lambda: self._problem)

    async def _keep(self, demo: Demo, world: DemoWorld) -> None:
        """Keep the demo's lease, and say so on the screen when the demo is gone."""
        from overwatch_tui.demo import DemoError  # noqa: PLC0415

        try:
            await demo.keep(world)
        except DemoError as error:
            self._problem = str(error)

    def targets(self) -> Sequence[TargetInfo]:
        """The targets that are watched, for the screen."""
        from overwatch_tui.bridge.seam import TargetInfo  # noqa: PLC0415

        return tuple(
            TargetInfo(
                name=name,
                regions=tuple(target.regions),
                has_chaos=target.chaos is not None,
                is_demo=target.chaos is not None and target.chaos.demo,
                faults=offered(target),
            )
            for name, target in self._targets.items()
        )

    async def history(self) -> Sequence[Event]:
        """Every event of the log so far, oldest first, at most the newest 5,000."""
        return await self._need_store().recent_events(5_000)

    async def unresolved(self, target: str) -> str | None:
        """The id of a target's open incident, if there is one."""
        incident = await self._need_store().unresolved(target)
        return None if incident is None else incident.id

    def decide(self, approval: str, approved: bool, reason: str) -> Future[str]:
        """A person's decision on one request."""

        async def work() -> str:
            await self._need_store().decide_approval(approval, approved=approved, by=self.me, reason=reason)
            return f"{approval} {'approved' if approved else 'rejected'} by {self.me}"

        return self._submit(work())

    def pause(self, reason: str) -> Future[str]:
        """Stop all automation."""

        async def work() -> str:
            await self._need_store().pause(by=self.me, reason=reason)
            return "automation is paused: nothing is executed until it is armed"

        return self._submit(work())

    def arm(self) -> Future[str]:
        """Let automation act again."""

        async def work() -> str:
            await self._need_store().arm(by=self.me)
            return "automation is armed"

        return self._submit(work())

    def force_failover(self, target: str, region: str) -> Future[str]:
        """Ask for all users of `target` to be moved to `region`, through the same gate."""

        async def work() -> str:
            if region not in self._targets[target].regions:
                raise ValueError(f"{region!r} is not a region of {target!r}: choose of {sorted(self._targets[target].regions)}")
            incident = await self._need_store().request_failover(target, region, by=self.me)
            return f"{incident}: failover of {target} to {region} is on its way through the gate"

        return self._submit(work())

    def chaos(self, target: str, region: str, fault: ChaosFault) -> Future[str]:
        """Inject a fault into one region of a target that declares where."""

        async def work() -> str:
            settings = self._targets.get(target)
            if settings is None:
                raise ChaosError(f"{target!r} is not there yet: wait until its regions show")
            return await inject(settings, self.world, region, fault)

        return self._submit(work())

    def _submit(self, work: Coroutine[Any, Any, str]) -> Future[str]:
        if self.read_only:
            work.close()
            return _failed(ReadOnlyError("this control room was started with --read-only"))
        if self._loop is None or self._store is None:
            work.close()
            return _failed(NotRunningError("the swarm is not up: wait, or read the log"))
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _need_store(self) -> Store:
        if self._store is None:
            raise NotRunningError("the swarm is not up: wait, or read the log")
        return self._store


def person() -> str:
    """Who sits here, for the record."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


def _failed(error: Exception) -> Future[str]:
    future: Future[str] = Future()
    future.set_exception(error)
    return future


def _plain(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


__all__ = ["LocalSwarm", "NotRunningError", "ReadOnlyError", "SwarmState", "person"]
