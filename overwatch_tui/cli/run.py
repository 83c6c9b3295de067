"""`launch` opens the control room; `run` works without a screen and logs."""

from __future__ import annotations

import asyncio
import json
import os
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

if TYPE_CHECKING:
    from agents.telemetry import Telemetric


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


def run(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Run the swarm without a screen, one structured log line for each event, until Ctrl-C."""
    settings = settings_of(config)
    where = writable_home()
    from overwatch_tui.wiring import LocalSwarm

    swarm = LocalSwarm(settings, where)
    log = LogLines(json_lines=as_json, closed=swarm.stop)
    came = run_swarm(lambda: swarm.run(log, lambda: None), swarm.stop)
    if log.problem is not None:
        raise log.problem
    if signal.SIGINT in came:
        raise typer.Exit(INTERRUPTED)


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


class LogLines:
    """Telemetry as log lines on stdout: every event, and every change of an agent's or the swarm's state."""

    def __init__(self, *, json_lines: bool, closed: Callable[[], None]) -> None:
        self._json = json_lines
        self._closed = closed
        self.problem: OSError | None = None
        """Why the log can't be written; a reader who went away is no problem."""
        self._last: dict[str, str] = {}

    def publish(self, item: Telemetric) -> None:
        """Print what a log reader wants to know; samples and thoughts are not logged."""
        from agents.events import Event
        from agents.telemetry import AgentState, SwarmState

        match item:
            case Event():
                self._line(
                    item.time.isoformat(), "event", type=item.type, incident=item.incident, source=item.source, **_words(item)
                )
            case AgentState(state="starting" | "down"):
                self._change(
                    item.agent, item.state, item.at.isoformat(), "agent", agent=item.agent, state=item.state, detail=item.detail
                )
            case AgentState():
                self._change(item.agent, "up", item.at.isoformat(), "agent", agent=item.agent, state="up")
            case SwarmState():
                words = f"{item.automation} {item.problem}"
                self._change("", words, item.at.isoformat(), "swarm", automation=item.automation, problem=item.problem)

    def _change(self, key: str, value: str, at: str, kind: str, **fields: str) -> None:
        if self._last.get(key) != value:
            self._last[key] = value
            self._line(at, kind, **fields)

    def _line(self, at: str, kind: str, **fields: Any) -> None:
        if self._json:
            text = json.dumps({"time": at, "kind": kind, **fields}, ensure_ascii=False, default=str)
        else:
            shown = (f"{key}={json.dumps(value, ensure_ascii=False, default=str)}" for key, value in fields.items() if value)
            text = f"{at} {kind} " + " ".join(shown)
        try:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
        except OSError as error:
            self.problem = None if isinstance(error, BrokenPipeError) else error
            _forget_stdout()
            self._closed()


def _forget_stdout() -> None:
    """Nobody reads any more: what is still to be flushed goes nowhere, without a complaint at the exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _words(event: Any) -> dict[str, str]:
    from overwatch_tui.describe import describe

    return {"text": describe(event)}
