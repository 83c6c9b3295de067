"""`launch` opens the control room; `run` works without a screen and logs."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from overwatch_tui.cli.common import CommandError, ConfigOption, JsonOption, home, settings_of

if TYPE_CHECKING:
    from pathlib import Path

    from agents.telemetry import Telemetric


def launch(
    config: ConfigOption = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Look only: no chaos, no approvals, no failover.")] = False,
) -> None:
    """Open the control room, with the swarm inside it and, unless you configured targets, over a living demo."""
    from overwatch_tui.screen import show

    settings = settings_of(config)
    where = home()
    _check_home(where)
    show(settings, where, read_only=read_only)


def run(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Run the swarm without a screen, one structured log line for each event, until Ctrl-C."""
    settings = settings_of(config)
    where = home()
    _check_home(where)
    from overwatch_tui.wiring import LocalSwarm

    swarm = LocalSwarm(settings, where)
    log = LogLines(json_lines=as_json)

    async def work() -> None:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, swarm.stop)
        await swarm.run(log, lambda: None)

    run_swarm(work)


def run_swarm(work: Callable[[], Any]) -> None:
    """Run a coroutine function that hosts a swarm; what stops it from starting is one clear line."""
    from agents.durable.errors import DurableError
    from overwatch_tui.demo import DemoError

    try:
        asyncio.run(work())
    except (DurableError, DemoError) as error:
        raise CommandError(str(error)) from error


def _check_home(where: Path) -> None:
    try:
        where.mkdir(parents=True, exist_ok=True)
        probe = where / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise CommandError(
            f"can't write to the home {str(where)!r} ({error.strerror}): set OVERWATCH_HOME to a folder of yours"
        ) from error


class LogLines:
    """Telemetry as log lines on stdout: every event, and every change of an agent's or the swarm's state."""

    def __init__(self, *, json_lines: bool) -> None:
        self._json = json_lines
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
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def _words(event: Any) -> dict[str, str]:
    from overwatch_tui.describe import describe

    return {"text": describe(event)}
