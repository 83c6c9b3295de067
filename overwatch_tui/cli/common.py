"""What the commands share: settings, the database of a running swarm, and how an error is said."""

from __future__ import annotations

import asyncio
import json
import signal
import tempfile
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from agents.durable.store import Store
    from agents.settings import Settings

T = TypeVar("T")

INTERRUPTED = 128 + signal.SIGINT
"""The exit status after Ctrl-C."""

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="The configuration file. Default: $OVERWATCH_CONFIG, else ./overwatch.toml.", metavar="FILE"
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


class CommandError(Exception):
    """What failed, or what is missing, with the remedy. Printed on one line, without a traceback."""

    status = 1


class UsageError(CommandError):
    """What the person wrote can't be used: on the command line, or in the configuration."""

    status = 2


def settings_of(config: Path | None) -> Settings:
    """The settings. Raises UsageError with the key that is wrong."""
    from agents.settings import SettingsError, load

    try:
        return load(config)
    except SettingsError as error:
        raise UsageError(str(error)) from error


def home() -> Path:
    """Where all state lies."""
    from agents.home import home as where

    return where()


def writable_home() -> Path:
    """The home, made if need be. Raises CommandError where nothing can be kept there."""
    where = home()
    try:
        where.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=where):
            pass
    except OSError as error:
        raise CommandError(
            f"can't write to the home {str(where)!r} ({error.strerror}): set OVERWATCH_HOME to a folder of yours"
        ) from error
    return where


def with_store(work: Callable[[Store], Awaitable[T]]) -> T:
    """Run `work` on the database of this home, beside a running swarm. Raises CommandError where there is none."""
    from pydantic import ValidationError

    from agents.clock import SystemClock
    from agents.durable.errors import DurableError
    from agents.durable.store import Store
    from agents.events import UnknownEventTypeError

    path = home() / "overwatch.db"
    if not path.is_file():
        raise CommandError(
            f"no swarm has run here: {str(path)!r} does not exist; start one with `overwatch-tui launch`, or set OVERWATCH_HOME"
        )

    async def opened() -> T:
        store = await Store.open(path, exclusive=False, clock=SystemClock())
        try:
            return await work(store)
        finally:
            await store.close()

    try:
        return asyncio.run(opened())
    except DurableError as error:
        raise CommandError(str(error)) from error
    except (ValidationError, UnknownEventTypeError) as error:
        raise CommandError(
            f"{str(path)!r} holds what this version can't read: `overwatch-tui audit verify` says whether it was changed"
        ) from error


def echo_json(value: Any) -> None:
    """One JSON document on stdout; times are ISO 8601."""

    def said(other: object) -> str:
        return other.isoformat() if isinstance(other, datetime) else str(other)

    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=said))
