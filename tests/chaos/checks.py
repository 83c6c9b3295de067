"""What must hold of a log whenever its process was killed, read from the file as anybody would find it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from datetime import datetime
from pathlib import Path

from agents.durable.audit import examine
from agents.durable.chain import GENESIS, chained
from agents.events import Event, load_payload
from agents.incident import Incident, evolve

COLUMNS = ("id", "type", "source", "incident", "cause", "time", "data", "traceparent")
TERMINAL = frozenset({"succeeded", "failed", "refused", "unknown"})


class Ledger:
    """Remembers what was seen committed, so that a later look notices what is gone or was changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: list[str] = []
        self._ended: dict[str, str] = {}
        self._epochs: dict[str, int] = {}

    @property
    def events(self) -> int:
        """How many events were seen."""
        return len(self._seen)

    def watch(self) -> None:
        """Note what is committed now, while the program runs."""
        if _made(self.path):
            with closing(_opened(self.path)) as database:
                rest = database.execute("SELECT hash FROM event ORDER BY seq LIMIT -1 OFFSET ?", [self.events])
                self._seen += [row[0] for row in rest]

    def faults(self) -> list[str]:
        """What is wrong with the log now; empty where it is whole."""
        if not _made(self.path):
            return ["the log is gone"] if self._seen else []
        with closing(_opened(self.path)) as database:
            wrong = [*self._chain(database), *_folds(database), *self._effects(database)]
        verdict = examine(self.path) if self.events else None
        if verdict is not None and verdict.broken is not None:
            wrong.append(f"`audit verify` says {verdict.broken.line()}")
        return wrong

    def _chain(self, database: sqlite3.Connection) -> list[str]:
        wrong, prev, hashes = [], GENESIS, []
        for row in database.execute("SELECT * FROM event ORDER BY seq"):
            content = {key: row[key] for key in COLUMNS}
            if row["prev_hash"] != prev or row["hash"] != chained(prev, content):
                wrong.append(f"the chain is broken at {row['seq']} ({row['id']})")
                break
            prev = row["hash"]
            hashes.append(prev)
        if hashes[: self.events] != self._seen:
            wrong.append(f"{self.events} events were seen committed, and are not the first of the {len(hashes)} that there are")
        self._seen = hashes
        return wrong

    def _effects(self, database: sqlite3.Connection) -> list[str]:
        wrong = []
        for operation, status in database.execute("SELECT operation, status FROM intent"):
            ended = self._ended.get(operation, status)
            if ended != status:
                wrong.append(f"{operation} ended as {ended} and is {status} now")
            if status in TERMINAL:
                self._ended[operation] = status
        for name, epoch in database.execute("SELECT name, epoch FROM lease"):
            if epoch < self._epochs.get(name, 0):
                wrong.append(f"the epoch of {name} went back from {self._epochs[name]} to {epoch}")
            self._epochs[name] = epoch
        return wrong


def succeeded(path: Path, tool: str, target: str) -> int:
    """How many operations of a tool on a target ended well."""
    asked = "SELECT count(*) FROM intent WHERE tool = ? AND status = 'succeeded' AND json_extract(arguments, '$.target') = ?"
    with closing(_opened(path)) as database:
        return int(database.execute(asked, [tool, target]).fetchone()[0])


def _folds(database: sqlite3.Connection) -> list[str]:
    """Where the row of an incident is not what its events make of it, or an answer has no event."""
    wrong, folded = [], {}
    for row in database.execute("SELECT * FROM event WHERE incident != '' ORDER BY seq"):
        folded[row["incident"]] = evolve(folded.get(row["incident"]), _event(row))
    kept = {row["id"]: row for row in database.execute("SELECT * FROM incident")}
    if set(kept) != set(folded):
        wrong.append(f"incidents {sorted(kept)} are kept, the events tell of {sorted(folded)}")
    for id_, incident in folded.items():
        if id_ in kept and Incident.model_validate_json(kept[id_]["state"]) != incident:
            wrong.append(f"{id_} is kept as {kept[id_]['status']}, its events make it {incident.status}")
    lost = database.execute("SELECT event_id FROM inbox WHERE event_id NOT IN (SELECT id FROM event)").fetchall()
    wrong += [f"{row[0]} was answered, and is not in the log" for row in lost]
    caused = Counter(row[0] for row in database.execute("SELECT target FROM incident WHERE status != 'resolved'"))
    wrong += [f"{target} has {count} incidents at once" for target, count in caused.items() if count > 1]
    return wrong


def _event(row: sqlite3.Row) -> Event:
    return Event(
        id=row["id"],
        source=row["source"],
        incident=row["incident"],
        data=load_payload(row["type"], row["data"]),
        cause=row["cause"],
        time=datetime.fromisoformat(row["time"]),
        traceparent=row["traceparent"],
    )


def _made(path: Path) -> bool:
    """Whether the tables are there: the first commit of all makes them."""
    if not path.exists():
        return False
    with closing(_opened(path)) as database:
        return database.execute("SELECT 1 FROM sqlite_master WHERE name = 'event'").fetchone() is not None


def _opened(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=30)
    database.row_factory = sqlite3.Row
    return database
