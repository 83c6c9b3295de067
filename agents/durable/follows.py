"""Whether what lies beside the events is what follows from them: incidents, requests, automation, deeds and their outcomes."""

from __future__ import annotations

import sqlite3

from pydantic import ValidationError
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from agents.durable import log
from agents.durable import schema as s
from agents.durable.chain import Broken, Mark, Record, broken_at
from agents.durable.deeds import Deeds
from agents.durable.errors import ConflictError
from agents.events import (
    ApprovalDecided,
    ApprovalRequested,
    AutomationArmed,
    AutomationPaused,
    AutomationStood,
    Event,
    JournalPruned,
    UnknownEventTypeError,
)
from agents.incident import IllegalTransitionError, Incident, evolve

APPROVAL = ("id", "incident", "binding", "deadline", "decided", "by", "at")
AUTOMATION = ("paused", "by", "reason", "at")


class Follows:
    """Folds the events again and compares with the rows of the database that is read.

    An incident is held only until it is resolved. The other rows are derived into a database in memory by the very code that
    derives them when an event is appended.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._open: dict[str, Incident] = {}
        self._folded = 0
        self._engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        s.metadata.create_all(self._engine, [s.approval, s.automation])
        self._derived = self._engine.connect()
        self._pruned: JournalPruned | None = None
        self._stood: AutomationStood | None = None
        self._broken: Broken | None = None
        self._deeds = Deeds()

    def take(self, record: Record) -> None:
        """The next record of a chain that is whole as far as this."""
        if self._broken is None:
            self._broken = self._take(record)

    def end(self, pruned: Mark) -> Broken | None:
        """The first thing that does not follow. `pruned` is the anchor, which the journal itself must speak of."""
        try:
            return self._broken or self._beside(pruned)
        finally:
            self.close()

    def _beside(self, pruned: Mark) -> Broken | None:
        rows = self._left() or self._requests() or self._automation() or self._anchor(pruned)
        return rows or self._deeds.end(self._connection)

    def close(self) -> None:
        """Let the memory go."""
        self._derived.close()
        self._engine.dispose()

    def _take(self, record: Record) -> Broken | None:
        try:
            event = log.to_event(record)
        except (UnknownEventTypeError, ValidationError, ValueError) as error:
            return broken_at(record, "unreadable", f"it can't be read: {str(error).splitlines()[0]}")
        before = self._open.get(event.incident)
        if event.incident and (broken := self._fold(record, event)) is not None:
            return broken
        self._deeds.take(event, before)
        if isinstance(event.data, ApprovalRequested | ApprovalDecided | AutomationPaused | AutomationArmed):
            try:
                log.derive(self._derived, event, self._open.get(event.incident))
            except ConflictError as error:
                return broken_at(record, "approval", str(error))
        if isinstance(event.data, JournalPruned):
            self._pruned, self._stood = event.data, event.data.automation or self._stood
        return None

    def _fold(self, record: Record, event: Event) -> Broken | None:
        before = self._open.get(event.incident)
        try:
            after = evolve(before, event)
        except IllegalTransitionError as error:
            return broken_at(record, "incident", f"it does not fit the incident as the records before it left it: {error}")
        self._folded += before is None
        self._open[event.incident] = after
        if after.status != "resolved":
            return None
        del self._open[event.incident]
        return self._compare(after)

    def _compare(self, incident: Incident) -> Broken | None:
        row = self._connection.execute(
            "SELECT number, target, status, version, state FROM incident WHERE id = ?", (incident.id,)
        ).fetchone()
        if row is None:
            return Broken("incident", f"{incident.id} is in the events but not among the incidents")
        number, *columns, state = row
        try:
            same = Incident.model_validate_json(state) == incident
        except ValidationError:
            same = False
        expected = [incident.target, incident.status, incident.version]
        if not same or columns != expected or f"INC-{number}" != incident.id:
            return Broken("incident", f"{incident.id} is not what its {incident.version} events say")
        return None

    def _left(self) -> Broken | None:
        for incident in self._open.values():
            if (broken := self._compare(incident)) is not None:
                return broken
        known = self._connection.execute("SELECT count(*) FROM incident").fetchone()[0]
        if known == self._folded:
            return None
        query = "SELECT id FROM incident WHERE id NOT IN (SELECT incident FROM event) ORDER BY number LIMIT 1"
        row = self._connection.execute(query).fetchone()
        return Broken("incident", f"{row[0] if row else 'an incident'} is among the incidents, but no event speaks of it")

    def _requests(self) -> Broken | None:
        columns = ", ".join(f'"{name}"' for name in APPROVAL)
        query = f"SELECT {columns} FROM approval ORDER BY id"  # noqa: S608 - our own names
        expected = {row[0]: tuple(row) for row in self._derived.exec_driver_sql(query)}
        for row in self._connection.execute(query):
            if expected.pop(row[0], None) != tuple(row):
                return Broken("approval", f"the request {row[0]!r} is not what the events say")
        missing = next(iter(expected), None)
        return (
            None
            if missing is None
            else Broken("approval", f"the request {missing!r} is in the events but not among the requests")
        )

    def _automation(self) -> Broken | None:
        columns = ", ".join(f'"{name}"' for name in AUTOMATION)
        query = f"SELECT {columns} FROM automation"  # noqa: S608 - our own names
        derived = self._derived.exec_driver_sql(query).fetchone()
        expected = None if derived is None else tuple(derived)
        if expected is None and (stood := self._stood) is not None:
            expected = (stood.paused, stood.by, stood.reason, stood.at.isoformat())
        if expected != self._connection.execute(query).fetchone():
            return Broken("automation", "whether automation is paused is not what the events say")
        return None

    def _anchor(self, pruned: Mark) -> Broken | None:
        said = Mark() if self._pruned is None else Mark(self._pruned.upto, self._pruned.hash)
        if said == pruned:
            return None
        return Broken("anchor", f"the records up to {pruned.seq} are gone, but up to {said.seq} is what the journal says of it")
