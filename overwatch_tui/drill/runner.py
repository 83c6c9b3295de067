"""Runs one drill: steady state, injection, the swarm's work, and the fault taken back, whatever happened in between."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from agents.events import ActionFinished, ApprovalRequested
from agents.settings import DemoSettings, Settings, TargetSettings
from overwatch_tui.chaos import ChaosError, ChaosFault, inject
from overwatch_tui.demo import PROBE_PATH, TARGET, DemoWorld
from overwatch_tui.drill.report import Held, Report, learnt
from overwatch_tui.drill.scenarios import Scenario
from overwatch_tui.drill.users import UserProbe, healed_after
from overwatch_tui.drill.watcher import Seen, Watcher
from overwatch_tui.wiring import LocalSwarm

STEADY_SECONDS = 90.0
WORK_SECONDS = 120.0
CLEAR_SECONDS = 60.0
COUNT_SECONDS = 10.0
RECOVER = ChaosFault("recover")


class DrillError(RuntimeError):
    """The drill could not be held; the text says what was missing."""


class DrillStoppedError(DrillError):
    """Somebody ended the drill early."""


class Drill:
    """A drill of one scenario, headless, in one home: one swarm, and as many rounds as are asked for.

    `told` gets each round's report as soon as it is made, so that a drill that is stopped early has said what it knew.
    """

    def __init__(
        self,
        scenario: Scenario,
        region: str,
        *,
        settings: Settings,
        home: Path,
        approve: bool,
        progress: Callable[[str], None],
        rounds: int = 1,
        told: Callable[[Report], None] = lambda _: None,
    ) -> None:
        self._scenario = scenario
        self._region = region
        self._rounds = rounds
        self._told = told
        self._approve = approve
        self._progress = progress
        demo = DemoSettings(enabled=True, replicas=settings.demo.replicas, rps=settings.demo.rps)
        self._swarm = LocalSwarm(settings.model_copy(update={"demo": demo, "targets": {}}), home)
        self._watcher = Watcher(self._answer, progress)

    async def run(self) -> Held:
        """Hold the drill. Raises DrillError where it can't be held, and what stopped the swarm from starting."""
        self._watcher.start()
        up = asyncio.Event()
        swarm = asyncio.create_task(self._swarm.run(self._watcher, up.set), name="swarm")
        held = asyncio.create_task(self._hold(up), name="drill")
        try:
            await asyncio.wait({swarm, held}, return_when=asyncio.FIRST_COMPLETED)
            if held.done():
                return held.result()
            await swarm
            raise DrillStoppedError("the drill was ended early")
        finally:
            held.cancel()
            self._swarm.stop()
            await asyncio.wait({swarm, held})

    def stop(self) -> None:
        """End the drill early; the fault is taken back with the demo."""
        self._swarm.stop()

    async def _hold(self, up: asyncio.Event) -> Held:
        await up.wait()
        watcher, missing = self._watcher, ""
        reports: list[Report] = []
        before = None
        for number in range(1, self._rounds + 1):
            self._progress("waiting for a steady state" + (f" (round {number} of {self._rounds})" if self._rounds > 1 else ""))
            try:
                world = await self._steady()
            except DrillError as error:
                if not reports:
                    raise
                missing = f"round {number} of {self._rounds} could not be held: {error}"
                break
            if number == 1:
                before = watcher.calibration
            else:
                self._region = self._next_region()
            reports.append(await self._round(world))
            self._told(reports[-1])
        had = before.outcomes if before is not None else 0
        await watcher.until(lambda: _outcomes(watcher) >= had + watcher.judged, COUNT_SECONDS)
        return Held(tuple(reports), learnt(TARGET, before, watcher.calibration), missing)

    def _next_region(self) -> str:
        """The same region again, unless the last round moved its users away: then the one that has them."""
        moves = "failover_region" in self._scenario.right
        return self._region if not moves or self._watcher.has_users(self._region) else self._watcher.busiest or self._region

    async def _round(self, world: DemoWorld) -> Report:
        target = world.target()
        regions = sorted(target.regions) if self._scenario.everywhere else [self._region]
        users = UserProbe(f"{world.public_url}{PROBE_PATH}")
        probing = asyncio.create_task(users.run())
        loop = asyncio.get_running_loop()
        injected = loop.time()
        try:
            await self._inject(target, world, regions)
            await self._work()
        finally:
            await self._take_back(target, world, regions)
        until = loop.time()
        if self._watcher.seen.opened:
            await self._watcher.until(self._all_resolved, CLEAR_SECONDS)
        probing.cancel()
        await asyncio.wait({probing})
        healed = None if self._scenario.everywhere else healed_after(users.looks, injected, until)
        return report_of(self._scenario, self._region, self._watcher.seen, injected, healed)

    async def _steady(self) -> DemoWorld:
        def steady() -> bool:
            world = self._swarm.world
            return world is not None and self._watcher.steady(len(world.regions))

        await self._watcher.until(lambda: self._swarm.world is not None, STEADY_SECONDS)
        await self._watcher.until(steady, STEADY_SECONDS)
        world = self._swarm.world
        if world is None or not steady():
            raise DrillError(
                f"no steady state within {STEADY_SECONDS:.0f} s ({self._watcher.unsteady}); `overwatch-tui doctor` says more"
            )
        if (left := await self._swarm.unresolved(TARGET)) is not None:
            raise DrillError(f"{left} is still open: let `overwatch-tui run` finish it, or use another OVERWATCH_HOME")
        self._watcher.seen = Seen()
        return world

    async def _inject(self, target: TargetSettings, world: DemoWorld, regions: Sequence[str]) -> None:
        fault = self._scenario.fault
        if fault is None:
            return
        try:
            for said in await asyncio.gather(*(inject(target, world, region, fault) for region in regions)):
                self._progress(f"injected {said}")
        except ChaosError as error:
            raise DrillError(str(error)) from error

    async def _work(self) -> None:
        scenario = self._scenario
        if scenario.fault is None:
            self._progress(f"watching for {scenario.quiet_s:.0f} s")
            await self._watcher.until(lambda: bool(self._watcher.seen.opened), scenario.quiet_s)
            return
        await self._watcher.until(lambda: self._watcher.seen.escalated or self._all_resolved(), WORK_SECONDS)

    async def _take_back(self, target: TargetSettings, world: DemoWorld, regions: Sequence[str]) -> None:
        if self._scenario.fault is None:
            return
        for region in regions:
            with contextlib.suppress(ChaosError):
                self._progress(f"taken back {await inject(target, world, region, RECOVER)}")

    def _all_resolved(self) -> bool:
        seen = self._watcher.seen
        return bool(seen.opened) and {event.incident for _, event in seen.opened} <= seen.resolved

    def _answer(self, request: ApprovalRequested) -> None:
        reason = "" if self._approve else "rejected by the drill"
        asked = self._swarm.decide(request.approval, self._approve, reason, request.confirm, request.binding)
        asked.add_done_callback(lambda done: done.exception() and self._progress(f"could not decide: {done.exception()}"))


def _outcomes(watcher: Watcher) -> int:
    return watcher.calibration.outcomes if watcher.calibration is not None else 0


def report_of(scenario: Scenario, region: str, seen: Seen, injected: float, healed: float | None) -> Report:
    """The report of what was seen. Times in `seen` and `injected` are of one clock, in seconds."""
    done = [finished for finished in seen.finished if not finished.undo and finished.status != "refused"]
    kinds = [_kind(seen, finished) for finished in done]
    repeated = len(kinds) - len(set(kinds))
    return Report(
        scenario=scenario.name,
        region=None if scenario.everywhere or scenario.fault is None else region,
        detected_s=round(seen.opened[0][0] - injected, 2) if seen.opened and scenario.fault else None,
        fault_class=seen.diagnosed[-1] if seen.diagnosed else None,
        actions=kinds,
        decided_by=seen.decided_by[-1] if seen.decided_by else None,
        healed_s=healed,
        verified=seen.verified,
        harm=sum(kind not in scenario.right for kind in kinds) + repeated,
        resolved=bool(seen.opened) and {event.incident for _, event in seen.opened} <= seen.resolved,
        incidents=len(seen.opened),
        paged=seen.escalated,
    )


def _kind(seen: Seen, finished: ActionFinished) -> str:
    plan = seen.plans.get(finished.strategy)
    return plan.actions[finished.step].kind if plan else finished.operation


__all__ = ["TARGET", "Drill", "DrillError", "report_of"]
