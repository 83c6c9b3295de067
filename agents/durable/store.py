"""The facade of the log: what agents, the bus, the control room and the command line ask of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

from sqlalchemy import Connection, func, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from agents.durable import approvals, audit, log, outcomes, samples
from agents.durable import schema as s
from agents.durable.database import Database
from agents.durable.errors import ApprovalError, DurableError
from agents.edits import Edit
from agents.events import (
    A_PERSON_S_WORD,
    AutomationArmed,
    AutomationPaused,
    Event,
    FailoverRequested,
    IncidentClosed,
    IncidentOpened,
    is_person,
)
from agents.facts import Strategy
from agents.incident import IllegalTransitionError, Incident
from agents.records import Approval
from agents.seams import Clock, Outcome, OutcomeRecord, Record

POLL_SECONDS = 0.1
Subscriber = Callable[[Sequence[Event]], None]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Automation:
    """Whether automation is paused, by whom, why and since when."""

    paused: bool = False
    by: str = ""
    reason: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How automation stands, and how many deliveries are parked."""

    automation: Automation = Automation()
    parked: int = 0


@dataclass(frozen=True, slots=True)
class Parked:
    """A delivery that failed too often and waits for a person."""

    consumer: str
    event_id: str
    attempts: int
    error: str


class Store:
    """One database. Subscribers are called in the loop that opened it, with every event that is committed, in order, once."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock
        self._subscribers: list[Subscriber] = []
        self._told = 0
        self._behind = False
        self._telling = asyncio.Lock()
        self._poll: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, path: Path, *, exclusive: bool, clock: Clock) -> Store:
        """Open the database, made or upgraded first. `exclusive` is for the one swarm; commands beside it open without."""
        database = Database(path, exclusive=exclusive)
        try:
            await database.prepare()
            store = cls(database, clock)
            store._told = await database.run(
                lambda c: c.execute(select(s.event.c.seq).order_by(s.event.c.seq.desc())).scalar() or 0
            )
        except BaseException:
            await database.close()
            raise
        if exclusive:
            store._poll = asyncio.create_task(store._notice_others(), name="notice other processes")
        return store

    async def close(self) -> None:
        """Stop and let the file go."""
        if self._poll is not None:
            self._poll.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._poll
        await self.database.close()

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call `subscriber` with new events; the returned function ends that."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    async def commit(self, consumer: str, event: Event, outcome: Outcome, expect_version: int | None) -> list[Event]:
        """One agent's answer, in one transaction: inbox, events, incident, outcome. Raises ConflictError.

        Raises ApprovalError where the answer holds what only a person may say.
        """
        if said := [e.type for e in outcome.emit if isinstance(e.data, A_PERSON_S_WORD)]:
            raise ApprovalError(f"{consumer} is not a person and can't say {', '.join(said)}: nothing of its answer is kept")

        def work(connection: Connection) -> list[Event]:
            mine = (s.inbox.c.consumer == consumer) & (s.inbox.c.event_id == event.id)
            if connection.execute(select(s.inbox).where(mine)).first() is not None:
                return []
            added = log.append(connection, outcome.emit, expect_version)
            connection.execute(insert(s.inbox).values(consumer=consumer, event_id=event.id))
            connection.execute(
                s.delivery.delete().where((s.delivery.c.consumer == consumer) & (s.delivery.c.event_id == event.id))
            )
            if outcome.record is not None:
                outcomes.remember(connection, outcome.record)
            return added

        return await self._told_after(work)

    async def append(self, events: Iterable[Event]) -> list[Event]:
        """Events that answer no event: Sentry's own, and commands."""
        wanted = list(events)
        return await self._told_after(lambda connection: log.append(connection, wanted))

    async def open_incident(
        self, data: IncidentOpened, source: str, at: datetime, traceparent: str | None = None
    ) -> Event | None:
        """Open the next incident; None where the target has an unresolved one."""

        def work(connection: Connection) -> list[Event]:
            if log.unresolved(connection, data.target) is not None:
                return []
            return log.append(connection, [log.opened(data, log.next_incident(connection), source, at, traceparent)])

        added = await self._told_after(work)
        return added[0] if added else None

    async def request_failover(self, target: str, region: str, by: str) -> str:
        """A person's wish, on the open incident or on one of its own. Returns the incident's id. Raises ApprovalError."""
        if not is_person(by):
            raise ApprovalError(f"{by!r} is not a person: nothing is moved")
        now = self.clock.now()

        def work(connection: Connection) -> list[Event]:
            incident = log.unresolved(connection, target)
            events: list[Event] = []
            id_ = incident.id if incident else log.next_incident(connection)
            if incident is None:
                data = IncidentOpened(target=target, title=f"{by} asks for {region}", symptoms=(), observations=(), manual=True)
                events.append(log.opened(data, id_, by, now, None))
            wish = FailoverRequested(target=target, region=region, by=by)
            events.append(Event(id=f"failover:{id_}:{now.isoformat()}", source=by, incident=id_, data=wish, time=now))
            return log.append(connection, events)

        return (await self._told_after(work))[-1].incident

    async def decide_approval(
        self, id_: str, *, approved: bool, by: str, reason: str = "", confirm: str = "", binding: str = ""
    ) -> Approval:
        """A person's decision on a request (its own id, or its incident's); the request as it stands after it.

        `confirm` is what they typed, where the request asks for that; `binding` names the plan that they looked at and
        refuses every other. Raises ApprovalError.
        """
        stands: list[Approval] = []

        def work(connection: Connection) -> list[Event]:
            now = self.clock.now()
            added, after = approvals.decide(
                connection, id_, approved=approved, by=by, reason=reason, confirm=confirm, binding=binding, now=now
            )
            stands.append(after)
            return added

        await self._told_after(work)
        return stands[-1]

    async def edit_strategy(self, id_: str, change: Edit, *, by: str) -> Strategy:
        """A person's edit of the plan that a request (its own id, or its incident's) is about; the new plan.

        The request is void; the new plan goes through the gate, which asks again for exactly this one. Raises ApprovalError.
        """
        plans: list[Strategy] = []

        def work(connection: Connection) -> list[Event]:
            added, plan = approvals.edit(connection, id_, change, by=by, now=self.clock.now())
            plans.append(plan)
            return added

        await self._told_after(work)
        return plans[-1]

    async def expire_approvals(self) -> None:
        """Decide what nobody decided in time."""
        await self._told_after(lambda connection: approvals.expire(connection, self.clock.now()))

    async def close_incident(self, id_: str, *, by: str, reason: str, gone: bool) -> Incident:
        """A person ends an incident by their word alone. Raises ApprovalError.

        `gone` says that its target is not configured any more: only then may it be ended while its target is being changed.
        """
        if not is_person(by):
            raise ApprovalError(f"{by!r} is not a person: nothing is closed")
        if not reason.strip():
            raise ApprovalError(f"no reason to close {id_} was given: say why, it is kept")
        event = Event(
            id=f"closed:{id_}",
            source=by,
            incident=id_,
            data=IncidentClosed(by=by, reason=reason, gone=gone),
            time=self.clock.now(),
        )

        def work(connection: Connection) -> list[Event]:
            incident = log.read_incident(connection, id_)
            if incident is None:
                raise ApprovalError(f"{id_!r} is not an incident here: `overwatch-tui incidents list` shows them")
            if incident.status == "resolved":
                raise ApprovalError(f"{id_} is over already ({incident.resolved_how}): nothing was changed")
            under_way = (s.intent.c.incident == id_) & (s.intent.c.status == "started")
            operation = connection.execute(select(s.intent.c.operation).where(under_way)).scalar()
            if operation is not None and not gone:
                raise ApprovalError(f"{operation} of {id_} is under way, and nobody knows yet how it ends: close it after that")
            try:
                return log.append(connection, [event])
            except IllegalTransitionError as error:
                raise ApprovalError(str(error)) from error

        await self._told_after(work)
        return cast("Incident", await self.incident(id_))

    async def pause(self, *, by: str, reason: str = "") -> None:
        """Stop all automation."""
        now = self.clock.now()
        await self.append(
            [Event(id=f"pause:{now.isoformat()}", source=by, data=AutomationPaused(by=by, reason=reason), time=now)]
        )

    async def arm(self, *, by: str) -> None:
        """Let automation act again. Raises ApprovalError."""
        if not is_person(by):
            raise ApprovalError(f"{by!r} is not a person: automation stays as it is")
        now = self.clock.now()
        await self.append([Event(id=f"arm:{now.isoformat()}", source=by, data=AutomationArmed(by=by), time=now)])

    async def automation(self) -> Automation:
        """Whether automation is paused."""
        row = await self.database.run(lambda c: c.execute(select(s.automation)).first())
        return Automation() if row is None else Automation(row.paused, row.by, row.reason, datetime.fromisoformat(row.at))

    async def incident(self, id_: str) -> Incident | None:
        """One incident."""
        return await self.database.run(lambda c: log.read_incident(c, id_))

    async def unresolved(self, target: str) -> Incident | None:
        """The unresolved incident of a target."""
        return await self.database.run(lambda c: log.unresolved(c, target))

    async def incidents(self, *, limit: int = 100, unresolved_only: bool = False, target: str | None = None) -> list[Incident]:
        """The newest incidents, of all targets or of one."""
        query = select(s.incident.c.state).order_by(s.incident.c.number.desc()).limit(limit)
        if unresolved_only:
            query = query.where(s.incident.c.status != "resolved")
        if target is not None:
            query = query.where(s.incident.c.target == target)
        return await self.database.run(lambda c: [Incident.model_validate_json(x) for x in c.execute(query).scalars()])

    async def events_of(self, incident: str) -> list[Event]:
        """Everything that was said about one incident."""
        query = select(s.event).where(s.event.c.incident == incident).order_by(s.event.c.seq)
        return await self.database.run(lambda c: [log.to_event(row) for row in c.execute(query)])

    async def recent_events(self, limit: int) -> list[Event]:
        """The newest events, oldest first."""
        query = select(s.event).order_by(s.event.c.seq.desc()).limit(limit)
        return await self.database.run(lambda c: [log.to_event(row) for row in c.execute(query)][::-1])

    async def record(self, action: str, fault_class: str, target: str, *, demo: bool = False) -> Record:
        """The track record; `demo` says that `target` itself is simulated, so that what was simulated on it counts whole."""
        now = self.clock.now()
        return await self.database.run(lambda c: outcomes.read(c, action, fault_class, target, now, demo=demo))

    async def outcomes(self) -> Sequence[OutcomeRecord]:
        """Every verified outcome, the oldest first."""
        return await self.database.run(outcomes.every)

    async def outcome_count(self) -> int:
        """How many verified outcomes there are."""
        return await self.database.run(outcomes.count)

    async def samples(self, target: str, since: datetime, until: datetime) -> samples.Samples:
        """What was measured and thought of a target from `since` to `until`, as far as it was recorded."""
        return await self.database.run(lambda c: samples.read(c, target, since, until))

    async def parked(self) -> list[Parked]:
        """Deliveries that wait for a person."""
        query = select(s.delivery).where(s.delivery.c.parked)
        return await self.database.run(lambda c: [Parked(r.consumer, r.event_id, r.attempts, r.error) for r in c.execute(query)])

    async def verify_chain(self) -> int | None:
        """The number of the first record that does not fit the chain; None where the journal is whole.

        Read beside the database's thread, so that nobody waits for it.
        """
        broken = (await asyncio.to_thread(audit.examine, self.database.path)).broken
        return None if broken is None else broken.seq or 0

    async def standing(self, *, written: datetime | None) -> Standing:
        """How it stands, in one transaction; with a time, that time is written too, which shows that the log takes writes."""

        def work(connection: Connection) -> Standing:
            if written is not None:
                value = {"value": written.isoformat()}
                change = upsert(s.meta).values(key="written", **value)
                connection.execute(change.on_conflict_do_update(index_elements=["key"], set_=value))
            row = connection.execute(select(s.automation)).first()
            automation = Automation() if row is None else Automation(row.paused, row.by, row.reason)
            parked = connection.execute(select(func.count()).select_from(s.delivery).where(s.delivery.c.parked)).scalar() or 0
            return Standing(automation, parked)

        return await self.database.run(work)

    async def _told_after(self, work: Callable[[Connection], list[Event]]) -> list[Event]:
        added = await self.database.run(work)
        if added:
            try:
                await self._tell()
            except DurableError:  # it is committed: whoever wanted that must not hear that it failed
                self._behind = True
        return added

    async def _tell(self) -> None:
        """Tell the subscribers what is new, in order, whoever committed it."""
        async with self._telling:
            while new := await self.database.run(lambda c: log.after(c, self._told, 500)):
                self._told = new[-1][0]
                for subscriber in tuple(self._subscribers):
                    subscriber([event for _, event in new if event is not None])

    async def _notice_others(self) -> None:
        last: int | None = None
        while True:
            try:
                now = await self.database.data_version()
                if now != last or self._behind:
                    self._behind = False
                    await self._tell()
                last = now
            except DurableError as error:
                self._behind = True
                _log.debug("the log can't be read now: %s", error)
            await asyncio.sleep(POLL_SECONDS)
