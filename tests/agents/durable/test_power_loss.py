"""What a power cut can leave of the log: a torn or lost tail, a half-done checkpoint. It opens, is whole, and goes on.

The files are those of real commits: one incident from its opening to its end, over the real store, bus, runner and effects. The
tools keep their world over the cut, as the MCP server's journal and the infrastructure do.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import pytest
from durable_support import CountingTools
from sqlalchemy import select
from tests_support import SpyTelemetry

from agents.durable import audit, log
from agents.durable import schema as s
from agents.durable.bus import EmbeddedBus
from agents.durable.effects import DurableEffects
from agents.durable.runner import Runner
from agents.durable.store import Store
from agents.events import (
    ActionFinished,
    IncidentDiagnosed,
    IncidentOpened,
    IncidentResolved,
    StrategyApproved,
    StrategyProposed,
    VerificationPassed,
    answer,
)
from agents.execution import Executor
from agents.incident import evolve
from agents.policy_settings import PolicySettings
from agents.seams import Outcome

HEADER, FRAME, PAGE = 32, 24 + 4096, 4096


class Scripted:
    """An agent that answers events of one type with payloads that are made of the incident."""

    def __init__(self, name, type_, *make) -> None:
        self.name, self.types, self._make = name, frozenset({type_}), make

    async def handle(self, event, context):
        made = [make(context.incident) for make in self._make]
        emitted = [answer(event, self.name, n, data, context.clock.now()) for n, data in enumerate(made)]
        return Outcome(emit=tuple(emitted))


class Hand(Executor):
    name = "Traffic Controller"
    tools = frozenset({"switch_traffic"})


def agents(build, effects):
    def proposed(incident):
        return StrategyProposed(strategy=build.strategy(id=f"{incident.id}.s1"))

    return (
        Scripted("Diagnostician", IncidentOpened.TYPE, lambda _: IncidentDiagnosed(diagnosis=build.diagnosis())),
        Scripted("Strategist", IncidentDiagnosed.TYPE, proposed),
        Scripted("Orchestrator", StrategyProposed.TYPE, lambda i: StrategyApproved(strategy=i.strategy, by="policy", reasons=())),
        Hand(effects, PolicySettings()),
        Scripted(
            "Sentry",
            ActionFinished.TYPE,
            lambda i: VerificationPassed(strategy=i.strategy.id, checks=()),
            lambda _: IncidentResolved(how="verified", checks=()),
        ),
    )


async def go_on(store, tools, build, clock) -> None:
    """Let the agents work until the incident is resolved; it is opened where no trace of it is left."""
    effects = DurableEffects(store=store, tools=tools, clock=clock)
    async with EmbeddedBus(store) as bus:
        runner = Runner(bus=bus, store=store, telemetry=SpyTelemetry(), clock=clock)
        tasks = [asyncio.create_task(runner.run(agent)) for agent in agents(build, effects)]
        await asyncio.sleep(0)
        if await store.incident("INC-1") is None:
            await store.open_incident(build.opened(), "Sentry", clock.now())
        try:
            async with asyncio.timeout(20):
                while (await store.incident("INC-1")).status != "resolved":
                    await asyncio.sleep(0.002)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True)
class Left:
    """What lay on the disk at the cut, and what had been committed at each length of the write-ahead log."""

    folder: Path
    commits: tuple[tuple[int, tuple[str, ...]], ...]
    """Length of the write-ahead log, and the hashes of the events then; in order."""
    tools: CountingTools

    @property
    def wal(self) -> bytes:
        return (self.folder / "overwatch.db-wal").read_bytes()

    def hashes(self, length: int) -> tuple[str, ...]:
        """The events that must be there when the log is cut to `length`."""
        return [hashes for at, hashes in self.commits if at <= length][-1]


@pytest.fixture
async def left(tmp_path, build, clock):
    """One whole incident, cut off while everything since the tables were made lies in the write-ahead log."""
    live, kept = tmp_path / "live", tmp_path / "kept"
    live.mkdir()
    tools = CountingTools()
    store = await Store.open(live / "overwatch.db", exclusive=True, clock=clock)
    await store.database.run(lambda c: c.execute(select(s.event.c.seq)).all())
    with contextlib.closing(sqlite3.connect(live / "overwatch.db")) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    commits = [(0, ())]
    hop = store.database._hop

    async def hopping(work):
        def noting():
            done = work()
            with contextlib.closing(sqlite3.connect(live / "overwatch.db")) as other:
                hashes = tuple(row[0] for row in other.execute("SELECT hash FROM event ORDER BY seq"))
            commits.append(((live / "overwatch.db-wal").stat().st_size, hashes))
            return done

        return await hop(noting)

    store.database._hop = hopping
    await go_on(store, tools, build, clock)
    shutil.copytree(live, kept, ignore=shutil.ignore_patterns("*-shm", "*.lock"))
    store.database._hop = hop
    await store.close()
    assert tools.world == ["INC-1.s1:0"]
    return Left(kept, tuple(commits), tools)


def cut(left: Left, folder: Path, wal: bytes | None) -> Path:
    """The files as the cut left them: no shared memory, and that much of the write-ahead log."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(left.folder / "overwatch.db", folder)
    if wal is not None:
        (folder / "overwatch.db-wal").write_bytes(wal)
    return folder / "overwatch.db"


def events_of(path: Path) -> tuple[str, ...]:
    with contextlib.closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return tuple(row[0] for row in database.execute("SELECT hash FROM event ORDER BY seq"))


def offsets(wal: bytes):
    """Every frame's beginning, its header's end, its middle and the bytes around its end."""
    for start in range(HEADER, len(wal), FRAME):
        yield from (start, start + 1, start + 24, start + 24 + PAGE // 2, start + FRAME - 1)
    yield from (0, 1, HEADER - 1, len(wal))


def is_whole(connection) -> None:
    """The chain holds, each incident is the fold of its events, and what was answered is there."""
    assert audit.examine(Path(connection.engine.url.database)).broken is None
    folded = {}
    for row in connection.execute(select(s.event).order_by(s.event.c.seq)):
        if row.incident:
            folded[row.incident] = evolve(folded.get(row.incident), log.to_event(row))
    ids = connection.execute(select(s.incident.c.id)).scalars().all()
    assert {id_: log.read_incident(connection, id_) for id_ in ids} == folded
    known = set(connection.execute(select(s.event.c.id)).scalars())
    assert set(connection.execute(select(s.inbox.c.event_id)).scalars()) <= known


def test_wherever_the_tail_is_torn_the_log_opens_with_every_commit_before_it_and_nothing_half_done(left, tmp_path):
    wal = left.wal
    assert len(left.commits) > 20
    for length in offsets(wal):
        assert events_of(cut(left, tmp_path / "torn", wal[:length])) == left.hashes(length), length


def test_wherever_a_frame_is_damaged_the_log_opens_with_every_commit_before_it(left, tmp_path):
    wal = left.wal
    for start in range(HEADER, len(wal), FRAME):
        for at in (start + 3, start + 17, start + 24 + 100):
            damaged = bytearray(wal)
            damaged[at] ^= 0xFF
            assert events_of(cut(left, tmp_path / "damaged", bytes(damaged))) == left.hashes(start), at


def test_a_tail_of_zeroes_or_of_an_older_log_counts_for_nothing(left, tmp_path):
    wal = left.wal
    for start in range(HEADER, len(wal), FRAME * 7):
        rest = len(wal) - start
        assert events_of(cut(left, tmp_path / "zeroes", wal[:start] + bytes(rest))) == left.hashes(start)
        older = bytearray(wal[HEADER : HEADER + rest])
        assert events_of(cut(left, tmp_path / "older", wal[:start] + bytes(older)))[: len(left.hashes(start))] == left.hashes(
            start
        )


def test_a_checkpoint_that_was_cut_off_is_made_again_from_the_tail(left, tmp_path):
    whole = cut(left, tmp_path / "whole", left.wal)
    with contextlib.closing(sqlite3.connect(whole)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    after, before = whole.read_bytes(), (left.folder / "overwatch.db").read_bytes()
    expected = left.hashes(len(left.wal))
    for every in (2, 3, 5):
        path = cut(left, tmp_path / "half", left.wal)
        pages = [
            after[at : at + PAGE] if at // PAGE % every == 0 else before[at : at + PAGE] for at in range(0, len(before), PAGE)
        ]
        path.write_bytes(b"".join(pages))
        assert events_of(path) == expected
    whole.with_name("overwatch.db-wal").unlink(missing_ok=True)
    assert events_of(whole) == expected, "a tail that is lost after its checkpoint is not missed"


async def test_after_any_lost_commit_the_swarm_goes_on_to_the_end_with_one_effect(left, tmp_path, build, clock):
    wal = left.wal
    for length in sorted({at for at, _ in left.commits}):
        path = cut(left, tmp_path / "lost", wal[:length] if length else None)
        store = await Store.open(path, exclusive=True, clock=clock)
        try:
            await store.database.run(is_whole)
            await go_on(store, left.tools, build, clock)
            await store.database.run(is_whole)
            assert await store.parked() == []
        finally:
            await store.close()
        assert left.tools.world == ["INC-1.s1:0"], f"done again after a cut at {length}"


async def test_an_effect_whose_intent_was_lost_with_the_tail_is_found_at_the_tools_and_not_done_again(
    left, tmp_path, build, clock
):
    for length in sorted({at for at, _ in left.commits}):
        path = cut(left, tmp_path / "lost", left.wal[:length] if length else None)
        with contextlib.closing(sqlite3.connect(path)) as database:
            rows = database.execute("SELECT status FROM intent").fetchall()
        if rows:
            break
        arrived = len(left.tools.arguments)
        store = await Store.open(path, exclusive=True, clock=clock)
        try:
            await go_on(store, left.tools, build, clock)
            kept = await store.database.run(lambda c: c.execute(select(s.intent)).one())
        finally:
            await store.close()
        assert kept.status == "succeeded"
        assert len(left.tools.arguments) == arrived + 1, "it was handed to the tools again, under its own name"
        assert left.tools.world == ["INC-1.s1:0"]
    else:
        pytest.fail("no commit held the intent")
