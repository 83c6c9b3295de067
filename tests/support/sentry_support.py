"""A simulated world for Sentry: time that the test moves, a transport that answers as told, a store that folds events."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests_support import Build, SpyTelemetry

from agents.events import ActionFinished, Event, IncidentDiagnosed, StrategyApproved, StrategyProposed
from agents.facts import Action
from agents.incident import Incident, evolve
from agents.seams import Context, Outcome, ToolsUnavailableError
from agents.sentry import Sentry
from agents.sentry.asking import Asked
from agents.settings import SentrySettings, TargetSettings

START = datetime(2026, 11, 23, 14, 0, 0, tzinfo=UTC)
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class SimClock:
    """Time that stands still until `run` moves it from one waiter to the next."""

    def __init__(self) -> None:
        self.time = START
        self._waiters: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._count = itertools.count()

    def now(self) -> datetime:
        return self.time

    @property
    def seconds(self) -> float:
        return (self.time - START).total_seconds()

    async def sleep(self, seconds: float) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiters, (self.time + timedelta(seconds=max(0.0, seconds)), next(self._count), waiter))
        await waiter

    async def run(self, seconds: float, until=None) -> bool:
        """Let simulated time pass; ends early, with True, where `until()` holds."""
        end = self.time + timedelta(seconds=seconds)
        while True:
            await self.settle()
            if until is not None and until():
                return True
            if not self._waiters or self._waiters[0][0] > end:
                self.time = end
                return False
            self.time = max(self.time, self._waiters[0][0])
            _, _, waiter = heapq.heappop(self._waiters)
            if not waiter.done():
                waiter.set_result(None)

    async def settle(self) -> None:
        for _ in range(30):
            await asyncio.sleep(0)


class Replica:
    """One replica's counters, as its metrics page shows them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ok = 0
        self.failed = 0
        self.buckets = dict.fromkeys(BUCKETS, 0)

    def serve(self, latency_ms: float, failed: bool) -> None:
        self.failed += failed
        self.ok += not failed
        for bound in self.buckets:
            self.buckets[bound] += latency_ms / 1_000 <= bound

    def page(self) -> str:
        total = self.ok + self.failed
        lines = [f'http_requests_total{{method="GET",route="/api/users",status="200"}} {self.ok}']
        lines += [f'http_requests_total{{method="GET",route="/api/users",status="500"}} {self.failed}']
        label = 'method="GET",route="/api/users"'
        lines += [f'http_request_duration_seconds_bucket{{{label},le="{b}"}} {n}' for b, n in self.buckets.items()]
        lines += [f'http_request_duration_seconds_bucket{{{label},le="+Inf"}} {total}']
        lines += ["db_pool_in_use 1", "db_pool_size 5", "process_cpu_percent 3.5", "process_resident_memory_bytes 6e7"]
        return "\n".join(lines)


class Region:
    """How one region behaves; the test changes the fields."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.status = 200
        self.health: int | None = None
        self.latency_ms = 8.0
        self.error_rate = 0.0
        self.trouble = ""
        self.replicas = [Replica(f"{name}-0"), Replica(f"{name}-1")]
        self.dead: set[int] = set()
        self.turn = 0
        self.ready = 2
        self.desired = 2
        self.running_state = "Running"
        self.revision = f"demo-{name}--1"
        self.image = "mini-app:1"

    @property
    def failing(self) -> bool:
        return self.status >= 400 or bool(self.trouble)

    def users(self, count: int) -> int:
        """Serve some users; how many failed."""
        failed = 0
        for n in range(count):
            index = n % len(self.replicas)
            bad = self.failing or index in self.dead or (n + 1) * self.error_rate % 1 < self.error_rate - 1e-9
            failed += bad
            if index not in self.dead and not self.failing:
                self.replicas[index].serve(self.latency_ms, bad)
        return failed


class World:
    """Regions, an edge and a platform; implements Sentry's Transport and the tools' `read`."""

    def __init__(self, clock: SimClock, *regions: str) -> None:
        self.clock = clock
        self.regions = {name: Region(name) for name in regions or ("east", "west")}
        self.weights = {name: 100 if n == 0 else 0 for n, name in enumerate(self.regions)}
        self.rps = 15
        self.edge = Replica("")
        self.edge_seen = START
        self.edge_broken = False
        self.public_trouble = ""
        self.tools_away = False
        self.asked: list[str] = []
        self.reads: list[str] = []
        self.platform_s = 0.3
        self.closed = False

    async def get(self, url: str, *, limit: int, timeout_s: float) -> Asked:
        self.asked.append(url)
        host, _, path = url.removeprefix("http://").partition("/")
        self._flow()
        if host == "edge":
            if self.edge_broken:
                return Asked(self.clock.now(), 1, None, "unreachable", "connection refused")
            return self._answer(200, 1, body=self.edge.page().replace("http_requests_total", "edge_requests_total"))
        if host == "public":
            serving = next(self.regions[r] for r, w in self.weights.items() if w > 0)
            if self.public_trouble:
                return Asked(self.clock.now(), timeout_s * 1_000, None, self.public_trouble, "no answer")
            return await self._ask(serving, f"/{path}", timeout_s)
        return await self._ask(self.regions[host], f"/{path}", timeout_s)

    async def close(self) -> None:
        self.closed = True

    def _flow(self) -> None:
        """Users between the last request and now."""
        elapsed = (self.clock.now() - self.edge_seen).total_seconds()
        count = int(elapsed * self.rps)
        if count == 0:
            return
        self.edge_seen = self.clock.now()
        for name, weight in self.weights.items():
            region = self.regions[name]
            mine = count * weight // 100
            failed = region.users(mine)
            for n in range(mine):
                self.edge.serve(region.latency_ms, n < failed)

    async def _ask(self, region: Region, path: str, timeout_s: float) -> Asked:
        region.turn += 1
        index = region.turn % len(region.replicas)
        if region.trouble:
            if region.trouble == "timeout":
                await self.clock.sleep(timeout_s)
            return Asked(self.clock.now(), timeout_s * 1_000, None, region.trouble, "connection refused")
        if index in region.dead:
            return self._answer(502, 2, region.name)
        latency = 2.0 if path == "/metrics" else region.latency_ms
        if latency > timeout_s * 1_000:
            await self.clock.sleep(timeout_s)
            return Asked(self.clock.now(), timeout_s * 1_000, None, "timeout", f"no answer within {timeout_s:.1f} s")
        if latency > 100:
            await self.clock.sleep(latency / 1_000)
        status = region.status
        if path == "/health":
            status = region.health or status
            body = (
                '{"status":"%s","checks":{"database:responseTime":[{"status":"pass","observedValue":1.5,"observedUnit":"ms"}]}}'
            )
            return self._answer(
                status, latency, region.name, body % ("pass" if status < 400 else "fail"), "application/health+json"
            )
        replica = region.replicas[index]
        if path == "/metrics":
            return self._answer(status, latency, region.name, replica.page(), replica=replica.name)
        return self._answer(status, latency, region.name)

    def _answer(self, status, latency, region=None, body="", content_type="text/plain", replica="") -> Asked:
        return Asked(self.clock.now(), latency, status, "", str(status), region, replica, content_type, body)

    async def read(self, tool: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        self.reads.append(tool)
        await self.clock.sleep(self.platform_s)
        if self.tools_away:
            raise ToolsUnavailableError("the server is away")
        if tool == "get_traffic":
            return {"target": arguments["target"], "weights": dict(self.weights)}
        region = self.regions[arguments["region"]]
        ready = region.ready - len(region.dead)
        return {
            "target": arguments["target"],
            "region": region.name,
            "revision": region.revision,
            "image": region.image,
            "replicas_desired": region.desired,
            "replicas_ready": ready,
            "replicas": [{"name": r.name, "restart_count": 0, "created_at": START.isoformat()} for r in region.replicas],
            "running_state": region.running_state,
        }

    async def write(self, tool: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        raise AssertionError(f"Sentry wrote: {tool}")


class FoldingStore:
    """Implements the IncidentStore with the real `evolve`, in memory."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.folded: dict[str, Incident] = {}
        self.broken = False

    async def open_incident(self, data, source, at, traceparent=None) -> Event | None:
        self._check()
        if await self.unresolved(data.target) is not None:
            return None
        name = f"INC-{len(self.folded) + 1}"
        event = Event(id=f"{name}:opened", source=source, incident=name, data=data, time=at)
        await self.append([event])
        return event

    async def append(self, events) -> None:
        self._check()
        for event in events:
            if any(e.id == event.id for e in self.events):
                continue
            self.folded[event.incident] = evolve(self.folded.get(event.incident), event)
            self.events.append(event)

    async def unresolved(self, target: str) -> Incident | None:
        self._check()
        return next((i for i in self.folded.values() if i.target == target and i.status != "resolved"), None)

    async def incidents(self, *, limit: int = 100) -> list[Incident]:
        return sorted(self.folded.values(), key=lambda i: i.opened_at, reverse=True)[:limit]

    def of(self, type_: str) -> list[Event]:
        return [e for e in self.events if e.type == type_]

    def _check(self) -> None:
        if self.broken:
            raise RuntimeError("the database is locked")


def target_settings(*regions: str, platform: bool = True, public: bool = True, demo: bool = True) -> TargetSettings:
    names = regions or ("east", "west")
    table: dict[str, Any] = {
        "regions": {n: {"url": f"http://{n}", "probe_path": "/api/users?limit=1"} for n in names},
    }
    if public:
        table |= {"public_url": "http://public", "public_probe_path": "/api/users?limit=1"}
        table |= {"public_metrics_url": "http://edge/metrics"}
    if platform:
        table["platform"] = {
            "kind": "azure",
            "subscription_id": "s",
            "resource_group": "g",
            "container_apps": {n: f"demo-{n}" for n in names},
            "traffic": {"profile": "p", "origin_group": "o", "origins": {n: n for n in names}},
        }
    if demo:
        table["chaos"] = {"token": "t", "demo": True}
    return TargetSettings(**table)


class Station:
    """A Sentry in the simulated world."""

    def __init__(self, settings: SentrySettings | None = None, targets=None, world: World | None = None) -> None:
        self.clock = SimClock() if world is None else world.clock
        self.world = world or World(self.clock)
        self.store = FoldingStore()
        self.telemetry = SpyTelemetry()
        self.settings = settings or SentrySettings()
        self.targets = targets or {"demo": target_settings()}
        self.sentry = self.make()
        self._task: asyncio.Task[None] | None = None

    def make(self) -> Sentry:
        return Sentry(
            targets=self.targets,
            settings=self.settings,
            tools=self.world,
            store=self.store,
            clock=self.clock,
            telemetry=self.telemetry,
            transport=self.world,
        )

    async def __aenter__(self) -> Station:
        self._task = asyncio.create_task(self.sentry.watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def restart(self) -> None:
        await self.stop()
        self.sentry = self.make()
        self._task = asyncio.create_task(self.sentry.watch())

    async def carry_out(self, *actions: Action, fault_class: str = "region_down") -> Event:
        """Bring the unresolved incident to `verifying` with a plan of these actions; the event that Sentry answers."""
        incident = await self.store.unresolved("demo")
        build = Build(self.clock)
        plan = build.strategy(*actions, id=f"{incident.id}/s{incident.attempt}", fault_class=fault_class)
        steps = [
            IncidentDiagnosed(diagnosis=build.diagnosis(fault_class)),
            StrategyProposed(strategy=plan),
            StrategyApproved(strategy=plan, by="policy", reasons=()),
        ]
        if incident.status == "retry":
            del steps[0]
        steps += [
            ActionFinished(
                strategy=plan.id,
                step=step,
                operation=f"{plan.id}:{step}",
                status="succeeded",
                summary="done",
                executor="Logistics",
            )
            for step in range(len(plan.actions))
        ]
        for n, payload in enumerate(steps):
            event = Event(id=f"{plan.id}:{n}", source="test", incident=incident.id, data=payload, time=self.clock.now())
            await self.store.append([event])
        return event

    async def verify(self, event: Event, *, commit: bool = True, seconds: float = 40) -> Outcome:
        """Let Sentry answer an event while time passes; its outcome, committed as the runner would."""
        incident = self.store.folded[event.incident]
        context = Context(incident=incident, attempt=1, clock=self.clock, telemetry=self.telemetry)
        task = asyncio.create_task(self.sentry.handle(event, context))
        assert await self.clock.run(seconds, task.done), "the verification never ended"
        outcome = task.result()
        if commit:
            await self.store.append(outcome.emit)
        return outcome

    @property
    def running(self) -> bool:
        return self._task is not None and not self._task.done()

    async def until(self, type_: str, seconds: float = 10, count: int = 1) -> float | None:
        """Seconds until an event of a type was stored, or None."""
        start = self.clock.seconds
        found = await self.clock.run(seconds, lambda: len(self.store.of(type_)) >= count)
        return self.clock.seconds - start if found else None
