"""The composition root: puts the six agents on the bus, with everything that they need handed in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from agents.announcer import Announcer, Watches
from agents.catalogue import Catalogue, load_catalogue
from agents.clock_watch import ClockWatch, Steadied
from agents.diagnostician import Diagnostician
from agents.durable.bus import EmbeddedBus
from agents.durable.effects import DurableEffects
from agents.durable.keeper import JournalKeeper
from agents.durable.runner import Runner
from agents.durable.store import Store
from agents.durable.watch import LogWatch
from agents.events import AGENTS, Event
from agents.foundry import Reasoner, make_reasoner
from agents.heartbeat import Heartbeats
from agents.incident import Incident
from agents.inventory import TargetInventory
from agents.logistics import Logistics
from agents.orchestrator import Orchestrator, horizon
from agents.recorder import Recorder
from agents.seams import Agent, Clock, Record
from agents.sentry import Sentry
from agents.settings import Settings, TargetSettings
from agents.strategist import Strategist
from agents.telemetry import AgentState, Telemetry
from agents.tool_server import ToolServer
from agents.toolbox import McpTools
from agents.traffic_controller import TrafficController

DATABASE = "overwatch.db"
ARCHIVE = "archive"
SILENT_LOOKS, SILENT_SECONDS = 5, 5.0
"""Looks, and seconds beside them, after which a Sentry that says nothing is down: it says how it is with each look."""
TOOLS_SECONDS = 10.0
TOOLS_PATIENCE_SECONDS = 20.0
"""How long work waits for tools that are slow to start: without them nothing can be proposed, and a person would be called."""
PAGE = 100
"""Incidents that are read at first; where they do not reach back far enough, twice as many."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the swarm watches and the tools that it acts with, known once the targets are there."""

    targets: Mapping[str, TargetSettings]
    server: ToolServer | None
    approval_key: Path | None = None
    """The file with the key that the tools demand approvals with; None where they demand none."""
    problem: Callable[[], str] = str
    """What is wrong with them now, with the remedy; empty while nothing is."""


class StorePast:
    """What the Orchestrator wants to know of the past, read from the log."""

    def __init__(self, store: Store, horizon: timedelta = timedelta(days=1)) -> None:
        self._store = store
        self._horizon = horizon

    async def recent_incidents(self, target: str) -> Sequence[Incident]:
        """Every incident of a target that anything happened to within the gate's horizon, the newest first; never cut short."""
        since = self._store.clock.now() - self._horizon
        limit = PAGE
        while True:
            found = await self._store.incidents(limit=limit, target=target)
            if len(found) < limit or found[-1].updated_at < since:
                return found
            limit *= 2

    async def paused(self) -> bool:
        """Whether automation is paused."""
        return (await self._store.automation()).paused


class StoreRecords:
    """The track record, read from the log for targets of which some are simulated. Implements `seams.TrackRecord`."""

    def __init__(self, store: Store, targets: Mapping[str, TargetSettings]) -> None:
        self._store = store
        self._targets = targets

    async def record(self, action: str, fault_class: str, target: str) -> Record:
        """The weighted counts; what was simulated counts whole on a simulated target alone."""
        settings = self._targets.get(target)
        demo = settings is not None and settings.simulated
        return await self._store.record(action, fault_class, target, demo=demo)


class Swarm:
    """Six agents over one database. `run` lives until cancelled; the next run goes on where the last one ended."""

    def __init__(self, settings: Settings, home: Path, telemetry: Telemetry, clock: Clock) -> None:
        self._settings = settings
        self._home = home
        self._recorder = Recorder(telemetry, clock)
        self._telemetry = self._beats = Heartbeats(self._recorder, clock)
        self._clock = clock
        self._found: Surroundings | None = None

    async def run(
        self, surroundings: Callable[[], Awaitable[Surroundings]], ready: Callable[[Store], None] | None = None
    ) -> None:
        """Register the agents, wait for what they watch, and work until cancelled.

        Raises the durable core's errors where the database can't be used (locked by another process, newer, damaged).
        """
        for name in AGENTS:
            self._telemetry.publish(AgentState(name, "starting", self._clock.now()))
        self._home.mkdir(parents=True, exist_ok=True)
        store = await Store.open(self._home / DATABASE, exclusive=True, clock=self._clock)
        try:
            await self._work(store, surroundings, ready)
        finally:
            await store.close()

    async def _work(
        self, store: Store, surroundings: Callable[[], Awaitable[Surroundings]], ready: Callable[[Store], None] | None
    ) -> None:
        targets: dict[str, TargetSettings] = {}
        tools = McpTools(self._clock)
        catalogue = load_catalogue()
        policy = self._settings.policy
        times = ClockWatch(self._clock, max(policy.hold_down_s, policy.cool_down_s))
        reasoner = make_reasoner(self._settings.model, catalogue, self._clock)
        sentry = Sentry(
            targets=targets,
            settings=self._settings.sentry,
            tools=tools,
            store=store,
            clock=self._clock,
            telemetry=self._telemetry,
            times=times,
        )
        agents = (sentry, *self._answering(sentry, targets, tools, store, times, reasoner, catalogue))
        log = LogWatch(store, self._clock)
        journal = JournalKeeper(store, self._settings.journal, self._home / ARCHIVE, self._clock)
        await journal.check()
        unsubscribe = store.subscribe(self._publish)
        try:
            async with EmbeddedBus(store) as bus, asyncio.TaskGroup() as group:
                runner = Runner(bus=bus, store=store, telemetry=self._telemetry, clock=self._clock, settling=times.settling)
                watches = Watches(log, journal, times, tools, self._problem, runner.waiting)
                announcer = Announcer(watches, policy, reasoner.name, targets, self._beats, self._clock)
                group.create_task(times.run(), name="clock watch")
                for agent in agents:
                    group.create_task(self._deliver(runner, agent, sentry.looked, tools), name=agent.name)
                group.create_task(runner.sweep(), name="sweeper")
                group.create_task(self._recorder.run(store), name="recorder")
                group.create_task(announcer.tell_state(), name="state")
                group.create_task(journal.run(), name="journal")
                group.create_task(announcer.tell_calibration(store), name="calibration")
                if ready is not None:
                    ready(store)
                await self._meet(await surroundings(), targets, tools, group)
                self._beats.expect(sentry.name, SILENT_LOOKS * self._settings.sentry.interval_s + SILENT_SECONDS)
                await sentry.watch()
        finally:
            unsubscribe()
            await log.close()
            await reasoner.close()

    def _answering(
        self,
        sentry: Sentry,
        targets: Mapping[str, TargetSettings],
        tools: McpTools,
        store: Store,
        times: ClockWatch,
        reasoner: Reasoner,
        catalogue: Catalogue,
    ) -> tuple[Agent, ...]:
        """The five that answer what Sentry finds."""
        policy = self._settings.policy
        inventory = TargetInventory(targets, tools, sentry)
        effects = DurableEffects(store=store, tools=tools, clock=self._clock, policy=policy, approval_key=self._approval_key)
        steadied = Steadied(effects, times)
        return (
            Diagnostician(reasoner),
            Strategist(
                reasoner=reasoner,
                inventory=inventory,
                track_record=StoreRecords(store, targets),
                catalogue=catalogue,
                max_attempts=policy.max_attempts,
                wish_max_age_s=policy.plan_max_age_s,
            ),
            Orchestrator(policy, inventory, StorePast(store, horizon(policy)), catalogue, times.why),
            Logistics(steadied, policy, inventory),
            TrafficController(steadied, policy, inventory, sentry),
        )

    async def _meet(
        self, found: Surroundings, targets: dict[str, TargetSettings], tools: McpTools, group: asyncio.TaskGroup
    ) -> None:
        """Take in what was found, and give its tools a moment to come up."""
        targets.update(found.targets)
        self._found = found
        if found.server is not None:
            group.create_task(tools.run(found.server), name="tools")
            await tools.wait_up(TOOLS_SECONDS)

    def _problem(self) -> str:
        return "" if self._found is None else self._found.problem()

    def _approval_key(self) -> Path | None:
        return None if self._found is None else self._found.approval_key

    async def _deliver(self, runner: Runner, agent: Agent, looked: asyncio.Event, tools: McpTools) -> None:
        """Feed an agent, once everything was looked at: after a restart work waits already, and nobody may judge it unseeing."""
        self._telemetry.publish(AgentState(agent.name, "idle", self._clock.now()))
        await looked.wait()
        if self._found is not None and self._found.server is not None:
            await tools.wait_up(TOOLS_PATIENCE_SECONDS)
        await runner.run(agent)

    def _publish(self, events: Sequence[Event]) -> None:
        for event in events:
            self._telemetry.publish(event)
