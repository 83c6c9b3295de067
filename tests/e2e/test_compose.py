"""The composition on a real engine: a region breaks, a person approves, the users are moved, and nothing is left behind."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from docker_support import engine_absent

ROOT = Path(__file__).resolve().parent.parent.parent
IMAGES = {"mini-app": "demo", "overwatch-gateway": "gateway", "overwatch": "overwatch"}
PORTS = ("GATEWAY_PORT", "EAST_PORT", "WEST_PORT")


def compose_program() -> list[str] | None:
    """Compose v2 where it is there, v1 otherwise."""
    for words in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(words[0]) and subprocess.run([*words, "version"], capture_output=True).returncode == 0:
            return words
    return None


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Composition:
    """One project of its own, with images of its own tag and a label that no other composition's containers carry."""

    def __init__(self, program: list[str], folder: Path) -> None:
        import docker

        self.client = docker.from_env(timeout=60)
        self.project = f"ow{uuid.uuid4().hex[:8]}"
        self.ports = {name: free_port() for name in PORTS}
        engine_socket = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
        content = json.loads((ROOT / "infra" / "docker" / "mcp.json").read_text())
        content["targets"]["shop"]["project"] = self.project
        config = folder / "mcp.json"
        config.write_text(json.dumps(content))
        config.chmod(0o644)
        self.program = [*program, "-p", self.project, "-f", str(ROOT / "docker-compose.yml")]
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("OVERWATCH_")},
            **{name: str(port) for name, port in self.ports.items()},
            "DOCKER_SOCKET": engine_socket,
            "DOCKER_GID": str(Path(engine_socket).stat().st_gid),
            "OVERWATCH_TAG": "test",
            "SHOP_LABEL": self.project,
            "MCP_CONFIG": str(config),
            "MINI_APP_TAG": "test",
            "DOCKER_BUILDKIT": os.environ.get("DOCKER_BUILDKIT", "1"),
        }

    def run(self, *words: str) -> str:
        """One command of compose that has to succeed; its output."""
        done = self._try(*words)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def says(self, *words: str) -> str:
        """What a command of overwatch-tui says in the swarm's container, whether it succeeds or not."""
        return self._try("exec", "-T", "swarm", "overwatch-tui", *words).stdout

    def _try(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self.program, *words], env=self.environment, capture_output=True, text=True, timeout=300)

    def build(self) -> None:
        """The images; what did not change is not built again."""
        for image, name in IMAGES.items():
            words = [
                "docker",
                "build",
                "-q",
                "--network",
                "host",
                "-f",
                f"infra/docker/{name}.Dockerfile",
                "-t",
                f"{image}:test",
                ".",
            ]
            done = subprocess.run(words, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=900)
            assert done.returncode == 0, done.stderr

    def users(self) -> tuple[int, str | None]:
        """What a user gets: the status, and from which region."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['GATEWAY_PORT']}/api/users?limit=1", timeout=5) as answer:
                return answer.status, answer.headers["x-region"]
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers["x-region"]
        except OSError:
            return 0, None

    def until(self, holds: Callable[[], Any], seconds: float, what: str) -> Any:
        """Look until the condition holds."""
        deadline = time.monotonic() + seconds
        while not (value := holds()):
            assert time.monotonic() < deadline, f"{what} never came: {self.run('logs', '--tail', '30', 'swarm', 'mcp')}"
            time.sleep(0.2)
        return value

    def left(self) -> list[str]:
        """Everything of the project that the engine still has."""
        label = {"label": f"com.docker.compose.project={self.project}"}
        found = [*self.client.containers.list(all=True, filters=label), *self.client.networks.list(filters=label)]
        return [one.name for one in (*found, *self.client.volumes.list(filters=label))]


@pytest.fixture
def composition(tmp_path):
    """Up, and down again whatever happens."""
    if reason := engine_absent():
        pytest.skip(reason)
    program = compose_program()
    if program is None:
        pytest.skip("neither `docker compose` nor `docker-compose` is on this machine")
    if not os.environ.get("DOCKER_HOST", "unix://").startswith("unix://"):
        pytest.skip("the engine is elsewhere, where the MCP server's container can't be given its socket")
    made = Composition(program, tmp_path)
    made.build()
    try:
        made.run("up", "-d", "--no-build")
        yield made
    finally:
        made.run("down", "-v", "--remove-orphans")
        made.client.close()


@pytest.mark.processes
@pytest.mark.xdist_group("docker")
@pytest.mark.timeout(1500)
def test_an_outage_heals_through_docker_and_haproxy_and_nothing_is_left_behind(composition):
    composition.until(lambda: "6 agents are up" in composition.says("health"), 60, "a swarm that is well")
    composition.until(lambda: "2/2 replicas of east" in composition.says("doctor"), 60, "the MCP server")
    assert composition.users() == (200, "east")

    assert "outage" in composition.says("chaos", "outage", "--target", "shop", "--region", "east")
    composition.until(lambda: composition.users()[0] == 503, 20, "the outage")
    composition.until(lambda: "awaiting" in composition.says("incidents", "list"), 60, "the request for approval")
    composition.until(lambda: "approved" in composition.says("approve", "INC-1", "--confirm", "shop"), 20, "the approval")
    composition.until(lambda: composition.users() == (200, "west"), 60, "an answer from West")
    composition.until(lambda: "resolved" in composition.says("incidents", "list"), 60, "the end of the incident")
    assert "switched traffic to east 0 %, west 100 %" in composition.says("incidents", "show", "INC-1")

    scale = ["python", "-m", "overwatch_mcp.scale_service", "--target", "shop", "--region", "west", "--replicas", "3"]
    assert '"succeeded"' in composition.run("exec", "-T", "mcp", *scale)
    running = composition.client.containers.list(
        filters={"label": [f"overwatch.project={composition.project}", "overwatch.region=west"]}
    )
    assert len(running) == 3
    composition.run("restart", "gateway")
    composition.until(lambda: composition.users() == (200, "west"), 30, "an answer from West after a restart of the gateway")

    composition.run("down", "-v", "--remove-orphans")
    assert composition.left() == []
