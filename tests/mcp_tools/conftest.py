"""What the server's tests share: its parts over a platform in memory, and servers and worlds as processes."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp_support import RawServer
from platform_support import Bench, SteppedClock, demo_config


@pytest.fixture
def stepped() -> SteppedClock:
    return SteppedClock()


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    return demo_config(tmp_path)


@pytest.fixture
def bench(config: dict[str, Any], stepped: SteppedClock):
    made = Bench(config, stepped)
    yield made
    made.close()


@pytest.fixture
def server(tmp_path: Path):
    """Starts server processes; all of them are ended with the test."""
    started: list[RawServer] = []

    def start(*arguments: str, env: dict[str, str] | None = None) -> RawServer:
        made = RawServer(arguments, env or {}, tmp_path / "server.log")
        started.append(made)
        return made

    yield start
    for one in started:
        one.end()


class LocalAzure:
    """Two regions on this machine, as a process; never imported."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mini_app.local_azure", "--state-dir", str(folder), "--rps", "2", "--lease-seconds", "600"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).parents[2],
        )
        self.facts: dict[str, Any] = {}

    def wait_ready(self) -> None:
        eventually((self.folder / "local_azure.json").exists, 40, lambda: f"local_azure ended: {self.process.poll()}")
        self.facts = json.loads((self.folder / "local_azure.json").read_text(encoding="utf-8"))

    def state(self) -> dict[str, Any]:
        return self._control("GET", "state")

    def totals(self) -> dict[str, dict[str, int]]:
        """The real effects so far, by region and kind."""
        state = self.state()
        return {
            region: {
                "restarts": facts["restarts_total"],
                "revisions": facts["revisions_created_total"] + facts["scales_total"],
                "traffic": state["origin_changes_total"],
            }
            for region, facts in state["regions"].items()
        }

    def kill_replica(self, region: str, index: int) -> None:
        self._control("POST", "kill-replica", {"region": region, "index": index})

    def fault(self, spec: dict[str, Any]) -> None:
        """Have ARM go wrong as described, the next times that it fits."""
        self._control("POST", "arm-faults", spec)

    def faults_struck(self) -> int:
        """How often the faults asked for struck; what is left of them is taken back."""
        listed = self._control("GET", "arm-faults")
        self._control("DELETE", "arm-faults")
        return sum(one["struck"] for one in listed["faults"])

    def config(self, journal: Path) -> dict[str, Any]:
        """The configuration of the server for this world."""
        facts = self.facts
        door = facts["front_door"]
        target = {
            "subscription_id": facts["subscription_id"],
            "resource_group": facts["resource_group"],
            "arm_url": facts["arm_url"],
            "ca_file": facts["ca_file"],
            "credential": "managed_identity",
            "regions": {region: {"container_app": one["container_app"]} for region, one in facts["regions"].items()},
            "traffic": {"profile": door["profile"], "origin_group": door["origin_group"], "origins": door["origins"]},
            "public_url": facts["public_url"],
            "probe_path": "/api/users?limit=1",
            "images": ["mini-app:"],
        }
        return {"journal": str(journal), "targets": {"demo": target}}

    @property
    def identity(self) -> dict[str, str]:
        return {"IDENTITY_ENDPOINT": self.facts["msi_endpoint"], "IDENTITY_HEADER": self.facts["msi_header"]}

    def end(self) -> None:
        with contextlib.suppress(OSError, KeyError):
            self._control("POST", "stop")
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _control(self, method: str, name: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.facts['control_url']}/control/{name}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.facts['control_token']}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")


def eventually(holds: Callable[[], Any], seconds: float, what: Callable[[], str] = lambda: "") -> Any:
    """Look until the condition holds; fails when it does not in time."""
    deadline = time.monotonic() + seconds
    while not (value := holds()):
        assert time.monotonic() < deadline, f"the condition never held {what()}"
        time.sleep(0.05)
    return value


@pytest.fixture(scope="session")
def local_azure(tmp_path_factory: pytest.TempPathFactory):
    """One world for all tests of the session: they may rely on two ready regions, but not on where traffic is."""
    world = LocalAzure(tmp_path_factory.mktemp("local_azure"))
    try:
        world.wait_ready()
        yield world
    finally:
        world.end()
