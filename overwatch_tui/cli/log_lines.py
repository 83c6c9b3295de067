"""What `run` writes to stdout: a line for each event and change, and a heartbeat that an alert can wait for."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agents.telemetry import SwarmState, Telemetric


class LogLines:
    """Telemetry as log lines on stdout: every event, and every change of an agent's or the swarm's state."""

    def __init__(self, *, json_lines: bool, closed: Callable[[], None]) -> None:
        self._json = json_lines
        self._closed = closed
        self.problem: OSError | None = None
        """Why the log can't be written; a reader who went away is no problem."""
        self.known = asyncio.Event()
        """Set once the swarm has said how it stands."""
        self._last: dict[str, str] = {}
        self._agents: dict[str, str] = {}
        self._swarm: SwarmState | None = None

    def publish(self, item: Telemetric) -> None:
        """Print what a log reader wants to know; samples and thoughts are not logged."""
        from agents.events import Event
        from agents.telemetry import AgentState, SwarmState

        if isinstance(item, AgentState):
            self._agents[item.agent] = item.state
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
                self._swarm = item
                self.known.set()
                words = f"{item.automation} {item.problem}"
                self._change("", words, item.at.isoformat(), "swarm", automation=item.automation, problem=item.problem)

    def beat(self, at: datetime, incidents: int) -> None:
        """Say that all goes on: how automation stands, how many incidents are not resolved, and the state of each agent."""
        status = "starting" if self._swarm is None else self._swarm.automation
        if self._json:
            now, kind = at.isoformat(), "heartbeat"
            fields = {"status": status, "incidents": incidents, "agents": self._agents}
            self._write(json.dumps({"type": kind, "at": now, **fields, "time": now, "kind": kind}, ensure_ascii=False))
            return
        up = sum(state not in {"starting", "down"} for state in self._agents.values())
        self._write(f"{at.isoformat()} heartbeat status={status} incidents={incidents} agents={up}/{len(self._agents)}")

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
        self._write(text)

    def _write(self, text: str) -> None:
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
