"""Opens the control room, over a swarm in this process or in another one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from overwatch_tui.app import OverwatchApp

if TYPE_CHECKING:
    from agents.settings import Settings
    from overwatch_tui.bridge.seam import SwarmHandle


def show(settings: Settings, home: Path, *, read_only: bool) -> None:
    """Run the control room until the person leaves. Raises KeymapError where a key of the configuration can't be used."""
    log_to_file(home / "logs" / "overwatch.log")

    def factory() -> SwarmHandle:
        from overwatch_tui.wiring import LocalSwarm  # noqa: PLC0415 - in the swarm's thread, after the first paint

        return LocalSwarm(settings, home, read_only=read_only)

    room(factory, settings, read_only=read_only).run()


def show_attached(settings: Settings, home: Path, *, read_only: bool) -> None:
    """Run the control room over the swarm of another process, until the person leaves. Raises KeymapError as `show` does."""
    log_to_file(home / "logs" / "attached.log")

    def factory() -> SwarmHandle:
        from overwatch_tui.attach.remote import RemoteSwarm  # noqa: PLC0415 - in the worker's thread, after the first paint
        from overwatch_tui.wiring import person  # noqa: PLC0415 - with it

        return RemoteSwarm(home, person(), read_only=read_only)

    room(factory, settings, read_only=read_only, attached=True).run()


def room(factory: Callable[[], SwarmHandle], settings: Settings, *, read_only: bool, attached: bool = False) -> OverwatchApp:
    """The control room as the configuration wants it."""
    made = OverwatchApp(
        factory,
        theme=settings.screen.theme,
        ascii_only=settings.screen.ascii,
        keymap=settings.screen.keys,
        read_only=read_only,
        clock=lambda: datetime.now(UTC),
        attached=attached,
    )
    made.listening = True
    return made


def log_to_file(path: Path) -> None:
    """Everything that libraries log goes to a file: nothing but the control room may write to the terminal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    from agents.clean_logs import take_secrets_out  # noqa: PLC0415 - after the first imports of the command line

    logging.basicConfig(filename=path, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    take_secrets_out()
    logging.captureWarnings(capture=True)
