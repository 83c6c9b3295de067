"""The real program in a home of its own, to be killed and started again, and what the world says of it afterwards."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path


class Program:
    """`overwatch-tui run` in one home; killed with -9, it leaves its demo running for a while."""

    def __init__(self, environment, cwd: Path, entry: Sequence[str] = ("-m", "overwatch_tui")) -> None:
        self.home = Path(environment["OVERWATCH_HOME"])
        self.log = cwd / "run.log"
        """What the program says."""
        self._environment, self._cwd, self._entry = environment, cwd, entry
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **more: str) -> None:
        with self.log.open("ab") as log:
            self._said = log.tell()
            self.process = subprocess.Popen(
                [sys.executable, *self._entry, "run", "--json"],
                env=self._environment | more,
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
            self.wait(lambda: self.log.stat().st_size > self._said, 20, "the program to take signals")
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
        for id_, target in self.query("SELECT id, target FROM incident WHERE status = 'awaiting'"):
            self.command("approve", id_, "--confirm", target)


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
