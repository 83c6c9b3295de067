"""The facade of the log: what agents, the bus, the control room and the command line ask of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import cast

from sqlalchemy import Connection, insert, select

from agents.durable import approvals, audit, commands, log, outcomes, samples, standing
from agents.durable import schema as s
from agents.durable.database import Database
from agents.durable.errors import ApprovalError
from agents.durable.feed import Feed, Subscriber
from agents.durable.standing import Automation, Parked, Standing
from agents.edits import Edit
from agents.events import A_PERSON_S_WORD, Event, IncidentOpened
from agents.facts import Strategy
from agents.incident import Incident
from agents.records import Approval
from agents.seams import Clock, Outcome, OutcomeRecord, Record


class Store:
    """One database. Subscribers are called in the loop that opened it, with every event that is committed, in order, once."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock
        self._feed = Feed(database)

    @classmethod
    async def open(cls, path: Path, *, exclusive: bool, clock: Clock) -> Store:
        """Open the database, made or upgraded first. `exclusive` is for the one swarm; commands beside it open without."""
        database = Database(path, exclusive=exclusive)
        try:
            await database.prepare()
            store = cls(database, clock)
            await store._feed.begin(others=exclusive)
        except BaseException:
            await database.close()
            raise
        return store

    async def close(self) -> None:
        """Stop and let the file go."""
        await self._feed.close()
        await self.database.close()

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call `subscriber` with new events; the returned function ends that."""
        return self._feed.subscribe(subscriber)

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

        return await self._feed.told_after(work)

    async def append(self, events: Iterable[Event]) -> list[Event]:
        """Events that answer no event: Sentry's own, and commands."""
        wanted = list(events)
        return await self._feed.told_after(lambda connection: log.append(connection, wanted))

    async def open_incident(
        self, data: IncidentOpened, source: str, at: datetime, traceparent: str | None = None
    ) -> Event | None:
        """Open the next incident; None where the target has an unresolved one."""

        def work(connection: Connection) -> list[Event]:
            if log.unresolved(connection, data.target) is not None:
                return []
            return log.append(connection, [log.opened(data, log.next_incident(connection), source, at, traceparent)])

        added = await self._feed.told_after(work)
        return added[0] if added else None

    async def request_failover(self, target: str, region: str, by: str) -> str:
        """A person's wish, on the open incident or on one of its own. Returns the incident's id. Raises ApprovalError."""
        now = self.clock.now()
        return (await self._feed.told_after(lambda c: commands.failover(c, target, region, by=by, now=now)))[-1].incident

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

        await self._feed.told_after(work)
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

        await self._feed.told_after(work)
        return plans[-1]

    async def expire_approvals(self) -> None:
        """Decide what nobody decided in time."""
        await self._feed.told_after(lambda connection: approvals.expire(connection, self.clock.now()))

    async def close_incident(self, id_: str, *, by: str, reason: str, gone: bool) -> Incident:
        """A person ends an incident by their word alone. Raises ApprovalError.

        `gone` says that its target is not configured any more: only then may it be ended while its target is being changed.
        """
        now = self.clock.now()
        await self._feed.told_after(lambda c: commands.close(c, id_, by=by, reason=reason, gone=gone, now=now))
        return cast("Incident", await self.incident(id_))

    async def pause(self, *, by: str, reason: str = "") -> None:
        """Stop all automation."""
        now = self.clock.now()
        await self._feed.told_after(lambda c: commands.pause(c, by=by, reason=reason, now=now))

    async def arm(self, *, by: str) -> None:
        """Let automation act again. Raises ApprovalError."""
        now = self.clock.now()
        await self._feed.told_after(lambda c: commands.rearm(c, by=by, now=now))

    async def automation(self) -> Automation:
        """Whether automation is paused."""
        return await self.database.run(standing.automation)

    async def incident(self, id_: str) -> Incident | None:
        """One incident."""
        return await self.database.run(lambda c: log.read_incident(c, id_))

    async def unresolved(self, target: str) -> Incident | None:
        """The unresolved incident of a target."""
        return await self.database.run(lambda c: log.unresolved(c, target))

    async def incidents(self, *, limit: int = 100, unresolved_only: bool = False, target: str | None = None) -> list[Incident]:
        """The newest incidents, of all targets or of one."""
        return await self.database.run(lambda c: log.incidents(c, limit=limit, unresolved_only=unresolved_only, target=target))

    async def events_of(self, incident: str) -> list[Event]:
        """Everything that was said about one incident."""
        return await self.database.run(lambda c: log.events_of(c, incident))

    async def recent_events(self, limit: int) -> list[Event]:
        """The newest events, oldest first."""
        return await self.database.run(lambda c: log.recent(c, limit))

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
        return await self.database.run(standing.parked)

    async def verify_chain(self) -> int | None:
        """The number of the first record that does not fit the chain; None where the journal is whole.

        Read beside the database's thread, so that nobody waits for it.
        """
        broken = (await asyncio.to_thread(audit.examine, self.database.path)).broken
        return None if broken is None else broken.seq or 0

    async def standing(self, *, written: datetime | None) -> Standing:
        """How it stands, in one transaction; with a time, that time is written too, which shows that the log takes writes."""
        return await self.database.run(lambda c: standing.standing(c, written))
