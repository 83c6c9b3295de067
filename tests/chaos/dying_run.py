"""The real program, killed as by `kill -9` at a commit of its log that was not hit before. Started by tests, never imported.

A boundary is a transaction that keeps more than signs of life, named by what it writes. `CHAOS_SIDE` says whether the process
ends right before the commit or right after it; `CHAOS_HIT` is the file of the names that were hit, one a line.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.engine import Engine

from agents.durable.database import Database

SIGNS_OF_LIFE = frozenset({"meta", "sample"})
KEYS = ("id", "consumer", "event_id", "operation", "status", "name", "holder", "type")


class Boundaries:
    """Names each transaction while it is made, and ends the process at one that is new."""

    def __init__(self, side: str, hit: Path) -> None:
        self._side, self._file = side, hit
        self._hit = set(hit.read_text().splitlines()) if hit.exists() else set()
        self._writes: list[str] = []

    def begun(self, _connection) -> None:
        self._writes = []

    def written(self, _connection, _cursor, statement, _parameters, context, _many) -> None:
        words = statement.split(None, 3)
        verb = words[0].upper()
        if verb not in {"INSERT", "UPDATE", "DELETE"}:
            return
        table = words[1] if verb == "UPDATE" else words[2]
        if table.strip('"') in SIGNS_OF_LIFE:
            return
        values = context.compiled_parameters[0] if context is not None and context.compiled_parameters else {}
        told = [f"{key}={value}" for key, value in values.items() if key.removesuffix("_1") in KEYS and isinstance(value, str)]
        self._writes.append(" ".join([verb.lower(), table, *told]).replace("\n", " "))

    def committing(self, _connection) -> None:
        if self._side == "before":
            self._die()

    def committed(self) -> None:
        if self._side == "after":
            self._die()

    def _die(self) -> None:
        name, self._writes = "; ".join(self._writes), []
        if name == "" or name in self._hit:
            return
        with self._file.open("a") as file:
            file.write(name + "\n")
        os.kill(os.getpid(), signal.SIGKILL)


def arm(boundaries: Boundaries) -> None:
    """Listen to every transaction of the log, and to its end, in the database's own thread."""
    event.listen(Engine, "begin", boundaries.begun)
    event.listen(Engine, "before_cursor_execute", boundaries.written)
    event.listen(Engine, "commit", boundaries.committing)
    hop = Database._hop

    async def hopping(self, work):
        def then():
            done = work()
            boundaries.committed()
            return done

        return await hop(self, then)

    Database._hop = hopping


if __name__ == "__main__":
    if side := os.environ.get("CHAOS_SIDE"):
        arm(Boundaries(side, Path(os.environ["CHAOS_HIT"])))
    from overwatch_tui.__main__ import main

    sys.argv[0] = "overwatch-tui"
    sys.exit(main())
