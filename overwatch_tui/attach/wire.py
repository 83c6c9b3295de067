"""What is said over the socket: one JSON object on each line, `{"kind": …, "body": {…}}`, typed at both ends.

The screen speaks first (`hello`, or `probe` for the health alone). The swarm answers `welcome` or `refused`, then tells its past,
`caught-up`, and from there on everything that it tells its own screen. Requests carry an id, and so do their answers.

This is a door: whatever comes in is sanitised, bounded and validated here, and what does not fit ends the connection.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Annotated, Any, get_args

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from agents.events import AGENTS, Event, UnknownEventTypeError, load_payload
from agents.sanitize import clean
from agents.scores import Calibration
from agents.telemetry import AgentState, RegionSample, SwarmState, Telemetric, Thought, UsersSample
from overwatch_tui.attach.link import Report
from overwatch_tui.bridge.seam import TargetInfo
from overwatch_tui.chaos import ChaosFault

LINE_FROM_SWARM = 4 << 20
LINE_FROM_SCREEN = 64 << 10
"""The longest lines, in bytes."""

TEXT = 20_000
LARGEST = 10**30

Id = Annotated[int, Field(ge=0, le=2**53)]
Words = Annotated[str, Field(max_length=2_000)]
Key = Annotated[str, Field(max_length=400)]


class WireError(ValueError):
    """A line that can't be understood, or must not be sent."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The screen's first word: who sits there, for the record, and whether it may only look."""

    protocol: int
    me: Key
    read_only: bool


@dataclass(frozen=True, slots=True)
class Probe:
    """The whole of what a health check says."""

    protocol: int


@dataclass(frozen=True, slots=True)
class Decide:
    """Answer one request for approval; `confirm` is what was typed, where it asks for that.

    `binding` is of the plan that was shown; empty where a screen of another version does not say it.
    """

    id: Id
    approval: Key
    approved: bool
    reason: Words
    confirm: Words = ""
    binding: Key = ""


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop all automation."""

    id: Id
    reason: Words


@dataclass(frozen=True, slots=True)
class Arm:
    """Let automation act again."""

    id: Id


@dataclass(frozen=True, slots=True)
class ForceFailover:
    """Ask for all users of a target to be moved."""

    id: Id
    target: Key
    region: Key


@dataclass(frozen=True, slots=True)
class Inject:
    """Inject a fault, or clear it."""

    id: Id
    target: Key
    region: Key
    fault: ChaosFault


@dataclass(frozen=True, slots=True)
class Welcome:
    """The swarm takes this screen."""

    protocol: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The swarm does not take this screen, and hangs up."""

    why: str


@dataclass(frozen=True, slots=True)
class Targets:
    """What is watched, whenever it changes."""

    targets: tuple[TargetInfo, ...]


@dataclass(frozen=True, slots=True)
class Past:
    """One event of the log as it was when the screen came."""

    event: Event


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """The past has been told. `problem` says why it could not be."""

    problem: str = ""


@dataclass(frozen=True, slots=True)
class Dropped:
    """So much telemetry was left out because the screen did not read fast enough."""

    count: Id


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request: one line to show, or what went wrong."""

    id: Id
    text: str = ""
    error: str = ""


Command = Decide | Pause | Arm | ForceFailover | Inject
FromScreen = Hello | Probe | Command
FromSwarm = Welcome | Refused | Report | Targets | Past | CaughtUp | Dropped | Answer | Telemetric

FROM_SCREEN: Mapping[str, type] = {
    "hello": Hello,
    "probe": Probe,
    "decide": Decide,
    "pause": Pause,
    "arm": Arm,
    "failover": ForceFailover,
    "chaos": Inject,
}
FROM_SWARM: Mapping[str, type] = {
    "welcome": Welcome,
    "refused": Refused,
    "health": Report,
    "targets": Targets,
    "past": Past,
    "caught-up": CaughtUp,
    "dropped": Dropped,
    "answer": Answer,
    "region": RegionSample,
    "users": UsersSample,
    "agent": AgentState,
    "thought": Thought,
    "swarm": SwarmState,
    "calibration": Calibration,
    "event": Event,
}


@dataclass(frozen=True, slots=True)
class _EventBody:
    type: Key
    id: Key
    source: Key
    incident: Key
    cause: Key | None
    time: AwareDatetime
    traceparent: Key | None
    data: dict[str, Any]


def encode(message: FromScreen | FromSwarm) -> bytes:
    """A message as its line. Raises WireError where no line is long enough for it."""
    kind = _kinds()[type(message)]
    if isinstance(message, Event | Past):
        event = message.event if isinstance(message, Past) else message
        body: Any = _EventBody(
            type=event.type,
            id=event.id,
            source=event.source,
            incident=event.incident,
            cause=event.cause,
            time=event.time,
            traceparent=event.traceparent,
            data=json.loads(event.data_json()),
        )
    else:
        body = message
    made: type = type(body)
    line = b'{"kind":"%b","body":%b}\n' % (kind.encode(), _adapter(made).dump_json(body))
    if len(line) > LINE_FROM_SWARM:
        raise WireError(f"a {kind!r} of {len(line)} bytes does not fit into a line")
    return line


def from_screen(line: bytes) -> FromScreen:
    """What a screen said. Raises WireError."""
    said: FromScreen = _decode(line, FROM_SCREEN)
    return said


def from_swarm(line: bytes) -> FromSwarm:
    """What a swarm said. Raises WireError."""
    said: FromSwarm = _decode(line, FROM_SWARM)
    return said


def _decode(line: bytes, known: Mapping[str, type]) -> Any:
    try:
        raw = _tame(json.loads(line))
        made = _made(raw, known)
        if made is Event or made is Past:
            event = _event(_adapter(_EventBody).validate_python(raw.get("body")))
            return event if made is Event else Past(event)
        return _sound(_adapter(made).validate_python(raw.get("body")))
    except WireError as error:
        raise WireError(f"{_start(line)}: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise WireError(f"{_start(line)} can't be read: {clean(where, 80)}: {clean(first['msg'], 200)}") from None
    except (ValueError, TypeError, RecursionError, UnknownEventTypeError) as error:
        raise WireError(f"{_start(line)} can't be read: {clean(error, 200)}") from None


def _made(raw: Any, known: Mapping[str, type]) -> type:
    kind = raw.get("kind") if isinstance(raw, dict) else None
    if not isinstance(kind, str) or kind not in known:
        raise WireError("nothing that is said here")
    return known[kind]


def _event(body: _EventBody) -> Event:
    return Event(
        id=body.id,
        source=body.source,
        incident=body.incident,
        data=load_payload(body.type, json.dumps(body.data)),
        cause=body.cause,
        time=body.time,
        traceparent=body.traceparent,
    )


def _tame(value: Any) -> Any:
    """The value without anything that a terminal would obey, and without numbers that no sample has."""
    match value:
        case str():
            return "\n".join(clean(part, TEXT) for part in value.split("\n"))
        case bool() | None:
            return value
        case int() | float():
            if abs(value) <= LARGEST:  # which no NaN is
                return value
            raise WireError("a number is out of all bounds")
        case list():
            return [_tame(item) for item in value]
        case dict():
            return {clean(key, 200): _tame(item) for key, item in value.items()}
    raise WireError(f"{type(value).__name__} is no JSON")


def _sound(message: Any) -> Any:
    """Telemetry is folded without a second look: its times are aware, its numbers finite, its agents the six."""
    if isinstance(message, get_args(Telemetric)):
        for name in message.__slots__:
            value = getattr(message, name)
            if isinstance(value, datetime) and value.tzinfo is None:
                raise WireError(f"{name!r} has no time zone")
            if isinstance(value, float) and not math.isfinite(value):
                raise WireError(f"{name!r} is not a number")
        if isinstance(message, AgentState | Thought) and message.agent not in AGENTS:
            raise WireError(f"{clean(message.agent, 40)!r} is none of the six agents")
    return message


def _start(line: bytes) -> str:
    return clean(repr(line[:60]), 80)


@cache
def _adapter(made: type) -> TypeAdapter[Any]:
    """Made with its first message: a model costs more than it weighs at import."""
    return TypeAdapter(made)


@cache
def _kinds() -> dict[type, str]:
    return {made: kind for kind, made in (*FROM_SCREEN.items(), *FROM_SWARM.items())}


__all__ = ["Command", "FromScreen", "FromSwarm", "WireError", "encode", "from_screen", "from_swarm"]
