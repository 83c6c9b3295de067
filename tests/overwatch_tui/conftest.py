"""Fixtures of the control room's tests: a clock that is moved by hand, a scripted swarm, and an app that shows it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

os.environ.pop("NO_COLOR", None)
os.environ.pop("TEXTUAL_THEME", None)

from textual.pilot import Pilot

from overwatch_tui.app import OverwatchApp
from overwatch_tui.bridge.host import Host
from tests.overwatch_tui import story
from tests.overwatch_tui.scripted import ScriptedSwarm


class HandClock:
    """Time that moves when the test says so."""

    def __init__(self) -> None:
        self.now = story.NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Room:
    """An app that runs, its pilot, its swarm and its clock."""

    def __init__(self, app: OverwatchApp, pilot: Pilot[None], swarm: ScriptedSwarm, clock: HandClock) -> None:
        self.app, self.pilot, self.swarm, self.clock = app, pilot, swarm, clock

    async def until(self, condition: Callable[[], Any], seconds: float = 5) -> None:
        deadline = asyncio.get_running_loop().time() + seconds
        while not condition():
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(f"it did not happen within {seconds} s; the screen was:\n{self.text()}")
            await self.pilot.pause(0.01)
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    def text(self) -> str:
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)

    @property
    def toasts(self) -> list[str]:
        return [note.message for note in self.app._notifications]


@pytest.fixture(autouse=True)
def _colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("TEXTUAL_THEME", raising=False)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def room(clock: HandClock) -> Iterator[Callable[..., Any]]:
    """`async with room(...) as r` shows a scripted swarm and waits until the live panes are there."""

    @asynccontextmanager
    async def make(
        swarm: ScriptedSwarm | None = None,
        *,
        size: tuple[int, int] = (120, 40),
        theme: str = "dark",
        ascii_only: bool = False,
        keymap: dict[str, str] | None = None,
        read_only: bool = False,
        live: bool = True,
    ) -> AsyncIterator[Room]:
        swarm = swarm or ScriptedSwarm()
        app = OverwatchApp(
            lambda: swarm, theme=theme, ascii_only=ascii_only, keymap=keymap or {}, read_only=read_only, clock=clock
        )
        async with app.run_test(size=size, notifications=True) as pilot:
            r = Room(app, pilot, swarm, clock)
            if live:
                await r.until(lambda: app.state.loaded and app.state.targets and app.screen.query("#live").first().display)
                await pilot.pause(0.3)  # the tables' next turn
            yield r

    yield make
    assert not any(t.is_alive() for t in _swarm_threads())


def _swarm_threads() -> list[Any]:
    import threading

    return [t for t in threading.enumerate() if t.name == "swarm"]


__all__ = ["HandClock", "Host", "Room"]
