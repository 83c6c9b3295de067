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
            self._said = log.tell()
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
            self.wait(lambda: (self._cwd / "run.log").stat().st_size > self._said, 20, "the program to take signals")
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
            self.command("approve", id_, "--confirm", "demo")


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return answer.status == 200
    except (OSError, ValueError):
        return False


def all_well(program: Program) -> bool:
    """Whether the users and every region are served."""
    try:
        facts = program.facts()
    except (OSError, ValueError):
        return False
    urls = [facts["public_url"], *(region["ingress_url"] for region in facts["regions"].values())]
    return all(answers(f"{url}/api/users?limit=1") for url in urls)


def serving(program: Program) -> str:
    """The region that has the users."""
    regions = program.effects()["regions"]
    return max(regions, key=lambda name: regions[name]["weight_percent"])


def killed_on_the_way(program: Program, moments: random.Random, left: int) -> int:
    """Kill at random moments of one outage, `left` times at most, until the incident is resolved; how often it was killed."""
    kills = 0
    deadline = time.monotonic() + 180
    moment = time.monotonic() + moments.uniform(0.3, 5)
    while not program.settled():
        assert time.monotonic() < deadline, program.query("SELECT id, status, state FROM incident")
        if kills < left and time.monotonic() >= moment:
            program.kill()
            kills += 1
            program.start()
            moment = time.monotonic() + moments.uniform(0.3, 5)
        program.approve_what_waits()
        time.sleep(0.02)
    return kills


def test_p07_killed_at_random_moments_every_outage_still_ends_with_one_switch(environment, tmp_path):
    moments = random.Random(SEED)
    program = Program(environment, tmp_path)
    started: list[int] = []
    try:
        program.start()
        program.wait(lambda: all_well(program), 60, "the demo")
        started = children_of(program.process.pid)
        kills = outages = 0
        while kills < KILLS:
            program.wait(lambda: all_well(program), 30, "both regions to be well")
            region = serving(program)
            assert program.command("chaos", "outage", "--region", region, "--duration", "600").returncode == 0
            outages += 1
            program.wait(lambda: not program.settled(), 60, "the incident")
            kills += killed_on_the_way(program, moments, KILLS - kills)
            assert program.command("chaos", "recover", "--region", region).returncode == 0
        assert program.query("SELECT count(*) FROM incident") == [(outages,)]
        assert program.effects()["origin_changes_total"] == 2 * outages, "each switch enables one origin and disables the other"
        assert program.query("SELECT count(*), min(status), max(status) FROM intent") == [(outages, "succeeded", "succeeded")]
        assert program.query("SELECT count(*) FROM event WHERE type = 'action.finished'") == [(outages,)]
    finally:
        program.end()
        started += children_of(os.getpid())
    deadline = time.monotonic() + 10
    while running(started) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert running(started) == []
