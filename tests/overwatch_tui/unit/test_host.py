"""The thread in which the swarm lives."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from agents.events import Event
from agents.telemetry import Telemetry
from overwatch_tui.bridge.buffer import Buffer, HistoryLoaded
from overwatch_tui.bridge.host import Host
from overwatch_tui.state.models import HostView
from tests.overwatch_tui import story
from tests.overwatch_tui.scripted import ScriptedSwarm


class Told:
    """What the host told the screen so far."""

    def __init__(self, buffer: Buffer) -> None:
        self._buffer = buffer
        self.notices: list[object] = []

    def look(self) -> list[object]:
        batch = self._buffer.drain()
        if batch is not None:
            self.notices += batch.notices
        return self.notices

    async def until(self, wanted: Callable[[list[object]], bool]) -> list[object]:
        for _ in range(500):
            if wanted(self.look()):
                return self.notices
            await asyncio.sleep(0.01)
        raise AssertionError(f"it was not told; what was told is {self.notices!r}")


@asynccontextmanager
async def hosted(factory: Callable[[], ScriptedSwarm]) -> AsyncIterator[tuple[Host, Told]]:
    buffer = Buffer()
    host = Host(factory, buffer)
    told = Told(buffer)
    host.start()
    try:
        yield host, told
    finally:
        host.stop()
        assert await host.closed(5)


async def test_the_history_comes_before_the_word_that_it_runs():
    events = story.told(*story.AWAITING)
    async with hosted(lambda: ScriptedSwarm(past=events)) as (_, told):
        notices = await told.until(lambda seen: HostView("running") in seen)
        assert notices == [HostView("starting"), HistoryLoaded(events), HostView("running")]


async def test_the_factory_is_called_in_the_swarms_own_thread():
    names: list[str] = []

    def factory() -> ScriptedSwarm:
        names.append(threading.current_thread().name)
        return ScriptedSwarm()

    async with hosted(factory) as (_, told):
        await told.until(lambda seen: HostView("running") in seen)
    assert names == ["swarm"]


async def test_a_factory_that_fails_is_told_with_its_reason():
    def factory() -> ScriptedSwarm:
        raise RuntimeError("the database is locked by process 7: stop it first")

    async with hosted(factory) as (host, told):
        wanted = HostView("failed", "RuntimeError: the database is locked by process 7: stop it first")
        await told.until(lambda seen: wanted in seen)
        assert host.handle is None


async def test_a_swarm_that_crashed_can_be_started_again():
    class Crashing(ScriptedSwarm):
        async def live(self) -> None:
            if not crashed:
                crashed.append(True)
                raise OSError("disk full")
            await super().live()

    crashed: list[bool] = []
    async with hosted(Crashing) as (host, told):
        await told.until(lambda seen: any(isinstance(n, HostView) and n.phase == "failed" for n in seen))
        assert await host.closed(5)
        assert host.start()
        await told.until(lambda seen: seen[-1] == HostView("running"))
        assert not host.start()


async def test_a_history_that_can_not_be_read_is_told_and_the_swarm_goes_on():
    class Forgetful(ScriptedSwarm):
        async def history(self) -> Sequence[Event]:
            raise OSError("unreadable page 3")

    async with hosted(Forgetful) as (host, told):
        notices = await told.until(lambda seen: HistoryLoaded((), known=False) in seen and isinstance(seen[-1], HostView))
        assert "unreadable page 3" in notices[-1].problem  # type: ignore[attr-defined]
        assert host.alive


async def test_a_swarm_that_does_not_listen_is_cancelled():
    class Stubborn(ScriptedSwarm):
        async def live(self) -> None:
            await asyncio.Event().wait()

    async with hosted(Stubborn) as (host, told):
        await told.until(lambda seen: HostView("running") in seen)
        host.stop()
        await told.until(lambda seen: seen[-1] == HostView("stopped"))


async def test_stopping_before_the_swarm_is_made_never_runs_it():
    making, go = threading.Event(), threading.Event()
    ran: list[bool] = []

    class Slow(ScriptedSwarm):
        async def run(self, telemetry: Telemetry, ready: Callable[[], None]) -> None:
            ran.append(True)
            await super().run(telemetry, ready)

    def factory() -> ScriptedSwarm:
        making.set()
        go.wait(5)
        return Slow()

    async with hosted(factory) as (host, _):
        assert await asyncio.to_thread(making.wait, 5)
        host.stop()
        go.set()
        assert await host.closed(5)
    assert not ran
