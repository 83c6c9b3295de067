"""The replicas' own log files as rows: who wrote a line, and when."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mini_app.local_azure.kql import LogQuery

TAIL_BYTES = 512 * 1024
"""How much of each file is read, from its end."""
LONGEST_LINE = 8 * 1024
STREAMS = {".log": "stderr", ".out": "stdout"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of one replica."""

    at: datetime
    app: str
    revision: str
    replica: str
    stream: str
    text: str

    def column(self, name: str) -> str:
        """A column as Log Analytics names it."""
        at = self.at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        columns = {
            "TimeGenerated": at,
            "ContainerAppName_s": self.app,
            "RevisionName_s": self.revision,
            "ContainerGroupName_s": self.replica,
            "ContainerName_s": "app",
            "Stream_s": self.stream,
            "Log_s": self.text,
        }
        return columns[name]


def newest(folder: Path, query: LogQuery, begin: datetime | None, end: datetime | None) -> list[Line]:
    """The newest lines that a query asks for, newest first."""
    found: list[Line] = []
    for path in sorted(folder.glob("*--*")):
        if path.suffix not in STREAMS or not _asked(path.stem, query):
            continue
        found += [line for line in _lines(path) if (begin is None or line.at > begin) and (end is None or line.at <= end)]
    found.reverse()
    return sorted(found, key=lambda line: line.at, reverse=True)[: query.top]


def _asked(replica: str, query: LogQuery) -> bool:
    revision = replica.rpartition("-")[0]
    return revision.partition("--")[0] == query.app and query.revision in {None, revision} and query.replica in {None, replica}


def _lines(path: Path) -> Iterator[Line]:
    """The lines of a file. One without a time of its own, as in a traceback, has that of the line before."""
    replica = path.stem
    revision = replica.rpartition("-")[0]
    at: datetime | None = None
    for text in _tail(path):
        at = _time_of(text) or at or datetime.fromtimestamp(path.stat().st_mtime, UTC)
        yield Line(at, revision.partition("--")[0], revision, replica, STREAMS[path.suffix], text[:LONGEST_LINE])


def _tail(path: Path) -> list[str]:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL_BYTES))
        content = file.read(TAIL_BYTES).decode("utf-8", "replace")
    lines = content.split("\n")
    whole = lines[1:] if size > TAIL_BYTES else lines
    return [line.rstrip("\r") for line in whole if line.strip()]


def _time_of(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text.partition(" ")[0])
    except ValueError:
        return None
    return at if at.tzinfo else None
