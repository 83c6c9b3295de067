"""A recorded incident as a file: JSON lines, a header first, then events with their hashes and what was measured.

Reading is a door: whoever made the file, it is bounded, typed, sanitised and checked here, and what does not fit is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from agents.events import Event
from agents.facts import Name, canonical
from agents.incident import IllegalTransitionError, Incident, evolve
from agents.sanitize import clean
from agents.telemetry import AgentState, RegionSample, SwarmState, Telemetric, Thought, UsersSample
from overwatch_tui.attach.wire import WireError, encode, from_swarm

if TYPE_CHECKING:
    from agents.durable.casefile import CaseFile, Record

VERSION = 1
"""Raised with every change that an older version would not understand."""

LONGEST_LINE = 4 << 20
LARGEST = 256 << 20
MOST_LINES = 250_000
"""Bytes of one line and of a whole recording, and its lines, at most."""

LONGEST = timedelta(days=366)
SLACK = timedelta(seconds=5)
"""So far beside the recording's own times an item may lie."""

FIELDS = ("id", "type", "source", "incident", "cause", "time", "data", "traceparent")
"""What a record of the log is hashed over, after the hash of the one before it."""

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Words = Annotated[str, Field(max_length=2_000)]
Short = Annotated[str, Field(max_length=100)]


class RecordingError(ValueError):
    """The file is no recording, was damaged or changed, or is out of bounds; the text says where."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a recording is of. `lines` counts the lines behind it; `head` is the number and hash of the log's newest record."""

    kind: Literal["overwatch-recording"]
    version: int
    overwatch: Short
    made: AwareDatetime
    incident: Annotated[str, Field(pattern=r"^INC-[0-9]{1,12}$")]
    target: Name
    title: Words
    regions: Annotated[tuple[Name, ...], Field(max_length=100)]
    since: AwareDatetime
    until: AwareDatetime
    lines: Annotated[int, Field(ge=1, le=MOST_LINES)]
    head: tuple[Annotated[int, Field(ge=0, le=2**53)], Hash]


@dataclass(frozen=True, slots=True)
class Item:
    """Something that was said or measured, and when."""

    at: datetime
    what: Telemetric


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording that was read and found sound; `items` are in the order of time. `incident` is what its events come to."""

    header: Header
    items: tuple[Item, ...]
    incident: Incident

    @property
    def events(self) -> tuple[Event, ...]:
        """What was said, without what was measured."""
        return tuple(item.what for item in self.items if isinstance(item.what, Event))


def lines(case: CaseFile, made: datetime, overwatch: str) -> Iterator[bytes]:
    """A recording of one incident, line by line. Raises RecordingError where it would be out of bounds."""
    records = sorted((*case.records, *case.switches), key=lambda record: record.seq)
    samples = case.samples.items
    count = len(records) + len(samples)
    if not case.records:
        raise RecordingError(f"the events of {case.incident.id} are no longer kept: there is nothing to record")
    if count > MOST_LINES:
        raise RecordingError(f"{case.incident.id} has {count} lines, more than the {MOST_LINES} that a recording may have")
    times = [*(record.event.time for record in records), *(sample.at for sample in samples)]
    header = Header(
        kind="overwatch-recording",
        version=VERSION,
        overwatch=overwatch,
        made=made,
        incident=case.incident.id,
        target=case.incident.target,
        title=case.incident.title,
        regions=tuple(sorted({sample.region for sample in samples if isinstance(sample, RegionSample)})),
        since=min(times),
        until=max(times),
        lines=count,
        head=case.head,
    )
    yield _header().dump_json(header) + b"\n"
    yield from (_event_line(record) for record in records)
    yield from (encode(sample) for sample in samples)


def read(path: Path) -> Recording:
    """The recording in a file. Raises RecordingError, or OSError where the file can't be read."""
    if not path.is_file():
        raise RecordingError(f"{str(path)!r} is not a file: make one with `overwatch-tui incidents record INC-1 -o FILE`")
    if (size := path.stat().st_size) > LARGEST:
        raise RecordingError(f"{str(path)!r} has {size} bytes, more than the {LARGEST} that a recording may have")
    with path.open("rb") as source:
        header = _read_header(source)
        items: list[Item] = []
        incident: Incident | None = None
        for number in range(2, header.lines + 2):
            what = _line(_next(source, number), number)
            items.append(_item(what, header, number))
            if isinstance(what, Event) and what.incident:
                incident = _folded(incident, what, number)
        if source.readline(2):
            raise RecordingError(f"line {header.lines + 2}: the header promises {header.lines} lines, and there are more")
    if incident is None or incident.id != header.incident or incident.target != header.target:
        raise RecordingError(f"it holds no events of {header.incident} of {header.target}: it was not made by Overwatch")
    items.sort(key=lambda item: item.at)
    return Recording(header, tuple(items), incident)


def _event_line(record: Record) -> bytes:
    body = {"kind": "event", "seq": record.seq, "prev_hash": record.prev_hash, "hash": record.hash, "row": dict(record.row)}
    return json.dumps(body, ensure_ascii=False).encode() + b"\n"


def _next(source: BinaryIO, number: int) -> bytes:
    line = source.readline(LONGEST_LINE + 1)
    if len(line) > LONGEST_LINE:
        raise RecordingError(f"line {number} is longer than {LONGEST_LINE} bytes")
    if not line.endswith(b"\n"):
        raise RecordingError(f"line {number}: the recording breaks off here; copy it again")
    return line


def _read_header(source: BinaryIO) -> Header:
    try:
        raw = json.loads(_next(source, 1))
        if not isinstance(raw, dict) or raw.get("kind") != "overwatch-recording":
            raise RecordingError("line 1 is no header of a recording: make one with `overwatch-tui incidents record`")
        if raw.get("version") != VERSION:
            raise RecordingError(
                f"it has version {clean(repr(raw.get('version')), 40)}, this Overwatch reads version {VERSION}: install another"
            )
        header = _header().validate_python(raw)
    except ValidationError as error:
        raise RecordingError(f"line 1: {_first(error)}") from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, RecordingError):
            raise
        raise RecordingError("line 1 is no JSON: this is no recording") from None
    if not timedelta(0) <= header.until - header.since <= LONGEST:
        raise RecordingError(f"line 1: from {header.since} to {header.until} is no time that an incident takes")
    return header


def _line(line: bytes, number: int) -> Telemetric:
    try:
        raw = json.loads(line)
        if isinstance(raw, dict) and raw.get("kind") == "event":
            line = _checked(raw, number)
        said = from_swarm(line)
    except WireError as error:
        raise RecordingError(f"line {number}: {error}") from None
    except (ValueError, RecursionError, TypeError, KeyError) as error:
        if isinstance(error, RecordingError):
            raise
        raise RecordingError(f"line {number} can't be read: {clean(error, 200)}") from None
    if not isinstance(said, RegionSample | UsersSample | AgentState | Thought | SwarmState | Event):
        raise RecordingError(f"line {number}: {type(said).__name__!r} has no place in a recording")
    return said


def _checked(raw: Mapping[str, Any], number: int) -> bytes:
    """The event as a line of the wire, once its hash is found right."""
    row, prev, digest = raw["row"], raw["prev_hash"], raw["hash"]
    if not isinstance(row, dict) or set(row) != set(FIELDS) or not all(isinstance(v, str | None) for v in row.values()):
        raise RecordingError(f"line {number} is no record of the log")
    if not isinstance(prev, str) or _hash(prev, row) != digest:
        raise RecordingError(f"line {number}: the record {clean(row['id'], 80)!r} was changed after it was written")
    body = {**{name: row[name] for name in FIELDS if name != "data"}, "data": json.loads(row["data"])}
    return json.dumps({"kind": "event", "body": body}).encode()


def _hash(prev: str, row: Mapping[str, Any]) -> str:
    """As the log's chain has it."""
    return hashlib.sha256(canonical([prev, dict(row)])).hexdigest()


def _item(what: Telemetric, header: Header, number: int) -> Item:
    at = what.time if isinstance(what, Event) else what.at
    if not header.since - SLACK <= at <= header.until + SLACK:
        raise RecordingError(f"line {number}: {at.isoformat()} lies outside of the recording")
    if isinstance(what, Event) and what.incident not in {"", header.incident}:
        raise RecordingError(f"line {number}: it is about {clean(what.incident, 40)!r}, not about {header.incident}")
    if isinstance(what, RegionSample | UsersSample) and what.target != header.target:
        raise RecordingError(f"line {number}: it is about {clean(what.target, 40)!r}, not about {header.target}")
    return Item(at, what)


def _folded(incident: Incident | None, event: Event, number: int) -> Incident:
    try:
        return evolve(incident, event)
    except IllegalTransitionError as error:
        raise RecordingError(f"line {number}: {clean(error, 200)}") from None


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{clean('.'.join(str(part) for part in first['loc']), 80)}: {clean(first['msg'], 200)}"


@cache
def _header() -> TypeAdapter[Header]:
    return TypeAdapter(Header)
