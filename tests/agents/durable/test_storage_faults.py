"""A log that can't be written: nobody fails for it, nothing is done, it is said with the remedy, and it passes by itself."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sqlite3

import pytest
from sqlalchemy import select
from tests_support import SpyTelemetry

from agents.durable import schema as s
from agents.durable import watch
from agents.durable.bus import EmbeddedBus
from agents.durable.errors import StorageError
from agents.durable.runner import Runner
from agents.durable.watch import LogWatch
from agents.events import IncidentDiagnosed, IncidentOpened, answer
from agents.seams import Outcome
from agents.telemetry import AgentState


@contextlib.contextmanager
def no_room(store):
    """The kernel gives no file of this process more room than the log has now: what a full disk does to it."""
    wal = store.database.path.with_name(store.database.path.name + "-wal")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (wal.stat().st_size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextlib.contextmanager
def locked(store):
    """Another connection holds the lock for writing."""
    other = sqlite3.connect(store.database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.close()


@contextlib.contextmanager
def moved_away(store):
    """The file is taken away, and put back."""
    path = store.database.path
    aside = path.rename(path.with_name("aside.db"))
    try:
        yield
    finally:
        aside.rename(path)


@contextlib.contextmanager
def replaced(store):
    """Another file lies where the log was, until the log is put back."""
    path = store.database.path
    with moved_away(store):
        path.write_bytes(b"")
        yield


@contextlib.contextmanager
def journal_lost(store):
    """The write-ahead log, which holds the last commits, is taken away and put back."""
    wal = store.database.path.with_name(store.database.path.name + "-wal")
    aside = wal.rename(wal.with_name("aside-wal"))
    try:
        yield
    finally:
        aside.rename(wal)


FAULTS = {
    no_room: "is its disk full",
    locked: "another program holds its lock",
    moved_away: "deleted or replaced while in use",
    replaced: "deleted or replaced while in use",
    journal_lost: "deleted or replaced while in use",
}
every_fault = pytest.mark.parametrize(("fault", "said"), FAULTS.items(), ids=lambda value: getattr(value, "__name__", ""))


@pytest.fixture
async def hasty(store):
    """A store that waits for nobody's lock."""
    await store.database.run(lambda c: c.execute(select(s.event.c.seq)).all())
    raw = store.database._engine.raw_connection()
    raw.cursor().execute("PRAGMA busy_timeout=1")
    raw.close()
    return store


@pytest.fixture
async def read_only(hasty):
    """A store whose database can't be written."""

    def forbid(word):
        raw = hasty.database._engine.raw_connection()
        raw.cursor().execute(f"PRAGMA query_only={word}")
        raw.close()

    forbid("ON")
    yield hasty, lambda: forbid("OFF")
    forbid("OFF")


class Diagnosing:
    """An agent that thinks once, and says how often it did."""

    name = "Diagnostician"
    types = frozenset({IncidentOpened.TYPE})

    def __init__(self, build, clock, during) -> None:
        self._build, self._clock, self._during = build, clock, during
        self.thoughts = 0

    async def handle(self, event, context):
        self.thoughts += 1
        if self.thoughts == 1:
            self._during.set()
            await asyncio.sleep(0)
        data = IncidentDiagnosed(diagnosis=self._build.diagnosis())
        return Outcome(emit=(answer(event, self.name, 0, data, self._clock.now()),))


@contextlib.asynccontextmanager
async def at_work(store, clock, agent):
    """The agent on a bus, over real seconds that are shortened to nothing."""
    telemetry = SpyTelemetry()
    async with EmbeddedBus(store) as bus:
        task = asyncio.create_task(Runner(bus=bus, store=store, telemetry=telemetry, clock=clock).run(agent))
        await asyncio.sleep(0)
        try:
            yield telemetry
            assert not task.done(), "the agent's loop goes on, whatever the disk does"
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(holds):
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.005)


async def status(store):
    incident = await store.incident("INC-1")
    return incident and incident.status


@every_fault
async def test_a_fault_of_the_disk_is_said_with_its_remedy_and_nothing_is_kept(hasty, build, clock, fault, said):
    with fault(hasty), pytest.raises(StorageError, match=said):
        await hasty.open_incident(build.opened(), "Sentry", clock.now())
    assert await hasty.recent_events(10) == []
    await hasty.open_incident(build.opened(), "Sentry", clock.now())
    assert [event.incident for event in await hasty.recent_events(10)] == ["INC-1"]
    assert await hasty.verify_chain() is None


@every_fault
async def test_p02_an_answer_that_can_t_be_written_waits_is_never_parked_and_is_kept_once_it_can_be(
    hasty, build, clock, fault, said
):
    began = asyncio.Event()
    agent = Diagnosing(build, clock, began)
    async with at_work(hasty, clock, agent) as telemetry:
        await hasty.open_incident(build.opened(), "Sentry", clock.now())
        await began.wait()
        with fault(hasty):
            await until(lambda: any(isinstance(i, AgentState) and "waits for the log" in i.detail for i in telemetry.items))
            for _ in range(20):
                await asyncio.sleep(0.005)
            assert agent.thoughts == 1, "nobody thinks, and pays for it, while the answer can't be kept"
        async with asyncio.timeout(10):
            while await status(hasty) != "diagnosed":
                await asyncio.sleep(0.005)
        assert await hasty.parked() == []
    assert said in next(i.detail for i in telemetry.items if isinstance(i, AgentState) and "waits for the log" in i.detail)


async def test_a_delivery_that_meets_the_fault_again_and_again_is_never_parked(hasty, build, clock):
    agent = Diagnosing(build, clock, asyncio.Event())
    think = agent.handle

    async def meeting_it(event, context):
        answer = await think(event, context)
        if agent.thoughts < 10:
            raise StorageError("taken away for a moment")
        return answer

    agent.handle = meeting_it
    async with at_work(hasty, clock, agent):
        await hasty.open_incident(build.opened(), "Sentry", clock.now())
        async with asyncio.timeout(10):
            while await status(hasty) != "diagnosed":
                await asyncio.sleep(0.005)
    assert agent.thoughts == 10
    assert await hasty.parked() == []


async def test_what_waits_from_an_earlier_run_is_delivered_once_the_log_can_be_read(hasty, build, clock):
    await hasty.open_incident(build.opened(), "Sentry", clock.now())
    agent = Diagnosing(build, clock, asyncio.Event())
    with locked(hasty):
        working = at_work(hasty, clock, agent)
        await working.__aenter__()
        await asyncio.sleep(0.05)
        assert agent.thoughts == 0
    await until(lambda: agent.thoughts == 1)
    await working.__aexit__(None, None, None)


async def test_a_commit_whose_telling_fails_is_no_failure_and_is_told_later(hasty, build, clock):
    told = []
    hasty.subscribe(told.extend)
    run = hasty.database.run

    async def commits_then_fails(work):
        done = await run(work)
        hasty.database.run = broken
        return done

    async def broken(work):
        raise StorageError("taken away")

    hasty.database.run = commits_then_fails
    assert await hasty.open_incident(build.opened(), "Sentry", clock.now()) is not None
    hasty.database.run = run
    await until(lambda: [event.incident for event in told] == ["INC-1"])


async def test_other_processes_are_noticed_again_after_the_log_was_away(hasty, build, clock):
    told = []
    hasty.subscribe(told.extend)
    with replaced(hasty):
        with pytest.raises(StorageError):
            await hasty.pause(by="ada")
        await asyncio.sleep(0.25)
    await hasty.pause(by="ada")
    await until(lambda: len(told) == 1)


@every_fault
async def test_the_watch_says_what_is_wrong_as_long_as_it_is_and_no_longer(hasty, clock, fault, said):
    log = LogWatch(hasty, clock)
    await hasty.pause(by="ada")
    await log.look()
    assert log.problem == ""
    assert log.standing.automation.paused
    clock.advance(6)
    with fault(hasty):
        await log.look()
        assert said in log.problem
        assert watch.HELD in log.problem
        assert log.standing.automation.paused, "what was known last is still said"
    await log.look()
    assert log.problem == ""
    await log.close()


async def test_a_database_that_is_read_only_is_noticed_in_quiet_times_although_it_can_be_read(read_only, clock):
    store, allow = read_only
    log = LogWatch(store, clock)
    await log.look()
    assert "readonly" in log.problem
    assert "write permission" in log.problem
    allow()
    await log.look()
    assert log.problem == ""


async def test_the_watch_does_not_wait_for_another_program_s_lock(store, clock, monkeypatch):
    monkeypatch.setattr(watch, "PATIENCE_S", 0.01)
    log = LogWatch(store, clock)
    with locked(store):
        await log.look()
        assert log.problem == "", "a disk that is slow for a moment is no problem"
        clock.advance(6)
        await log.look()
        assert "has not answered for 6 s" in log.problem

    async def well():
        while log.problem:
            await log.look()

    await asyncio.wait_for(well(), 10)
    await log.close()
