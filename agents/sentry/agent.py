"""Sentry on the bus: watches from outside, opens and clears incidents, and judges what the others did."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from agents.clock_watch import ClockJumpedError, ClockWatch
from agents.events import ActionFinished, Event, IncidentResolved, VerificationFailed, VerificationPassed, answer
from agents.facts import Health, Strategy
from agents.incident import Incident
from agents.outcome import outcome_of
from agents.seams import Clock, Context, Outcome, ProbeResult, Tools
from agents.sentry.asking import HttpTransport, Transport
from agents.sentry.decide import NAME, Decider, moved_away
from agents.sentry.looks import Looker
from agents.sentry.memory import Memory
from agents.sentry.store import IncidentStore
from agents.sentry.verify import Verifier
from agents.sentry.watcher import Watcher
from agents.settings import SentrySettings, TargetSettings
from agents.telemetry import Telemetry
from agents.world import UnknownTargetError


class Sentry:
    """Watches targets and verifies recoveries. Implements `seams.BackgroundAgent` and `seams.Prober`.

    `targets` is read when `watch` begins, so it may be filled after construction. Call `close` when neither watching nor probing
    goes on; `watch` does it by itself when it ends.
    """

    name = NAME
    types = frozenset({ActionFinished.TYPE})

    def __init__(
        self,
        *,
        targets: Mapping[str, TargetSettings],
        settings: SentrySettings,
        tools: Tools | None,
        store: IncidentStore,
        clock: Clock,
        telemetry: Telemetry,
        transport: Transport | None = None,
        times: ClockWatch | None = None,
    ) -> None:
        self._targets = targets
        self._settings = settings
        self._store = store
        self._clock = clock
        self._telemetry = telemetry
        self._times = times or ClockWatch(clock, monotonic=lambda: clock.now().timestamp())
        self._transport = transport or HttpTransport(clock)
        self._looker = Looker(settings, tools, self._transport, clock)
        self._verifier = Verifier(self._looker, store, settings, targets)
        self._memories: dict[str, Memory] = {}
        self.looked = asyncio.Event()
        """Set once every region, and what users see, was looked at."""
        self._verifying: list[str] = []

    async def probe(self, target: str, region: str | None) -> ProbeResult:
        """Ask one region's user path, or the public address, once. Raises UnknownTargetError."""
        settings = self._targets.get(target)
        if settings is None:
            raise UnknownTargetError(f"{target!r} is not a target; known: {sorted(self._targets)}")
        if region is not None and region not in settings.regions:
            raise UnknownTargetError(f"{region!r} is not a region of {target!r}; known: {sorted(settings.regions)}")
        return await self._looker.probe(settings, region)

    def latest(self, target: str) -> Mapping[str, Health]:
        """How each region of a target was at the last look; empty while nothing was seen."""
        memory = self._memories.get(target)
        return {} if memory is None else {r: memory.health(r, self._clock.now()) for r in memory.looks}

    def replication_lag(self, target: str) -> Mapping[str, float]:
        """The replication lag in seconds that each region's health document reported last, for those that report one."""
        memory = self._memories.get(target)
        lags = {} if memory is None else {r: look.doc.replication_lag_s for r, look in memory.looks.items() if look.doc}
        return {region: lag for region, lag in lags.items() if lag is not None}

    def previous_image(self, target: str) -> Mapping[str, str]:
        """The image that each region ran well before the present one, for those where this process saw the change."""
        memory = self._memories.get(target)
        return {} if memory is None else {region: before for region, (_, _, before) in memory.images.items() if before}

    async def watch(self) -> None:
        """Look at every target until cancelled. No failure of a look, the store or the platform ends it.

        What was learnt in a time that was not the time is forgotten, as over a restart: it would hide what is seen now.
        """
        try:
            while True:
                self._memories = {name: Memory(name, settings, self._settings) for name, settings in self._targets.items()}
                decider = Decider(self._store)
                watcher = Watcher(self._memories, self._looker, decider, self._settings, self._clock, self.looked)
                with contextlib.suppress(ClockJumpedError):
                    await self._times.unless_jumped(watcher.run(self._telemetry, lambda: "; ".join(self._verifying)))
        finally:
            await self.close()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._transport.close()

    async def handle(self, event: Event, context: Context) -> Outcome:
        """Verify, once the last step of a strategy has succeeded. Safe to be called again with the same event."""
        incident = context.incident
        data = event.data
        if not isinstance(data, ActionFinished) or data.undo or incident is None or incident.strategy is None:
            return Outcome()
        strategy = incident.strategy
        if incident.status != "verifying" or data.strategy != strategy.id or data.step != len(strategy.actions) - 1:
            return Outcome()
        return await self._verify(event, incident, strategy, context)

    async def _verify(self, event: Event, incident: Incident, strategy: Strategy, context: Context) -> Outcome:
        memory = self._memories.get(incident.target)
        doing = f"verifies {incident.id}: {strategy.actions[0].kind}"
        self._verifying.append(doing)
        try:
            learnt = memory.baselines if memory is not None else None
            others = {name: m.baselines for name, m in self._memories.items() if name != incident.target}
            verifying = self._verifier.verify(incident, strategy, learnt, context.clock, others)
            passed, checks = await self._times.unless_jumped(verifying)
        finally:
            with contextlib.suppress(ValueError):
                self._verifying.remove(doing)
        now = context.clock.now()
        simulated = self._simulated(incident.target)
        record = outcome_of(incident, strategy, now, succeeded=passed, simulated=simulated)
        if not passed:
            failed = VerificationFailed(strategy=strategy.id, checks=checks, simulated=simulated)
            return Outcome(emit=(answer(event, self.name, 0, failed, now),), record=record)
        if memory is not None:
            memory.left(moved_away(incident), now)
        verified = VerificationPassed(strategy=strategy.id, checks=checks, simulated=simulated)
        resolved = IncidentResolved(how="verified", checks=checks)
        emit = (answer(event, self.name, 0, verified, now), answer(event, self.name, 1, resolved, now))
        return Outcome(emit=emit, record=record)

    def _simulated(self, target: str) -> bool:
        settings = self._targets.get(target)
        return settings is not None and settings.simulated
