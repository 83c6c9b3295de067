"""Opens the control room over a recording."""

from __future__ import annotations

import logging
import time
from datetime import datetime
from typing import TYPE_CHECKING

from overwatch_tui.replay.app import ReplayApp
from overwatch_tui.replay.player import Player
from overwatch_tui.replay.swarm import ReplaySwarm

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.settings import Settings
    from overwatch_tui.replay.recording import Recording


def show(recording: Recording, settings: Settings, *, speed: float, start: datetime) -> None:
    """Play it until the person leaves. Raises KeymapError where a key of the configuration can't be used."""
    logging.basicConfig(handlers=[logging.NullHandler()])
    logging.captureWarnings(capture=True)
    room(recording, settings, speed=speed, start=start, seconds=time.monotonic).run()


def room(recording: Recording, settings: Settings, *, speed: float, start: datetime, seconds: Callable[[], float]) -> ReplayApp:
    """The room as the configuration wants it; `seconds` is a clock that only goes on."""
    header = recording.header
    stops = tuple(event.time for event in recording.events)
    player = Player(header.since, header.until, stops, speed=speed, start=start, seconds=seconds)
    return ReplayApp(
        player,
        lambda: ReplaySwarm(recording, player),
        theme=settings.screen.theme,
        ascii_only=settings.screen.ascii,
        keymap=settings.screen.keys,
    )
