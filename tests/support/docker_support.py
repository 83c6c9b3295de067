"""A Docker engine in memory, with the part of the SDK's interface that is used; and what a test needs of a real one."""

from __future__ import annotations

import copy
import functools
import io
import json
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException

from overwatch_mcp.docker_engine import connected

HEALTHCHECK = {"Test": ["CMD", "true"], "Interval": 1_000_000_000, "Timeout": 1_000_000_000, "Retries": 2}
NETWORK = "demo-net"


def refusal(status: int, text: str) -> APIError:
    """An error as the SDK raises it."""
    response = requests.Response()
    response.status_code = status
    return APIError(text, response, text)


class Killed(BaseException):
    """The process that called is gone."""


class FakeEngine:
    """Containers in memory. `looks_until_well` is how often a container with a health check says "starting" first.

    `before` and `after` run around each change, with its name; `changes` counts those that happened. A container of an image in
    `crashing` ends at once with status 3, one of an image in `sick` is unhealthy.
    """

    def __init__(self) -> None:
        self.images: dict[str, dict[str, Any]] = {}
        self.world: dict[str, dict[str, Any]] = {}
        self.crashing: set[str] = set()
        self.sick: set[str] = set()
        self.pullable: set[str] = set()
        self.looks_until_well = 1
        self.changes: Counter[str] = Counter()
        self.emptied: list[str] = []
        """The containers whose anonymous volumes were removed with them."""
        self.before: Callable[[str], None] = lambda name: None
        self.after: Callable[[str], None] = lambda name: None
        self._lock = threading.RLock()
        self._made = 0
        for tag in ("1", "2", "404"):
            self.add_image(f"mini-app:{tag}")
        self.crashing.add("mini-app:404")

    def add_image(self, name: str, **config: Any) -> None:
        self._made += 1
        defaults = {"Cmd": ["serve"], "Env": ["PATH=/bin"], "Labels": {}, "Healthcheck": HEALTHCHECK}
        self.images[name] = {"Id": f"sha256:{self._made:064x}", "Config": {**defaults, **config}}

    def run(self, name: str, image: str, labels: dict[str, str], **host: Any) -> str:
        """What `docker-compose up` does."""
        config = {
            "Image": image,
            "Env": ["COLOUR=green"],
            "User": "10001:10001",
            "Labels": labels,
            "HostConfig": {
                "RestartPolicy": {"Name": "unless-stopped", "MaximumRetryCount": 0},
                "NetworkMode": NETWORK,
                "ReadonlyRootfs": True,
                "Memory": 64 << 20,
                **host,
            },
            "NetworkingConfig": {"EndpointsConfig": {NETWORK: {"Aliases": [labels.get("overwatch.region", "other")]}}},
        }
        made = self.create_container_from_config(config, name)["Id"]
        self.start(made)
        for _ in range(self.looks_until_well):
            self.inspect_container(made)
        return made

    def named(self, name: str) -> dict[str, Any]:
        return next(one for one in self.world.values() if one["Name"] == f"/{name}")

    def containers(self, *, all: bool, filters: Any) -> list[dict[str, Any]]:  # noqa: A002
        wanted = dict(label.split("=", 1) for label in filters["label"])
        return [
            {"Id": key}
            for key, one in self.world.items()
            if wanted.items() <= one["Config"]["Labels"].items() and (all or one["State"]["Status"] == "running")
        ]

    def inspect_container(self, container: str) -> dict[str, Any]:
        with self._lock:
            one = self._get(container)
            self._age(one)
            shown = copy.deepcopy(one)
            shown.pop("looks")
            return shown

    def inspect_image(self, image: str) -> dict[str, Any]:
        for name, one in self.images.items():
            if image in {name, one["Id"]}:
                return copy.deepcopy(one)
        raise refusal(404, f"No such image: {image}")

    def pull(self, repository: str) -> Any:
        if repository not in self.pullable:
            raise refusal(404, f"pull access denied for {repository}")
        self.add_image(repository)

    def create_container_from_config(self, config: Any, name: str) -> dict[str, Any]:
        with self._change("create"):
            if any(one["Name"] == f"/{name}" for one in self.world.values()):
                raise refusal(409, f'Conflict. The container name "/{name}" is already in use')
            image = self.inspect_image(config["Image"])
            self._made += 1
            key = f"{self._made:064x}"
            theirs = image["Config"]
            own = {k: v for k, v in config.items() if k not in {"HostConfig", "NetworkingConfig"}}
            endpoints = config["NetworkingConfig"]["EndpointsConfig"]
            self.world[key] = {
                "Id": key,
                "Name": f"/{name}",
                "Created": self._time(),
                "Image": image["Id"],
                "RestartCount": 0,
                "State": {"Status": "created", "StartedAt": "0001-01-01T00:00:00Z", "ExitCode": 0, "Error": ""},
                "Config": {
                    **theirs,
                    **own,
                    "Hostname": key[:12],
                    "Env": [*theirs["Env"], *own.get("Env", [])],
                    "Labels": {**theirs["Labels"], **own["Labels"]},
                },
                "HostConfig": copy.deepcopy(config["HostConfig"]),
                "NetworkSettings": {"Networks": {n: self._endpoint(key, e.get("Aliases")) for n, e in endpoints.items()}},
                "looks": 0,
            }
            return {"Id": key}

    def start(self, container: str) -> None:
        with self._change("start"):
            self._run(self._get(container))

    def stop(self, container: str, timeout: int) -> None:
        with self._change("stop"):
            one = self._get(container)
            if one["State"]["Status"] == "running":
                one["State"] |= {"Status": "exited", "ExitCode": 0}

    def restart(self, container: str, timeout: int) -> None:
        with self._change("restart"):
            one = self._get(container)
            one["RestartCount"] = 0
            self._run(one)

    def rename(self, container: str, name: str) -> None:
        with self._change("rename"):
            if any(one["Name"] == f"/{name}" for one in self.world.values()):
                raise refusal(409, f'Conflict. The container name "/{name}" is already in use')
            self._get(container)["Name"] = f"/{name}"

    def remove_container(self, container: str, *, v: bool, force: bool) -> None:
        with self._change("remove"):
            one = self._get(container)
            if v:
                self.emptied.append(one["Name"])
            del self.world[one["Id"]]

    def update_container(self, container: str, *, restart_policy: Any) -> Any:
        with self._change("update"):
            self._get(container)["HostConfig"]["RestartPolicy"] = dict(restart_policy)

    def connect_container_to_network(self, container: str, net_id: str, *, aliases: list[str]) -> None:
        with self._change("connect"):
            one = self._get(container)
            if net_id in one["NetworkSettings"]["Networks"]:
                raise refusal(403, f"endpoint with name {one['Name']} already exists in network {net_id}")
            one["NetworkSettings"]["Networks"][net_id] = self._endpoint(one["Id"], aliases)

    def disconnect_container_from_network(self, container: str, net_id: str) -> None:
        with self._change("disconnect"):
            del self._get(container)["NetworkSettings"]["Networks"][net_id]

    def logs(self, container: str, *, stdout: bool, stderr: bool, timestamps: bool, tail: int) -> bytes:
        one = self._get(container)
        said = ["2026-11-23T14:02:11.123456789Z it \x1b[31mbegan\x1b[0m"]
        if one["State"]["ExitCode"] == 3:
            said.append("2026-11-23T14:02:12.123456789Z no \u202edatabase")
        return "".join(f"{line}\n" for line in said[-tail:]).encode() if stderr else b""

    def stats(self, container: str, *, stream: bool) -> dict[str, Any]:
        usage = {"cpu_usage": {"total_usage": 2_000}, "system_cpu_usage": 20_000, "online_cpus": 2}
        return {
            "cpu_stats": usage,
            "precpu_stats": {"cpu_usage": {"total_usage": 1_000}, "system_cpu_usage": 10_000},
            "memory_stats": {"usage": 5_000, "stats": {"inactive_file": 1_000}},
            "networks": {"eth0": {"rx_bytes": 10, "tx_bytes": 20}},
        }

    def close(self) -> None:
        pass

    def _get(self, container: str) -> dict[str, Any]:
        if container not in self.world:
            raise refusal(404, f"No such container: {container}")
        return self.world[container]

    def _run(self, one: dict[str, Any]) -> None:
        one["looks"] = 0
        name = next((name for name, image in self.images.items() if image["Id"] == one["Image"]), "")
        one["State"] = {"Status": "running", "StartedAt": self._time(), "ExitCode": 0, "Error": ""}
        if name in self.crashing:
            one["State"] |= {"Status": "exited", "ExitCode": 3}

    def _age(self, one: dict[str, Any]) -> None:
        if one["State"]["Status"] != "running" or not one["Config"].get("Healthcheck"):
            return
        one["looks"] += 1
        image = next((name for name, image in self.images.items() if image["Id"] == one["Image"]), "")
        later = "unhealthy" if image in self.sick else "healthy"
        one["State"]["Health"] = {"Status": "starting" if one["looks"] <= self.looks_until_well else later}

    def _endpoint(self, key: str, aliases: Any) -> dict[str, Any]:
        return {"Aliases": [*(aliases or []), key[:12]], "IPAMConfig": None}

    def _time(self) -> str:
        self._made += 1
        at = datetime(2026, 11, 23, 14, 0, tzinfo=UTC) + timedelta(seconds=self._made)
        return at.strftime("%Y-%m-%dT%H:%M:%S.123456789Z")

    def _change(self, name: str) -> _Change:
        return _Change(self, name)


class _Change:
    def __init__(self, engine: FakeEngine, name: str) -> None:
        self.engine, self.name = engine, name

    def __enter__(self) -> None:
        self.engine._lock.acquire()
        try:
            self.engine.before(self.name)
        except BaseException:
            self.engine._lock.release()
            raise

    def __exit__(self, kind: Any, *_: Any) -> None:
        try:
            if kind is None:
                self.engine.changes[self.name] += 1
                self.engine.after(self.name)
        finally:
            self.engine._lock.release()


@functools.cache
def engine_absent() -> str:
    """Why no real engine can be used; empty where one can."""
    try:
        connected(None).close()
    except (DockerException, requests.RequestException, OSError) as error:
        return f"no Docker engine is reachable: {error}"
    if not [tag for tag in BASE_IMAGES if _has(tag)]:
        return f"the engine has none of {BASE_IMAGES}: pull one"
    return ""


BASE_IMAGES = ("python:3.11-slim", "busybox:latest", "alpine:latest")


def base_image() -> str:
    """A small image that the engine has, with a shell."""
    return next(tag for tag in BASE_IMAGES if _has(tag))


def _has(tag: str) -> bool:
    client = docker.from_env(timeout=5)
    try:
        client.api.inspect_image(tag)
    except APIError:
        return False
    finally:
        client.close()
    return True


def build(client: Any, tag: str, command: list[str]) -> None:
    """An image that runs `command`, with a health check that is quick."""
    text = (
        f"FROM {base_image()}\nHEALTHCHECK --interval=1s --timeout=2s --retries=2 CMD test -d /tmp\nCMD {json.dumps(command)}\n"
    )
    client.images.build(fileobj=io.BytesIO(text.encode()), tag=tag, rm=True)
