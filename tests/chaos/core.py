"""The durable core under fire: the real log, bus, runner, gate, executors and door to effects in a process that is killed.

What looks from outside is left out (probes, the platform, the MCP server), so that a start costs milliseconds and every commit of
two incidents at once can be hit from both sides. The world is a file that a killed process leaves as it is, like a real one.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from checks import Ledger, succeeded
from dying_run import Boundaries, arm
from tally import Drill, StuckError, Tally
from tests_support import Build, ScriptedProber, SpyTelemetry

from agents.catalogue import load_catalogue
from agents.clock import SystemClock
from agents.durable.bus import EmbeddedBus
from agents.durable.effects import DurableEffects
from agents.durable.errors import ApprovalError
from agents.durable.runner import Runner
from agents.durable.store import Store
from agents.events import (
    ActionFinished,
    IncidentDiagnosed,
    IncidentOpened,
    IncidentResolved,
    StrategyProposed,
    StrategyRefused,
    VerificationPassed,
    answer,
)
from agents.facts import Action, Call
from agents.logistics import Logistics
from agents.orchestrator import Orchestrator
from agents.policy_settings import PolicySettings
from agents.seams import Outcome
from agents.swarm import StorePast
from agents.traffic_controller import TrafficController
from agents.world import RegionFacts, World

TARGETS = ("demo", "shop")
STUCK_SECONDS = 120
ALL = 10_000
POLICY = PolicySettings(cool_down_s=0, hold_down_s=0, confirm_blast_radius=1, actions_per_hour=1_000, max_switches=1_000)


class FileWorld:
    """Infrastructure and the MCP server's journal in one file: counts every effect, and knows an operation by its id."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with closing(self._open()) as file:
            file.execute("CREATE TABLE IF NOT EXISTS operation (id TEXT PRIMARY KEY, status TEXT)")
            file.execute("CREATE TABLE IF NOT EXISTS effect (operation TEXT, tool TEXT, target TEXT, west INTEGER)")
            file.execute("CREATE TABLE IF NOT EXISTS epoch (name TEXT PRIMARY KEY, highest_epoch INTEGER)")

    async def read(self, tool: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        with closing(self._open()) as file:
            if tool == "get_operation":
                id_ = arguments["operation_id"]
                row = file.execute("SELECT status FROM operation WHERE id = ?", [id_]).fetchone()
                return {"operation_id": id_, "status": row[0] if row else "absent"}
            if tool == "list_targets":
                rows = file.execute("SELECT name, highest_epoch FROM epoch").fetchall()
                return {"targets": [{"name": name, "highest_epoch": epoch} for name, epoch in rows]}
            return {"weights": self.weights(arguments["target"]), "revision": "r1", "image": "mini-app:1", "replicas_desired": 2}

    async def write(self, tool: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        id_, west = arguments["operation_id"], (arguments.get("weights") or {}).get("west")
        with closing(self._open()) as file:
            known = file.execute("SELECT highest_epoch FROM epoch WHERE name = ?", [arguments["target"]]).fetchone()
            if known is not None and arguments["epoch"] < known[0]:
                return {"operation_id": id_, "status": "refused", "summary": f"epoch {arguments['epoch']} is stale"}
            file.execute("INSERT OR REPLACE INTO epoch VALUES (?, ?)", [arguments["target"], arguments["epoch"]])
            file.execute("INSERT OR IGNORE INTO operation VALUES (?, 'started')", [id_])
            if file.execute("SELECT 1 FROM operation WHERE id = ? AND status = 'started'", [id_]).fetchone():
                if file.execute("SELECT 1 FROM effect WHERE operation = ?", [id_]).fetchone() is None:
                    file.execute("INSERT INTO effect VALUES (?, ?, ?, ?)", [id_, tool, arguments["target"], west])
                file.execute("UPDATE operation SET status = 'succeeded' WHERE id = ?", [id_])
        return {"operation_id": id_, "status": "succeeded", "summary": f"{tool} done", "command": f"az {tool}"}

    def weights(self, target: str) -> dict[str, int]:
        asked = "SELECT west FROM effect WHERE target = ? AND west IS NOT NULL ORDER BY rowid DESC LIMIT 1"
        with closing(self._open()) as file:
            row = file.execute(asked, [target]).fetchone()
        west = row[0] if row else 0
        return {"east": 100 - west, "west": west}

    def effects(self, tool: str, target: str) -> int:
        with closing(self._open()) as file:
            asked = "SELECT count(*) FROM effect WHERE tool = ? AND target = ?"
            return int(file.execute(asked, [tool, target]).fetchone()[0])

    async def world(self, target: str) -> World:
        """Implements `seams.Inventory`: the region that has the users is the one that fails."""
        weights = self.weights(target)
        regions = tuple(
            RegionFacts(
                name,
                "fail" if weight else "ok",
                traffic=weight,
                replicas_ready=2,
                replicas_desired=2,
                image="mini-app:1",
                revision="r1",
            )
            for name, weight in weights.items()
        )
        return World(target, frozenset({"failover_region", "restart_service"}), 5, regions)

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, isolation_level=None, timeout=30)


class Said:
    """An agent that answers what it hears with payloads that are made of the incident."""

    def __init__(self, name: str, types: tuple[Any, ...], make: Any) -> None:
        self.name, self.types, self._make = name, frozenset(t.TYPE for t in types), make

    async def handle(self, event, context) -> Outcome:
        made = await self._make(event, context.incident)
        return Outcome(emit=tuple(answer(event, self.name, n, data, context.clock.now()) for n, data in enumerate(made)))


class Core:
    """The swarm of one process, over one log and one world."""

    def __init__(self, folder: Path, drill: Drill, wanted: int) -> None:
        self._folder, self._drill, self._wanted = folder, drill, wanted
        self._clock = SystemClock()
        self._build = Build(self._clock)
        self._world = FileWorld(folder / "world.db")
        self._restarts = drill.fault == "degrade"

    async def run(self) -> None:
        """Work until every incident of the drill is resolved."""
        store = await Store.open(self._folder / "core.db", exclusive=True, clock=self._clock)
        async with EmbeddedBus(store) as bus:
            runner = Runner(bus=bus, store=store, telemetry=SpyTelemetry(), clock=self._clock)
            tasks = [asyncio.create_task(runner.run(agent)) for agent in self._agents(store)]
            tasks += [asyncio.create_task(runner.sweep()), asyncio.create_task(self._person(store))]
            try:
                await self._open(store)
                while not await self._done(store):
                    if failed := [task for task in tasks if task.done()]:
                        failed[0].result()
                    await asyncio.sleep(0.01)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        await store.close()

    async def _open(self, store: Store) -> None:
        for target in TARGETS:
            known = await store.incidents(target=target, limit=ALL)
            if len(known) < self._wanted:
                opened = self._build.opened(max(self._world.weights(target), key=self._world.weights(target).__getitem__))
                await store.open_incident(opened.model_copy(update={"target": target}), "Sentry", self._clock.now())

    async def _done(self, store: Store) -> bool:
        incidents = await store.incidents(limit=ALL)
        return len(incidents) == self._wanted * len(TARGETS) and all(i.status in {"resolved", "escalated"} for i in incidents)

    async def _person(self, store: Store) -> None:
        while True:
            for incident in await store.incidents(unresolved_only=True):
                approval = incident.approval
                if incident.status == "awaiting" and approval is not None and approval.approved is None:
                    yes = len(incident.tried) >= self._drill.rejects
                    with suppress(ApprovalError):
                        await store.decide_approval(approval.id, approved=yes, by="ada", reason="" if yes else "not this one")
            await asyncio.sleep(0.01)

    def _agents(self, store: Store) -> tuple[Any, ...]:
        effects = DurableEffects(store=store, tools=self._world, clock=self._clock)
        return (
            Said("Diagnostician", (IncidentOpened,), self._diagnosed),
            Said("Strategist", (IncidentDiagnosed, StrategyRefused), self._proposed),
            Orchestrator(POLICY, self._world, StorePast(store), load_catalogue()),
            Logistics(effects, POLICY, self._world),
            TrafficController(effects, POLICY, self._world, ScriptedProber(self._clock)),
            Said("Sentry", (ActionFinished,), self._verified),
        )

    @property
    def _fault_class(self) -> str:
        return "process_degraded" if self._restarts else "region_down"

    async def _diagnosed(self, event, incident):
        if incident.status != "open":
            return ()
        return (IncidentDiagnosed(diagnosis=self._build.diagnosis(self._fault_class)),)

    async def _proposed(self, event, incident):
        if incident.status not in {"diagnosed", "retry"}:
            return ()
        weights = self._world.weights(incident.target)
        if self._restarts:
            region = max(weights, key=weights.__getitem__)
            action = Action(
                kind="restart_service",
                call=Call(tool="restart_service", target=incident.target, region=region),
                harmless=True,
            )
        else:
            back = Call(tool="switch_traffic", target=incident.target, weights=weights)
            there = back.model_copy(update={"weights": {name: 100 - share for name, share in weights.items()}})
            action = Action(kind="failover_region", call=there, inverse=back)
        plan = self._build.strategy(
            action,
            id=f"{incident.id}.s{incident.attempt}v{incident.version}",
            target=incident.target,
            fault_class=self._fault_class,
            confidence=self._build.confidence(0.5, outcomes=0),
            attempt=incident.attempt,
        )
        return (StrategyProposed(strategy=plan),)

    async def _verified(self, event, incident):
        if incident.status != "verifying":
            return ()
        return VerificationPassed(strategy=incident.strategy.id, checks=()), IncidentResolved(how="verified", checks=())


class CoreUnderFire:
    """Holds the drills over the core, one process after the other."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._folder, self._say = folder, say
        self._wanted = 0
        self.ledger = Ledger(folder / "core.db")
        self._world = FileWorld(folder / "world.db")
        self.tallies: list[Tally] = []
        self._effects = 0

    def at_every_boundary(self, drill: Drill, side: str) -> None:
        """Kill right before, or right after, each commit of the drill, once each."""
        hit = self._folder / f"core-{drill.name}-{side}.hit"
        tally = self._tally(drill, f"core, {side} each commit")
        self._hold(drill, tally, lambda: arm(Boundaries(side, hit)), lambda: None)
        self._say(f"{drill.name} {tally.how}: {tally.kills} kills, {tally.incidents} incidents, {tally.seconds:.0f} s")

    def at_random(self, drill: Drill, moments: random.Random, kills: int) -> None:
        """Kill at random moments, over as many drills as that takes."""
        tally = self._tally(drill, "core, at random moments")

        def after() -> float | None:
            return moments.uniform(0.02, 0.4) if tally.kills < kills else None

        while tally.kills < kills:
            self._hold(drill, tally, lambda: None, after)
        self._say(f"{drill.name} {tally.how}: {tally.kills} kills, {tally.incidents} incidents, {tally.seconds:.0f} s")

    def _tally(self, drill: Drill, how: str) -> Tally:
        self.tallies.append(Tally(drill.name, how))
        return self.tallies[-1]

    def _hold(self, drill: Drill, tally: Tally, prepare: Callable[[], None], after: Callable[[], float | None]) -> None:
        began, self._wanted = time.monotonic(), self._wanted + 1
        while True:
            status = self._child(drill, prepare, after())
            if status == 0:
                break
            if status != -signal.SIGKILL:
                raise StuckError(f"the core ended with {status}: read {self._folder / 'core.log'}")
            tally.kills += 1
            tally.wrong += self.ledger.faults()
        tally.incidents += len(TARGETS)
        tally.seconds += time.monotonic() - began
        tally.wrong += [*self.ledger.faults(), *self._twice(tally)]

    def _child(self, drill: Drill, prepare: Callable[[], None], after: float | None) -> int:
        """One process of the core; how it ended. It is killed after so many seconds, where that is given."""
        pid = os.fork()
        if pid == 0:
            self._live(drill, prepare)
        deadline = time.monotonic() + (STUCK_SECONDS if after is None else after)
        while True:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > deadline:
                os.kill(pid, signal.SIGKILL)
                if after is None:
                    os.waitpid(pid, 0)
                    raise StuckError(f"{drill.name}: nothing came to an end within {STUCK_SECONDS} s")
            time.sleep(0.002)

    def _live(self, drill: Drill, prepare: Callable[[], None]) -> None:
        try:
            with (self._folder / "core.log").open("a") as log:
                os.dup2(log.fileno(), 1)
                os.dup2(log.fileno(), 2)
            prepare()
            asyncio.run(Core(self._folder, drill, self._wanted).run())
        except BaseException:  # noqa: BLE001 - the child of a fork must never return into its parent's code
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)

    def _twice(self, tally: Tally) -> list[str]:
        """What really happened to the world, beside what the log says was done."""
        wrong, all_ = [], 0
        for target in TARGETS:
            for tool in ("switch_traffic", "restart_service"):
                really, told = self._world.effects(tool, target), succeeded(self.ledger.path, tool, target)
                all_ += really
                if really != told:
                    wrong.append(f"{tool} on {target} really happened {really} times, the log says {told}")
        tally.effects += all_ - self._effects
        self._effects = all_
        return wrong
