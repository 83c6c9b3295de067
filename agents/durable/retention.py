"""Keeps the journal short without breaking its chain.

Only the oldest records are taken away, up to one behind which everything stays: so what is left is still a chain. An incident
goes whole or not at all, and only once it is over; the newest incident stays, so that no number is ever given twice. What goes is
verified and archived first. That it went is a record itself, `journal.pruned`, which the anchor has to agree with.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Table, delete, func, select

from agents.durable import chain, log
from agents.durable import schema as s
from agents.durable.audit import reading, records
from agents.durable.chain import Mark, Walk
from agents.durable.errors import DurableError
from agents.durable.export import whole_or_not, write
from agents.durable.store import Store
from agents.events import AGENTS, AutomationArmed, AutomationPaused, AutomationStood, Event, JournalPruned
from agents.journal_settings import JournalSettings

SOURCE = "journal"
STEP = 2_000
"""How many records are taken away in one transaction, unless an incident has more: agents wait for the database meanwhile."""
SAMPLES = 5_000


class BrokenJournalError(DurableError):
    """The journal does not fit its chain, so nothing is taken away from it: it is evidence."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What may be taken away: the records behind `behind` up to `upto`, and the incidents that they are about."""

    behind: Mark
    upto: Mark
    incidents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was taken away, or would be."""

    records: int = 0
    incidents: int = 0
    samples: int = 0
    outcomes: int = 0
    archives: tuple[Path, ...] = ()


class Retention:
    """Takes away what is older than the settings say; `folder` is where the archives go."""

    def __init__(self, store: Store, settings: JournalSettings, folder: Path) -> None:
        self._store = store
        self._settings = settings
        self._folder = folder

    async def plan(self) -> Pruned:
        """What `prune` would take away now."""

        def work(connection: Connection) -> Pruned:
            now = self._now(connection)
            samples, outcomes = _old(now, self._settings.samples_days), _old(now, self._settings.outcomes_days)
            found = Pruned(
                samples=0 if samples is None else _count(connection, s.sample, samples),
                outcomes=0 if outcomes is None else _count(connection, s.outcome, outcomes),
            )
            before = _old(now, self._settings.keep_days)
            cut = None if before is None else cut_at(connection, before, None)
            if cut is None:
                return found
            return replace(found, records=cut.upto.seq - cut.behind.seq, incidents=len(cut.incidents))

        return await self._store.database.run(work)

    async def prune(self) -> Pruned:
        """Take it away, step by step. Raises BrokenJournalError, and OSError where the archive can't be written."""
        done = Pruned()
        now = await self._store.database.run(self._now)  # once: what is written meanwhile must not move it
        while (cut := await self._store.database.run(lambda c: self._next(c, now))) is not None:
            archive, digest = await asyncio.to_thread(self._archive, cut)
            await self._store.database.run(
                lambda c: self._take_away(c, cut, archive, digest, now)  # noqa: B023 - awaited in the turn
            )
            done = replace(
                done,
                records=done.records + cut.upto.seq - cut.behind.seq,
                incidents=done.incidents + len(cut.incidents),
                archives=(*done.archives, *([archive] if archive else [])),
            )
        while gone := await self._store.database.run(lambda c: self._samples(c, now)):
            done = replace(done, samples=done.samples + gone)
        return replace(done, outcomes=await self._store.database.run(lambda c: self._outcomes(c, now)))

    def _next(self, connection: Connection, now: datetime) -> Cut | None:
        before = _old(now, self._settings.keep_days)
        return None if before is None else cut_at(connection, before, STEP)

    def _now(self, connection: Connection) -> datetime:
        """The time to count back from: a clock that jumped far ahead takes nothing away before something was written with it."""
        now = self._store.clock.now()
        newest = connection.execute(select(s.event.c.time).order_by(s.event.c.seq.desc()).limit(1)).scalar()
        return now if newest is None else min(now, datetime.fromisoformat(newest) + timedelta(days=1))

    def _archive(self, cut: Cut) -> tuple[Path | None, str]:
        """Verify what goes, and write it down elsewhere; the file and its SHA-256."""
        name = f"journal-{cut.behind.seq + 1:09}-{cut.upto.seq:09}.jsonl.gz"
        with reading(self._store.database.path) as connection:
            walk = Walk(cut.behind)
            for record in records(connection, cut.behind.seq, cut.upto.seq):
                if (broken := walk.step(record)) is not None:
                    raise BrokenJournalError(f"{broken.line()}: nothing is pruned; `overwatch-tui audit verify` says more")
            if walk.at != cut.upto:
                raise BrokenJournalError(f"record {cut.upto.seq} is not what it was: nothing is pruned")
            if not self._settings.archive:
                return None, ""
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with whole_or_not(self._folder / name) as file:
                write(file, records(connection, cut.behind.seq, cut.upto.seq))
            _intents(connection, cut, self._folder / name.replace("journal", "intents"))
        return self._folder / name, hashlib.sha256((self._folder / name).read_bytes()).hexdigest()

    def _take_away(self, connection: Connection, cut: Cut, archive: Path | None, digest: str, now: datetime) -> list[Event]:
        """One transaction: the rows go, and the journal says so, at no time before the `now` that was counted back from."""
        held = connection.execute(select(s.event.c.hash).where(s.event.c.seq == cut.upto.seq)).scalar()
        if chain.anchor(connection) != cut.behind or held != cut.upto.hash:
            raise BrokenJournalError("somebody else pruned the journal meanwhile: nothing more was pruned, try again")
        pruned = JournalPruned(
            upto=cut.upto.seq,
            hash=cut.upto.hash,
            records=cut.upto.seq - cut.behind.seq,
            incidents=len(cut.incidents),
            keep_days=self._settings.keep_days,
            archive=archive.name if archive else "",
            archive_sha256=digest,
            automation=_stood(connection, cut.upto.seq),
        )
        gone = select(s.event.c.id).where(s.event.c.seq <= cut.upto.seq)
        for table in (s.inbox, s.delivery):
            connection.execute(delete(table).where(table.c.consumer.in_(AGENTS), table.c.event_id.in_(gone)))
        for table in (s.approval, s.intent):
            connection.execute(delete(table).where(table.c.incident.in_(cut.incidents)))
        connection.execute(delete(s.incident).where(s.incident.c.id.in_(cut.incidents)))
        connection.execute(delete(s.event).where(s.event.c.seq <= cut.upto.seq))
        chain.set_anchor(connection, cut.upto)
        at = max(now, self._store.clock.now())
        return log.append(connection, [Event(id=f"pruned:{cut.upto.seq}", source=SOURCE, data=pruned, time=at)])

    def _samples(self, connection: Connection, now: datetime) -> int:
        before = _old(now, self._settings.samples_days)
        if before is None:
            return 0
        first = connection.execute(select(func.min(s.sample.c.seq))).scalar() or 0
        return connection.execute(delete(s.sample).where(s.sample.c.seq < first + SAMPLES, s.sample.c.at < before)).rowcount

    def _outcomes(self, connection: Connection, now: datetime) -> int:
        before = _old(now, self._settings.outcomes_days)
        return 0 if before is None else connection.execute(delete(s.outcome).where(s.outcome.c.at < before)).rowcount


def cut_at(connection: Connection, before: str, step: int | None) -> Cut | None:
    """How far the journal may be cut: at most about `step` records, of which none is younger than `before`, an ISO time."""
    behind = chain.anchor(connection)
    young = select(s.event.c.seq).where(s.event.c.seq > behind.seq, s.event.c.time >= before).order_by(s.event.c.seq).limit(1)
    newest = connection.execute(select(func.max(s.event.c.seq))).scalar() or 0
    end = (connection.execute(young).scalar() or newest) - 1  # the newest record always stays
    most = end if step is None else min(end, behind.seq + step)
    while most > behind.seq:
        upto, incidents = _whole(connection, behind.seq, most, before)
        if upto > behind.seq:
            hash_ = connection.execute(select(s.event.c.hash).where(s.event.c.seq == upto)).scalar() or ""
            return Cut(behind, Mark(upto, hash_), incidents)
        if most == end:
            return None
        most = min(end, behind.seq + 2 * (most - behind.seq))
    return None


def _whole(connection: Connection, behind: int, upto: int, before: str) -> tuple[int, tuple[str, ...]]:
    """The last record up to which every incident is whole and over, and those incidents."""
    c = s.event.c
    newest = connection.execute(select(s.incident.c.id).order_by(s.incident.c.number.desc()).limit(1)).scalar()
    started = select(s.intent.c.incident).where(s.intent.c.status == "started")
    keep = {newest, *connection.execute(started).scalars()}
    keep |= set(connection.execute(select(s.incident.c.id).where(s.incident.c.status != "resolved")).scalars())
    within = select(c.incident).distinct().where(c.seq > behind, c.seq <= upto, c.incident != "")
    names = list(connection.execute(within).scalars())
    spans = {
        name: connection.execute(select(func.min(c.seq), func.max(c.seq), func.max(c.time)).where(c.incident == name)).one()
        for name in names
    }
    before_that = upto + 1
    while upto < before_that:  # each incident that stays may cut another one in two, which then stays as well
        before_that = upto
        for name, (first, last, latest) in spans.items():
            if first <= upto and (name in keep or last > upto or latest >= before):
                upto = first - 1
    return upto, tuple(name for name in names if spans[name][1] <= upto)


def _stood(connection: Connection, upto: int) -> AutomationStood | None:
    kinds = (AutomationPaused.TYPE, AutomationArmed.TYPE)
    left = select(s.event.c.seq).where(s.event.c.seq > upto, s.event.c.type.in_(kinds)).limit(1)
    row = connection.execute(select(s.automation)).first()
    if row is None or connection.execute(left).first() is not None:
        return None
    return AutomationStood(paused=row.paused, by=row.by, reason=row.reason, at=datetime.fromisoformat(row.at))


def _intents(connection: sqlite3.Connection, cut: Cut, path: Path) -> None:
    """What was carried out in those incidents, with the state before and the inverse: no event holds that."""
    marks = ",".join("?" * len(cut.incidents))
    cursor = connection.execute(f"SELECT * FROM intent WHERE incident IN ({marks}) ORDER BY operation", cut.incidents)  # noqa: S608
    names: Sequence[str] = [column[0] for column in cursor.description]
    rows = cursor.fetchall()
    if rows:
        with whole_or_not(path) as file:
            for row in rows:
                file.write(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n")


def _old(now: datetime, days: int) -> str | None:
    """The moment before which things are old, as stored times are written; None where all are kept."""
    return (now - timedelta(days=days)).isoformat() if days else None


def _count(connection: Connection, table: Table, before: str) -> int:
    return connection.execute(select(func.count()).select_from(table).where(table.c.at < before)).scalar() or 0
