"""The command line as a person types it, over a database of the test's own."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests_support import Build

from agents.clock import SystemClock
from agents.durable.store import Store
from agents.events import ApprovalRequested, Event, IncidentDiagnosed, Payload, StrategyProposed
from agents.facts import Strategy
from agents.incident import Incident
from overwatch_tui.cli import main


@dataclass(frozen=True)
class Said:
    """What a command left: its exit status, and what it wrote."""

    status: int
    out: str
    err: str


class LogBook:
    """Writes into the database of the home, as the swarm would, and reads it back."""

    def __init__(self, home: Path) -> None:
        self.path = home / "overwatch.db"
        self.clock = SystemClock()
        self.build = Build(self.clock)
        self._told = 0

    def do(self, work: Callable[[Store], Awaitable[Any]]) -> Any:
        async def opened() -> Any:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            store = await Store.open(self.path, exclusive=False, clock=self.clock)
            try:
                return await work(store)
            finally:
                await store.close()

        return asyncio.run(opened())

    def empty(self) -> None:
        async def nothing(_: Store) -> None: ...

        self.do(nothing)

    def opened(self) -> None:
        self.do(lambda store: store.open_incident(self.build.opened(), "Sentry", self.clock.now()))

    def say(self, *payloads: Payload, incident: str = "INC-1") -> None:
        async def work(store: Store) -> None:
            for payload in payloads:
                self._told += 1
                await store.append([self.build.event(payload, incident=incident, id_=f"said:{self._told}", source="test")])

        self.do(work)

    def awaiting(self, *, ttl_s: float = 600, plan: Strategy | None = None, **asked: Any) -> None:
        """INC-1 waits for a person, under the request A1; `asked` is added to it."""
        self.opened()
        plan = plan or self.build.strategy()
        self.say(IncidentDiagnosed(diagnosis=self.build.diagnosis(plan.fault_class)), StrategyProposed(strategy=plan))
        incident = self.incident()
        self.say(
            ApprovalRequested(
                approval="A1",
                strategy=plan.id,
                binding=plan.binding(incident.id, incident.proposed_version),
                reasons=("confidence 0.66 is not above 0.85",),
                deadline=datetime.now(UTC) + timedelta(seconds=ttl_s),
                **asked,
            )
        )

    def incident(self, id_: str = "INC-1") -> Incident:
        return self.do(lambda store: store.incident(id_))

    def events(self) -> list[Event]:
        return self.do(lambda store: store.recent_events(1000))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("OVERWATCH_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OVERWATCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("overwatch_tui.wiring.person", lambda: "ada")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def book(home: Path) -> LogBook:
    return LogBook(home)


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    def typed(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["overwatch-tui", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        code = left.value.code
        return Said(code if isinstance(code, int) else 0, *capsys.readouterr())

    return typed


@pytest.fixture
def configured(tmp_path: Path) -> Callable[[str], Sequence[str]]:
    """Write a configuration; the option that names it."""

    def written(text: str) -> Sequence[str]:
        path = tmp_path / "own.toml"
        path.write_text(text)
        return ("--config", str(path))

    return written
