"""`launch` opens the control room; `run` works without a screen and logs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any

import typer

from overwatch_tui.cli.common import (
    INTERRUPTED,
    CommandError,
    ConfigOption,
    JsonOption,
    UsageError,
    settings_of,
    writable_home,
)
from overwatch_tui.cli.log_lines import LogLines

if TYPE_CHECKING:
    from overwatch_tui.wiring import LocalSwarm


def launch(
    config: ConfigOption = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Look only: no chaos, no approvals, no failover.")] = False,
) -> None:
    """Open the control room, with the swarm inside it and, unless you configured targets, over a living demo."""
    if not (sys.__stdin__ and sys.__stdin__.isatty()):
        raise UsageError("the control room needs a terminal: without one, use `overwatch-tui run`")
    settings = settings_of(config)
    where = writable_home()
    from overwatch_tui.actions import KeymapError
    from overwatch_tui.screen import show

    try:
        show(settings, where, read_only=read_only)
    except KeymapError as error:
        raise UsageError(f"screen.{error}") from error


def run(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    heartbeat: Annotated[
        float, typer.Option("--heartbeat-seconds", min=1, max=3600, help="Seconds between two lines that say that all goes on.")
    ] = 60,
) -> None:
    """Run the swarm without a screen, one structured log line for each event, until Ctrl-C. `attach` opens a screen over it.

    Once the swarm is up, a heartbeat line comes every minute, unless told otherwise: where none comes, the swarm does not work.
    """
    settings = settings_of(config)
    where = writable_home()
    from agents.clean_logs import take_secrets_out
    from overwatch_tui.wiring import LocalSwarm

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    take_secrets_out()
    swarm = LocalSwarm(settings, where)
    log = LogLines(json_lines=as_json, closed=swarm.stop)
    came = run_swarm(lambda: _beating(swarm, log, heartbeat), swarm.stop)
    if log.problem is not None:
        raise log.problem
    if signal.SIGINT in came:
        raise typer.Exit(INTERRUPTED)


async def _beating(swarm: LocalSwarm, log: LogLines, seconds: float) -> None:
    """Run the swarm, and let the log say every so often that it does."""
    from agents.clock import SystemClock
    from agents.durable.errors import DurableError
    from overwatch_tui.wiring import NotRunningError

    clock = SystemClock()

    async def beat() -> None:
        await log.known.wait()
        while True:
            with contextlib.suppress(DurableError, NotRunningError):  # no sign of life now; the next one may be
                log.beat(clock.now(), await swarm.incidents())
            await clock.sleep(seconds)

    beating = asyncio.create_task(beat(), name="heartbeat")
    try:
        await swarm.run(log, lambda: None)
    finally:
        beating.cancel()
        await asyncio.wait({beating})
    if not beating.cancelled():
        beating.result()


def run_swarm(work: Callable[[], Coroutine[Any, Any, None]], stop: Callable[[], None]) -> list[int]:
    """Run a coroutine function that hosts a swarm, and call `stop` at Ctrl-C and SIGTERM; the signals that came.

    Raises CommandError with what stops the swarm from starting.
    """
    from agents.durable.errors import DurableError
    from overwatch_tui.demo import DemoError

    came: list[int] = []

    def arrived(number: int) -> None:
        came.append(number)
        stop()

    async def hosted() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, arrived, number)
        await work()

    try:
        asyncio.run(hosted())
    except (DurableError, DemoError) as error:
        raise CommandError(str(error)) from error
    return came
