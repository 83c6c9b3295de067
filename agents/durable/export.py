"""The journal as JSON lines: one event a line with its hashes, so that a file can be verified alone, years later and elsewhere.

Each line is one JSON object with the columns of the record (`seq`, `id`, `type`, `source`, `incident`, `cause`, `time`, `data`,
`traceparent`, `prev_hash`, `hash`). `data` is the payload as the text that was hashed.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from agents.durable.chain import Broken, Mark, Record, Walk
from agents.durable.errors import DurableError

LONGEST_LINE = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class FileVerdict:
    """What a file of records holds. `begins` is the place before its first record, `gaps` where other incidents' records lie."""

    records: int
    begins: Mark
    head: Mark
    gaps: int
    broken: Broken | None
    has_head: bool | None = None


def line(record: Record) -> str:
    """One record as a line."""
    return json.dumps(record._asdict(), ensure_ascii=False, separators=(",", ":")) + "\n"


@contextlib.contextmanager
def whole_or_not(path: Path, *, replace: bool = True) -> Iterator[IO[str]]:
    """Write a file that is there only once it is whole and durable, for its owner alone; packed where it ends with `.gz`.

    Raises FileExistsError where one is there by then, unless it may `replace` that.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as raw:
            packed = gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if path.suffix == ".gz" else None
            text = io.TextIOWrapper(packed or raw, encoding="utf-8", errors="surrogateescape", newline="\n")
            try:
                yield text
            finally:
                text.detach()
                if packed is not None:
                    packed.close()
            raw.flush()
            os.fsync(raw.fileno())
        if replace:
            partial.replace(path)
        else:
            path.hardlink_to(partial)
    finally:
        partial.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def verify_file(path: Path, head: str | None = None) -> FileVerdict:
    """Walk the records of a file. Raises DurableError where it can't be read at all.

    The file of one incident has gaps, where records of others lie: each record is checked, and that they come in order. In any
    other file a gap is a record that is missing.
    """
    begins, walk, gaps, has = None, Walk(Mark()), 0, False
    incidents: set[str] = set()
    gap: Broken | None = None
    try:
        for record in read(path):
            if isinstance(record, Broken):
                return FileVerdict(walk.count, begins or Mark(), walk.at, gaps, record)
            if begins is None:
                begins = walk.at = Mark(record.seq - 1, record.prev_hash)
            incidents.add(record.incident)
            broken = walk.step(record)
            if broken is not None and broken.flaw == "missing" and record.seq > walk.at.seq:
                gap, gaps, count = gap or broken, gaps + 1, walk.count
                walk = Walk(Mark(record.seq - 1, record.prev_hash))
                walk.count = count
                broken = walk.step(record)
            if gap is not None and (len(incidents) > 1 or "" in incidents):
                return FileVerdict(walk.count, begins, walk.at, gaps, gap)
            if broken is not None:
                return FileVerdict(walk.count, begins, walk.at, gaps, broken)
            has = has or (head is not None and record.hash.startswith(head))
    except (OSError, EOFError, zlib.error) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or error
        raise DurableError(f"{str(path)!r} can't be read: {why}") from error
    return FileVerdict(walk.count, begins or Mark(), walk.at, gaps, None, None if head is None else has)


def read(path: Path) -> Iterator[Record | Broken]:
    """The records of a file, or what can't be read of it."""
    with path.open("rb") as raw_file:
        file = gzip.GzipFile(fileobj=raw_file) if path.suffix == ".gz" else raw_file
        number = 0
        while raw := file.readline(LONGEST_LINE):
            number += 1
            try:
                yield _record(json.loads(raw))
            except (ValueError, RecursionError) as error:
                yield Broken("unreadable", f"line {number} is no record: {error}")
                return


def write(file: IO[str], records: Iterable[Record]) -> tuple[int, Mark]:
    """Write records; how many, and the last one."""
    count, last = 0, Mark()
    for record in records:
        file.write(line(record))
        count, last = count + 1, Mark(record.seq, record.hash)
    return count, last


def _record(value: object) -> Record:
    if not isinstance(value, dict) or set(value) != set(Record._fields):
        raise ValueError(f"it has not the keys {', '.join(Record._fields)}")
    record = Record(**value)
    optional = (record.cause, record.traceparent)
    texts = [getattr(record, name) for name in Record._fields if name not in {"seq", "cause", "traceparent"}]
    sound = all(isinstance(text, str) for text in texts) and all(isinstance(text, str | None) for text in optional)
    if type(record.seq) is not int or not sound:
        raise ValueError("a value of it has the wrong type")
    return record
