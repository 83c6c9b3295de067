"""Property 7, end to end: the program is killed at random moments of an outage, started again, and goes on to the end."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from processes import children_of, running

pytestmark = [pytest.mark.processes, pytest.mark.timeout(420)]

KILLS = 20
SEED = 20_261_123


class Program:
    """`overwatch-tui run` in one home; killed with -9, it leaves its demo running for a while."""

    def __init__(self, environment, cwd: Path) -> None:
        self.home = Path(environment["OVERWATCH_HOME"])
        self._environment, self._cwd = environment, cwd
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._cwd / "run.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "overwatch_tui", "run", "--json"],
                env=self._environment,
                cwd=self._cwd,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "overwatch_tui", *arguments],
            env=self._environment,
            cwd=self._cwd,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def facts(self) -> dict:
        return json.loads((self.home / "demo" / "local_azure.json").read_text())

    def effects(self) -> dict:
        """What really happened to the world, counted by the world itself."""
        facts = self.facts()
        request = urllib.request.Request(
            f"{facts['control_url']}/control/state", headers={"authorization": f"Bearer {facts['control_token']}"}
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)

    def query(self, sql: str) -> list[tuple]:
        path = self.home / "overwatch.db"
        if not path.exists():
            return []
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as database:
            try:
                return database.execute(sql).fetchall()
            except sqlite3.OperationalError:
                return []

    def wait(self, holds, seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"waited {seconds} s for {what}: {self.query('SELECT id, status FROM incident')}"
            time.sleep(0.05)

    def settled(self) -> bool:
        rows = self.query("SELECT status FROM incident")
        return bool(rows) and all(status == "resolved" for (status,) in rows)

    def approve_what_waits(self) -> None:
        for (id_,) in self.query("SELECT id FROM incident WHERE status = 'awaiting'"):
            self.command("approve", id_)


def steady(program: Program) -> bool:
    try:
        facts = program.facts()
        with urllib.request.urlopen(f"{facts['public_url']}/api/users?limit=1", timeout=1) as answer:
            return answer.status == 200
    except (OSError, ValueError):
        return False


def test_p07_killed_at_random_moments_an_outage_still_ends_with_one_switch(environment, tmp_path):
    moments = random.Random(SEED)
    program = Program(environment, tmp_path)
    started: list[int] = []
    try:
        program.start()
        program.wait(lambda: steady(program), 60, "the demo")
        program.wait(lambda: program.query("SELECT count(*) FROM meta") != [], 30, "the database")
        time_to_look = time.monotonic() + 6
        program.wait(lambda: time.monotonic() > time_to_look, 10, "a baseline")
        started = children_of(program.process.pid)
        assert program.command("chaos", "outage", "--region", "east", "--duration", "600").returncode == 0
        kills = 0
        while kills < KILLS:
            moment = time.monotonic() + moments.uniform(0.2, 3.5)
            while time.monotonic() < moment and not program.settled():
                program.approve_what_waits()
            program.kill()
            kills += 1
            program.start()
        deadline = time.monotonic() + 120
        while not program.settled():
            assert time.monotonic() < deadline, program.query("SELECT id, status, state FROM incident")
            program.approve_what_waits()
        assert program.query("SELECT count(*) FROM incident") == [(1,)]
        assert program.effects()["origin_changes_total"] == 2, "West was enabled once, East was disabled once"
        assert program.query("SELECT count(*), min(status) FROM intent") == [(1, "succeeded")]
        finished = program.query("SELECT count(*) FROM event WHERE type = 'action.finished'")
        assert finished == [(1,)]
    finally:
        program.end()
        started += children_of(os.getpid())
    deadline = time.monotonic() + 10
    while running(started) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert running(started) == []
