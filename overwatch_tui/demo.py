"""The demo world: a process of its own, started here or found running, and reached over loopback.

It ends by itself when nobody renews its lease, so a killed control room leaves the world as it was for a minute, and nothing
for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.platforms import AzureSettings, FrontDoorSettings
from agents.settings import (
    DEMO,
    ChaosSettings,
    DemoSettings,
    RegionSettings,
    TargetSettings,
)

TARGET = DEMO
REGIONS = ("east", "west")
"""What the demo has, known before it runs."""

PROBE_PATH = "/api/users?limit=1"
LEASE_SECONDS = 60
RENEW_SECONDS = 5.0
START_SECONDS = 60.0
STOP_SECONDS = 5.0


class DemoError(RuntimeError):
    """The demo world can't be used; the text names the log to read."""


@dataclass(frozen=True, slots=True)
class DemoWorld:
    """Where everything of the demo listens, as the demo itself wrote it down."""

    state_dir: Path
    facts: Mapping[str, Any]

    @property
    def pid(self) -> int:
        """The process id of the demo."""
        return int(self.facts["pid"])

    @property
    def public_url(self) -> str:
        """The address that users use."""
        return str(self.facts["public_url"])

    @property
    def regions(self) -> Mapping[str, Mapping[str, Any]]:
        """Each region's ingress address and container app."""
        regions: Mapping[str, Mapping[str, Any]] = self.facts["regions"]
        return regions

    def target(self) -> TargetSettings:
        """The demo as a target like any other."""
        facts = self.facts
        door = facts["front_door"]
        return TargetSettings.model_validate(
            {
                "regions": {
                    name: RegionSettings(url=region["ingress_url"], probe_path=PROBE_PATH)
                    for name, region in self.regions.items()
                },
                "public_url": facts["public_url"],
                "public_probe_path": PROBE_PATH,
                "public_metrics_url": facts["edge_metrics_url"],
                "chaos": ChaosSettings(token=facts["admin_token"], demo=True),
                "platform": AzureSettings(
                    subscription_id=facts["subscription_id"],
                    resource_group=facts["resource_group"],
                    container_apps={name: region["container_app"] for name, region in self.regions.items()},
                    traffic=FrontDoorSettings(
                        profile=door["profile"], origin_group=door["origin_group"], origins=dict(door["origins"])
                    ),
                    credential="managed_identity",
                    arm_url=facts["arm_url"],
                    ca_file=Path(facts["ca_file"]),
                    log_workspace=facts["log_workspace"],
                    logs_url=facts["logs_url"],
                    images=("mini-app:",),
                ),
            }
        )

    def identity(self) -> Mapping[str, str]:
        """The environment in which azure-identity finds the demo's managed identity."""
        return {"IDENTITY_ENDPOINT": str(self.facts["msi_endpoint"]), "IDENTITY_HEADER": str(self.facts["msi_header"])}


class Demo:
    """Starts, adopts, keeps alive and ends the demo world of one home."""

    def __init__(self, home: Path, settings: DemoSettings) -> None:
        self._dir = home / "demo"
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        self.adopted = False
        """Whether the world was found running, as after a crash of the control room."""

    async def start(self) -> DemoWorld:
        """The running world, started now unless one is there. Raises DemoError with the log's path."""
        self._dir.mkdir(parents=True, exist_ok=True)
        if (world := read_world(self._dir)) is not None and await self._renew(world):
            self.adopted = True
            return world
        log_path = self._dir / "logs" / "start.log"
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "mini_app.local_azure", "--state-dir", str(self._dir)),
                *("--replicas", str(self._settings.replicas), "--rps", str(self._settings.rps)),
                *("--lease-seconds", str(LEASE_SECONDS)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return await self._wait_ready(self._process, log_path)

    async def _wait_ready(self, process: asyncio.subprocess.Process, log_path: Path) -> DemoWorld:
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            world = read_world(self._dir)
            if world is not None and world.pid == process.pid and await self._renew(world):
                return world
            if process.returncode is not None:
                raise DemoError(f"the demo ended at its start with status {process.returncode}{_last_words(log_path)}")
            await asyncio.sleep(0.05)
        raise DemoError(f"the demo was not ready after {START_SECONDS:.0f} s: read {log_path}")

    async def keep(self, world: DemoWorld) -> None:
        """Renew the lease until cancelled. Raises DemoError when the world is gone."""
        misses = 0
        while True:
            misses = 0 if await self._renew(world) else misses + 1
            if misses >= 3:
                raise DemoError(f"the demo went away: read {self._dir / 'logs' / 'local_azure.log'} and start again")
            await asyncio.sleep(RENEW_SECONDS)

    async def stop(self, world: DemoWorld) -> None:
        """End the world and wait until its process is gone, for a bounded time."""
        with contextlib.suppress(DemoError):
            await control(world, "POST", "/control/stop")
        deadline = asyncio.get_running_loop().time() + STOP_SECONDS
        while alive(world.pid) and asyncio.get_running_loop().time() < deadline:
            if self._process is not None:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._process.wait(), 0.02)
            else:
                await asyncio.sleep(0.02)

    async def end(self, starting: asyncio.Task[DemoWorld]) -> None:
        """End the world, also where it is still starting."""
        if starting.done() and not starting.cancelled() and starting.exception() is None:
            await self.stop(starting.result())
            return
        starting.cancel()
        await asyncio.wait({starting})
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
        elif (world := read_world(self._dir)) is not None:
            await self.stop(world)

    async def _renew(self, world: DemoWorld) -> bool:
        try:
            await control(world, "POST", "/control/lease")
        except DemoError:
            return False
        return True


async def control(world: DemoWorld, method: str, path: str, body: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """One call of the demo's control interface. Raises DemoError with its answer."""
    headers = {"authorization": f"Bearer {world.facts['control_token']}"}
    return await _request(method, f"{world.facts['control_url']}{path}", headers, body)


async def admin(url: str, token: str, fault: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """One call of a target's chaos endpoint in one region. Raises DemoError with its answer."""
    return await _request("POST", f"{url.rstrip('/')}/admin/{fault}", {"authorization": f"Bearer {token}"}, body)


async def _request(method: str, url: str, headers: Mapping[str, str], body: Mapping[str, Any] | None) -> Mapping[str, Any]:
    import aiohttp  # noqa: PLC0415 - keeps the control room's first paint free of it

    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session,
            session.request(method, url, headers=headers, json=body) as response,
        ):
            text = await response.text()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise DemoError(f"{method} {url} failed: {type(error).__name__} {error}") from error
    if response.status >= 400:
        raise DemoError(f"{method} {url} answered {response.status}: {text[:200]}")
    try:
        answer = json.loads(text) if text else {}
    except ValueError:
        answer = {}
    return answer if isinstance(answer, dict) else {}


def _last_words(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n") if log.exists() else []
    said = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f": {said[:200]}; its log is {log}" if said else f": read {log}"


def read_world(state_dir: Path) -> DemoWorld | None:
    """What the demo of this folder wrote down, if its process is alive."""
    try:
        facts = json.loads((state_dir / "local_azure.json").read_text(encoding="utf-8"))
        world = DemoWorld(state_dir, facts)
        return world if alive(world.pid) else None
    except (OSError, ValueError, KeyError):
        return None


def alive(pid: int) -> bool:
    """Whether a process of this id runs (a zombie of ours counts as gone once it was waited for)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
