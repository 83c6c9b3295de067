"""Whether the track record and what was carried out are what the events say: the gate and the executor count both."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta

from agents.durable import schema as s
from agents.durable.chain import Broken
from agents.durable.outcomes import moment, row_of
from agents.events import ActionFinished, Event, JournalPruned, VerificationFailed, VerificationPassed
from agents.incident import Incident
from agents.outcome import outcome_of

OUTCOME = tuple(column.name for column in s.outcome.columns)
ALWAYS_SAID = frozenset({"operation", "target", "action", "fault_class", "succeeded", "at"})
"""These columns follow from the events of every version; the others from those that say `simulated`."""
INTENT = ("operation", "incident", "tool", "arguments_hash", "status")


class Deeds:
    """What the events say was carried out and came of it, to be compared with the rows of a database.

    Rows may be gone whose time is over: the oldest outcomes, and outcomes outlive the events that they come from.
    """

    def __init__(self) -> None:
        self._outcomes: dict[str, dict[str, object]] = {}
        self._intents: dict[str, tuple[object, ...]] = {}
        self._gone_before: datetime | None = None
        self._latest: datetime | None = None
        self._written: dict[str, datetime] = {}
        """The latest time that the journal had reached with each outcome, whatever the clock said then."""

    def take(self, event: Event, before: Incident | None) -> None:
        """The next event, which fits its incident as that was before."""
        self._latest = event.time if self._latest is None else max(event.time, self._latest)
        match event.data:
            case ActionFinished():
                self._carried_out(event.data, before)
            case VerificationPassed() | VerificationFailed():
                self._came_to(event, event.data, before)
            case JournalPruned():
                with contextlib.suppress(OverflowError):  # no swarm counts back so far
                    cut = event.time - timedelta(days=event.data.keep_days)
                    self._gone_before = cut if self._gone_before is None else max(cut, self._gone_before)

    def end(self, connection: sqlite3.Connection) -> Broken | None:
        """The first row that does not follow, or is missing."""
        return self._compare_intents(connection) or self._compare_outcomes(connection)

    def _carried_out(self, data: ActionFinished, before: Incident | None) -> None:
        plan = before.strategy if before is not None else None
        if before is None or plan is None or plan.id != data.strategy or data.status == "refused":
            return
        action = plan.actions[data.step]
        call = action.inverse if data.undo else action.call
        if call is not None:
            self._intents[data.operation] = (data.operation, before.id, call.tool, call.digest(), data.status)

    def _came_to(self, event: Event, data: VerificationPassed | VerificationFailed, before: Incident | None) -> None:
        plan = before.strategy if before is not None else None
        if before is None or plan is None or plan.id != data.strategy:
            return
        passed = isinstance(data, VerificationPassed)
        record = outcome_of(before, plan, event.time, succeeded=passed, simulated=bool(data.simulated))
        if record is None or record.operation in self._outcomes:
            return
        said = row_of(record)
        if data.simulated is None:
            said = {name: value for name, value in said.items() if name in ALWAYS_SAID}
        self._outcomes[record.operation] = said
        self._written[record.operation] = self._latest or event.time

    def _compare_intents(self, connection: sqlite3.Connection) -> Broken | None:
        left = dict(self._intents)
        for row in _rows(connection, "intent", INTENT):
            said = left.pop(str(row[0]), None)
            if said is not None and said != row:
                return Broken("intent", f"what was carried out as {row[0]!r} is not what the events say")
        if left:
            return Broken("intent", f"{next(iter(left))!r} was carried out, say the events, and is not among what was")
        return None

    def _compare_outcomes(self, connection: sqlite3.Connection) -> Broken | None:
        left, kept = dict(self._outcomes), self._written
        oldest: datetime | None = None
        for values in _rows(connection, "outcome", OUTCOME):
            row = dict(zip(OUTCOME, values, strict=True))
            operation = str(row["operation"])
            said, at = left.pop(operation, None), moment(row["at"])
            if said is None and (at is None or self._gone_before is None or at >= self._gone_before):
                return Broken("outcome", f"the outcome of {operation!r} is counted, and no event speaks of it")
            if said is not None and (at is None or said.items() - row.items()):
                return Broken("outcome", f"the outcome of {operation!r} is not what the events say")
            oldest = at if oldest is None or at is None else min(oldest, at)
        first = min((kept[op] for op in kept.keys() - left.keys()), default=None)
        young = (op for op, said in left.items() if oldest and datetime.fromisoformat(str(said["at"])) >= oldest)
        missing = next((op for op in young if first is None or kept[op] >= first), None)  # what a clock set back wrote is not old
        return None if missing is None else Broken("outcome", f"the outcome of {missing!r} is in the events, and is not counted")


def _rows(connection: sqlite3.Connection, table: str, columns: tuple[str, ...]) -> Iterator[tuple[object, ...]]:
    names = ", ".join(f'"{name}"' for name in columns)
    for row in connection.execute(f"SELECT {names} FROM {table} ORDER BY operation"):  # noqa: S608 - our own names
        yield tuple(row)
