"""A wall clock that is set: it is noticed and said, nothing is begun meanwhile, what was measured in it is measured anew."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from durable_support import CountingTools
from swarm_support import Told, answering, holds_a
from tests_support import SpyTelemetry

from agents.clock import SystemClock
from agents.clock_watch import LONGEST_DOUBT, SETTLE, TOLERANCE, ClockJumpedError, ClockWatch, Steadied
from agents.durable.bus import EmbeddedBus
from agents.durable.effects import DurableEffects
from agents.durable.runner import Runner
from agents.durable.store import Store
from agents.events import ApprovalRequested, IncidentDiagnosed, IncidentOpened, StrategyProposed
from agents.incident import evolve
from agents.seams import RetryLaterError
from agents.sentry import Sentry
from agents.settings import SentrySettings, Settings, TargetSettings
from agents.swarm import Surroundings, Swarm
from agents.telemetry import RegionSample, SwarmState

HOUR = timedelta(hours=1)


class Times:
    """A wall clock that can be set, and one beside it that can't."""

    def __init__(self, clock) -> None:
        self.wall, self.seconds = clock, 1_000.0

    def pass_(self, time: timedelta) -> None:
        self.wall.time += time
        self.seconds += time.total_seconds()

    def set_(self, by: timedelta) -> None:
        self.wall.time += by

    def watch(self, hold_s: float = 60) -> ClockWatch:
        return ClockWatch(self.wall, hold_s, lambda: self.seconds)


@pytest.fixture
def times(clock) -> Times:
    return Times(clock)


def test_time_that_passes_is_no_jump_however_much_it_is(times):
    watch = times.watch()
    for passed in (0.5, 3_600, 86_400):
        times.pass_(timedelta(seconds=passed))
        assert watch.doubt() is None


def test_a_clock_that_is_slewed_a_little_at_a_time_is_trusted(times):
    watch = times.watch()
    for _ in range(1_000):
        times.pass_(timedelta(seconds=1))
        times.set_(timedelta(milliseconds=500))
        assert watch.doubt() is None


@pytest.mark.parametrize("by", [HOUR, -HOUR, TOLERANCE, -TOLERANCE, timedelta(days=30)])
def test_a_clock_that_is_set_is_in_doubt_for_as_long_as_it_jumped_at_most_an_hour_and_never_less_than_a_hold_down(times, by):
    watch = times.watch(hold_s=60)
    times.set_(by)
    doubt = watch.doubt()
    assert doubt is not None
    assert doubt.left == max(timedelta(seconds=60), min(abs(by), LONGEST_DOUBT))
    assert ("forward by" if by > timedelta() else "back by") in str(doubt)
    assert "timedatectl" in str(doubt)
    times.pass_(doubt.left - timedelta(seconds=1))
    assert watch.doubt() is not None
    times.pass_(timedelta(seconds=1))
    assert watch.doubt() is None


def test_a_clock_that_is_set_right_again_is_trusted_once_all_was_looked_at_anew(times):
    watch = times.watch()
    times.set_(HOUR)
    assert watch.doubt() is not None
    times.pass_(timedelta(seconds=5))
    times.set_(-HOUR)
    doubt = watch.doubt()
    assert doubt is not None
    assert doubt.left == SETTLE
    assert "set right again" in str(doubt)
    times.pass_(SETTLE)
    assert watch.doubt() is None
    times.set_(-HOUR)
    assert watch.doubt().by == -HOUR, "an older jump is not counted again"


async def test_what_is_measured_over_a_jump_is_given_up_also_where_it_would_not_end(times):
    watch = times.watch()
    cut = asyncio.Event()

    async def measuring():
        try:
            await asyncio.Event().wait()
        finally:
            cut.set()

    doing = asyncio.create_task(watch.unless_jumped(measuring()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    times.set_(-HOUR)
    watch.look()
    with pytest.raises(ClockJumpedError):
        await doing
    assert cut.is_set()


async def test_what_was_done_before_anybody_looked_counts_for_nothing_over_a_jump(times):
    watch = times.watch()

    async def measured():
        times.set_(HOUR)
        return "passed"

    with pytest.raises(ClockJumpedError):
        await watch.unless_jumped(measured())
    assert await watch.unless_jumped(asyncio.sleep(0, "passed")) == "passed"


@pytest.mark.parametrize("by", [HOUR, -HOUR])
async def test_nothing_is_begun_while_it_is_not_known_what_time_it_is_and_it_is_once_that_passed(
    tmp_path, build, clock, times, by
):
    store = await Store.open(tmp_path / "overwatch.db", exclusive=True, clock=clock)
    tools, watch = CountingTools(), times.watch()
    effects = Steadied(DurableEffects(store=store, tools=tools, clock=clock), watch)
    call = build.failover().call

    async def nothing_against_it() -> None:
        return None

    async def execute():
        return await effects.execute(
            call, operation="op-1", incident="INC-1", inverse=None, holder="INC-1", refuse=nothing_against_it
        )

    try:
        times.set_(by)
        with pytest.raises(RetryLaterError, match="the clock was set") as later:
            await execute()
        assert not later.value.counted, "waiting is no failure"
        assert tools.arguments == []
        times.pass_(SETTLE)
        assert (await execute()).status == "succeeded"
        assert tools.world == ["op-1"]
    finally:
        await store.close()


class OverAJump:
    """A verification during which the clock is set."""

    def __init__(self, times, by) -> None:
        self.times, self.by = times, by

    async def verify(self, incident, strategy, learnt, clock, others):
        self.times.set_(self.by)
        return self.by > timedelta(), ()


@pytest.mark.parametrize("by", [HOUR, -HOUR])
async def test_a_verification_over_a_jump_neither_closes_nor_undoes_anything_and_is_made_anew(build, clock, times, by):
    acting = build.acting()
    finished = build.event(build.finished(acting))
    sentry = Sentry(
        targets={},
        settings=SentrySettings(),
        tools=None,
        store=None,
        clock=clock,
        telemetry=SpyTelemetry(),
        times=times.watch(),
    )
    sentry._verifier = OverAJump(times, by)
    with pytest.raises(RetryLaterError) as later:
        await sentry.handle(finished, build.context(evolve(acting, finished)))
    assert not later.value.counted


@pytest.mark.parametrize("settling", [True, False])
async def test_no_request_expires_while_it_is_not_known_what_time_it_is(tmp_path, build, clock, settling):
    store = await Store.open(tmp_path / "overwatch.db", exclusive=True, clock=clock)
    plan, later = build.strategy(), clock.now() + timedelta(seconds=600)
    asked = ApprovalRequested(approval="A1", strategy=plan.id, binding="b", reasons=(), deadline=later)
    diagnosed = IncidentDiagnosed(diagnosis=build.diagnosis())
    sweeping = None
    try:
        await store.open_incident(build.opened(), "Sentry", clock.now())
        await store.append([build.event(data) for data in (diagnosed, StrategyProposed(strategy=plan), asked)])
        clock.advance(3_600)
        async with EmbeddedBus(store) as bus:
            swept = asyncio.Event()
            expire = store.expire_approvals

            async def expiring():
                await expire()
                swept.set()

            store.expire_approvals = expiring
            doubt = (lambda: "doubt") if settling else (lambda: None)
            runner = Runner(bus=bus, store=store, telemetry=SpyTelemetry(), clock=clock, settling=doubt)
            sweeping = asyncio.create_task(runner.sweep())
            for _ in range(50):
                await asyncio.sleep(0)
            if not settling:
                await asyncio.wait_for(swept.wait(), 5)
            assert swept.is_set() is not settling
            decided = [event for event in await store.events_of("INC-1") if event.type == "approval.decided"]
            assert bool(decided) is not settling
    finally:
        if sweeping is not None:
            sweeping.cancel()
            await asyncio.gather(sweeping, return_exceptions=True)
        await store.close()


class SetClock(SystemClock):
    """The system's clock, as if somebody had set it."""

    def __init__(self) -> None:
        self.by = timedelta()

    def now(self):
        return super().now() + self.by


class Status:
    """An answer that changes."""

    text = "200 OK"

    def __str__(self) -> str:
        return self.text


@pytest.mark.parametrize("by", [HOUR, -HOUR])
async def test_after_a_jump_either_way_the_swarm_says_so_and_still_sees_what_breaks(tmp_path, by):
    told, clock, status = Told(), SetClock(), Status()
    async with answering(status) as url:
        targets = {"shop": TargetSettings.model_validate({"regions": {"north": {"url": url, "metrics_path": None}}})}

        async def surroundings() -> Surroundings:
            return Surroundings(targets=targets, server=None)

        async def well(seen: int) -> None:
            await told.until(lambda items: sum(isinstance(i, RegionSample) and i.state == "ok" for i in items[seen:]) > 3)

        settings = Settings(sentry={"interval_s": 0.2})
        running = asyncio.create_task(Swarm(settings, tmp_path, told, clock).run(surroundings))
        try:
            await well(0)
            clock.by = by
            await told.until(lambda items: any(isinstance(i, SwarmState) and "the clock was set" in i.problem for i in items))
            seen = len(told.items)
            await well(seen)
            minute = timedelta(minutes=1)
            await told.until(
                lambda items: any(isinstance(i, RegionSample) and abs(i.at - clock.now()) < minute for i in items[seen:])
            )
            assert not holds_a(IncidentOpened)(told.items), "a clock is no symptom"
            status.text = "503 Service Unavailable"
            await told.until(holds_a(IncidentOpened))
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
