"""A platform in memory, with the interface of the real one, and the parts of the server put together over it."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from overwatch_mcp.config import ServerConfig
from overwatch_mcp.errors import MissingError, NotDoneError, RequestError
from overwatch_mcp.journal import Journal
from overwatch_mcp.models import (
    LogLine,
    MetricPoint,
    MetricSeries,
    Origin,
    Replica,
    Revision,
    ServiceState,
    TrafficState,
    WriteResult,
)
from overwatch_mcp.operations import Call
from overwatch_mcp.platform import ProbeAnswer, RevisionState
from overwatch_mcp.weights import percentages
from overwatch_mcp.workshop import Workshop

REGIONS = ("east", "west")


class SteppedClock:
    """A clock that only `sleep` and `advance` move."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 23, 14, 2, 11, tzinfo=UTC)
        self.started = self.time

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return (self.time - self.started).total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class FakeCommands:
    def restart(self, region: str, revision: str) -> str:
        return shlex.join(("az", "restart", region, revision))

    def deploy(self, region: str, image: str, suffix: str) -> str:
        return shlex.join(("az", "deploy", region, image, suffix))

    def scale(self, region: str, minimum: int, maximum: int, suffix: str) -> str:
        return shlex.join(("az", "scale", region, str(minimum), str(maximum), suffix))

    def copy(self, region: str, revision: str, suffix: str) -> str:
        return shlex.join(("az", "copy", region, revision, suffix))

    def switch(self, weights: Any) -> str:
        return shlex.join(("az", "switch", *(f"{region}={weight}" for region, weight in sorted(weights.items()))))


class FakePlatform:
    """Two regions in memory. It behaves as Azure does: an existing suffix is left alone, a restart always restarts.

    `before[name]` runs in front of a method and may raise: the request never arrived. `after[name]` runs behind it: the answer
    was lost. Each is used once. `calls` counts what really happened.
    """

    drives = True

    def __init__(self, clock: SteppedClock) -> None:
        self.clock = clock
        self.commands = FakeCommands()
        self.calls: Counter[str] = Counter()
        self.before: dict[str, list[Callable[[], Any]]] = {}
        self.after: dict[str, list[Callable[[], Any]]] = {}
        self.start_seconds = 1.0
        self.good_images = {"mini-app:1", "mini-app:2"}
        self.serving = {region: f"demo-{region}--first" for region in REGIONS}
        self.known = {f"demo-{region}--first": {"image": "mini-app:1", "min": 2, "at": clock.now()} for region in REGIONS}
        self.bounds = dict.fromkeys(REGIONS, (2, 5))
        self.replicas = {region: [self._new(region, 0) for _ in range(2)] for region in REGIONS}
        self.broken: set[str] = set()
        self.origins = {"east": (True, 1000), "west": (False, 1000)}
        self.history: list[dict[str, int]] = []
        self.log: dict[str, list[LogLine]] = {region: [] for region in REGIONS}
        self.continuation: str | None = None
        self.followed: list[str] = []
        self.answers: Callable[[], ProbeAnswer] = self._honest

    async def warm(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def service(self, region: str) -> ServiceState:
        await self._fault(self.before, "service")
        revision = self.serving[region]
        replicas = [
            Replica(
                name=one["name"],
                ready=one["alive"] and one["ready_at"] <= self.clock.now(),
                running_state="Running" if one["alive"] else "NotRunning",
                restart_count=0,
                created_at=one["created_at"],
            )
            for one in self.replicas[region]
        ]
        ready = sum(one.ready for one in replicas)
        return ServiceState(
            target="demo",
            region=region,
            container_app=f"demo-{region}",
            revision=revision,
            image=str(self.known[revision]["image"]),
            replicas_desired=self.bounds[region][0],
            replicas_ready=ready,
            replicas=replicas,
            health_state="Healthy" if ready == len(replicas) else "Unhealthy",
            running_state="Running",
            provisioning_state="Succeeded",
            as_of=self.clock.now(),
        )

    async def replica_bounds(self, region: str) -> tuple[int, int]:
        return self.bounds[region]

    async def revision(self, region: str, suffix: str) -> RevisionState | None:
        name = f"demo-{region}--{suffix}"
        found = self.known.get(name)
        if found is None:
            return None
        state = "Failed" if name in self.broken else "Provisioned"
        return RevisionState(
            name, str(found["image"]), int(found["min"]), state, "Running", "no such image" if name in self.broken else None
        )

    async def revisions(self, region: str) -> list[Revision]:
        await self._fault(self.before, "revisions")
        return [
            Revision(
                name=name,
                image=str(one["image"]),
                active=name == self.serving[region],
                created_at=one["at"],
                traffic=100 if name == self.serving[region] else 0,
                replicas=int(one["min"]),
                health_state=None,
                running_state="Running" if name == self.serving[region] else "Stopped",
                provisioning_state="Failed" if name in self.broken else "Provisioned",
                error="no such image" if name in self.broken else None,
            )
            for name, one in reversed(self.known.items())
            if name.startswith(f"demo-{region}--")
        ]

    async def logs(self, region: str, lines: int, revision: str | None) -> list[LogLine]:
        await self._fault(self.before, "logs")
        return [line for line in self.log[region] if revision in {None, line.revision}][-lines:]

    async def metrics(self, region: str, minutes: int) -> list[MetricSeries]:
        await self._fault(self.before, "metrics")
        now = self.clock.now()
        points = [MetricPoint(at=now - timedelta(minutes=m), value=float(m)) for m in reversed(range(minutes))]
        return [MetricSeries(name="Requests", unit="count", points=points)]

    def native_weight(self, percent: int) -> int:
        return percent * 10

    async def follow(self, continuation: str) -> None:
        self.followed.append(continuation)
        await self._fault(self.before, "follow")
        await asyncio.get_running_loop().create_future()

    async def traffic(self) -> TrafficState:
        await self._fault(self.before, "traffic")
        return TrafficState(
            target="demo",
            weights=self._weights(),
            origins=[Origin(region=r, name=r, enabled=e, weight=w) for r, (e, w) in self.origins.items()],
            as_of=self.clock.now(),
        )

    async def restart(self, region: str, revision: str, anew: Any = ()) -> str | None:
        await self._fault(self.before, "restart")
        if revision != self.serving[region]:
            raise MissingError(f"no revision {revision!r}")
        self.calls[f"restart {region}"] += 1
        self.replicas[region] = [self._new(region, self.start_seconds) for _ in self.replicas[region]]
        await self._fault(self.after, "restart")
        return self.continuation

    async def deploy(self, region: str, image: str, suffix: str) -> str | None:
        await self._fault(self.before, "deploy")
        self._revise(region, suffix, image, self.bounds[region])
        await self._fault(self.after, "deploy")
        return self.continuation

    async def copy(self, region: str, revision: str, suffix: str) -> str | None:
        await self._fault(self.before, "copy")
        if revision not in self.known:
            raise MissingError(f"no revision {revision!r}")
        self._revise(region, suffix, str(self.known[revision]["image"]), self.bounds[region])
        await self._fault(self.after, "copy")
        return self.continuation

    async def scale(self, region: str, minimum: int, maximum: int, suffix: str) -> str | None:
        await self._fault(self.before, "scale")
        self._revise(region, suffix, str(self.known[self.serving[region]]["image"]), (minimum, maximum))
        await self._fault(self.after, "scale")
        return self.continuation

    async def set_origin(self, region: str, weight: int) -> str | None:
        await self._fault(self.before, "set_origin")
        if not weight and not any(enabled for other, (enabled, _) in self.origins.items() if other != region):
            raise NotDoneError(f"{region} is the last one that is enabled")
        self.calls[f"origin {region}"] += 1
        self.origins[region] = (True, weight * 10) if weight else (False, self.origins[region][1])
        self.history.append(self._weights())
        await self._fault(self.after, "set_origin")
        return self.continuation

    async def probe(self) -> ProbeAnswer:
        return self.answers()

    def kill_replica(self, region: str) -> None:
        self.replicas[region][0]["alive"] = False

    def revisions_made(self) -> int:
        return len(self.known) - len(REGIONS)

    def _honest(self) -> ProbeAnswer:
        weights = self._weights()
        return ProbeAnswer(max(weights, key=lambda region: weights[region]), 200)

    def _weights(self) -> dict[str, int]:
        return percentages({region: weight if enabled else 0 for region, (enabled, weight) in self.origins.items()})

    def _revise(self, region: str, suffix: str, image: str, bounds: tuple[int, int]) -> None:
        name = f"demo-{region}--{suffix}"
        if name in self.known:
            return
        self.known[name] = {"image": image, "min": bounds[0], "at": self.clock.now()}
        if image not in self.good_images:
            self.broken.add(name)
            return
        self.bounds[region] = bounds
        self.serving[region] = name
        self.replicas[region] = [self._new(region, self.start_seconds) for _ in range(bounds[0])]

    def _new(self, region: str, seconds: float) -> dict[str, Any]:
        self.calls["replicas"] += 1
        now = self.clock.now()
        return {
            "name": f"demo-{region}-{self.calls['replicas']}",
            "created_at": now,
            "ready_at": now + timedelta(seconds=seconds),
            "alive": True,
        }

    async def _fault(self, faults: dict[str, list[Callable[[], Any]]], name: str) -> None:
        if faults.get(name):
            outcome = faults[name].pop(0)()
            if asyncio.iscoroutine(outcome):
                await outcome


class FakePlatforms:
    """One fake platform for the one target."""

    def __init__(self, platform: FakePlatform) -> None:
        self.platform = platform

    async def get(self, target: str) -> FakePlatform:
        if target != "demo":
            raise RequestError(f"{target!r} is not a target; known: ['demo']")
        return self.platform

    async def warm(self) -> None:
        pass

    async def close(self) -> None:
        pass


class Bench:
    """A server's parts over the fake platform; `anew` is the next process over the same files and the same world."""

    def __init__(self, config: dict[str, Any], clock: SteppedClock) -> None:
        self.config = config
        self.clock = clock
        self.platform = FakePlatform(clock)
        self._open: list[Workshop] = []
        self.workshop = self.anew()

    def anew(self, open_journal: Callable[[Path], Journal] = Journal) -> Workshop:
        config = ServerConfig.model_validate(self.config)
        self.workshop = Workshop(config, self.clock, FakePlatforms(self.platform), open_journal)
        self._open.append(self.workshop)
        return self.workshop

    async def until(self, holds: Callable[[], Any]) -> None:
        """Let the other tasks go on until the condition holds."""
        deadline = time.monotonic() + 5
        while not holds():
            assert time.monotonic() < deadline, "the condition never held"
            await asyncio.sleep(0)

    async def run(
        self, tool: Any, operation_id: str = "op-1", *, epoch: int = 0, dry_run: bool = False, **arguments: Any
    ) -> WriteResult:
        effect = await self.workshop.effect(tool, "demo", arguments, operation_id)
        return await self.workshop.operations.execute(effect, Call(operation_id, epoch, dry_run))

    def close(self) -> None:
        for workshop in self._open:
            workshop.journal.close()


def demo_config(tmp_path: Path) -> dict[str, Any]:
    return {
        "journal": str(tmp_path / "operations.db"),
        "targets": {
            "demo": {
                "platform": "azure",
                "subscription_id": "00000000-0000-0000-0000-000000000001",
                "resource_group": "overwatch-demo",
                "arm_url": None,
                "ca_file": None,
                "credential": "managed_identity",
                "regions": {region: {"container_app": f"demo-{region}"} for region in REGIONS},
                "traffic": {
                    "kind": "front_door",
                    "profile": "demo-fd",
                    "origin_group": "demo",
                    "origins": {r: r for r in REGIONS},
                },
                "public_url": "http://127.0.0.1:1",
                "probe_path": "/api/users?limit=1",
                "switch_probes": 3,
                "limits": {"min_replicas": 1, "max_replicas": 5},
                "images": ["mini-app:"],
                "allowed_tools": None,
            }
        },
    }
