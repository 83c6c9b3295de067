"""What a write tool is made of: an effect that can be described before it is done, issued, and looked for in the world."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal, Protocol

from overwatch_mcp.approval_token import content_hash
from overwatch_mcp.config import TargetConfig, WriteTool
from overwatch_mcp.models import Inverse
from overwatch_mcp.platform import Platform

Sign = Literal["done", "under_way", "absent", "partial", "broken", "elsewhere"]
"""What the world shows of an effect.

- done: it happened and has settled
- under_way: it certainly was issued, and has not settled yet
- absent: the world is as it was before
- partial: some of its steps are done, and the others can be issued
- broken: it was issued and the platform has given it up
- elsewhere: the world is neither as before nor as wanted: someone else changed it
"""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the world for an effect, with the words and the state that go into the record."""

    sign: Sign
    summary: str
    state: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done, worked out from the state before: JSON-shaped, so that it survives in the journal.

    `refusal` says why it must not be done in that state; `satisfied` that nothing needs doing.
    """

    state_before: Mapping[str, Any]
    inverse: Inverse | None
    command: str
    summary: str
    refusal: str | None = None
    satisfied: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    """Where an effect started from: the state before it, and when. The same after a crash as before it."""

    state_before: Mapping[str, Any]
    started_at: datetime


class Effect(Protocol):
    """One call of a write tool, made anew for each call; `look` may count from one look to the next.

    `repeatable` says that issuing it twice has the effect of issuing it once; what is not is never issued where it may have
    been already. `settle_seconds` bounds the time from the platform's acceptance to `done`.
    """

    tool: ClassVar[WriteTool]
    repeatable: ClassVar[bool]

    @property
    def target(self) -> str:
        """The target that it acts on."""
        ...

    @property
    def config(self) -> TargetConfig:
        """What may be done to the target."""
        ...

    @property
    def preconditions(self) -> Mapping[str, Any]:
        """What the caller expects of the state before, where it said so; an approval binds it beside the arguments."""
        ...

    @property
    def platform(self) -> Platform:
        """What it acts on."""
        ...

    @property
    def settle_seconds(self) -> float:
        """How long it may take to come true."""
        ...

    @property
    def arguments(self) -> Mapping[str, Any]:
        """What is to be done, JSON-shaped, without the ids and preconditions of the call."""
        ...

    def refusal(self) -> str | None:
        """Why it can't be allowed, whatever the state; None lets it pass."""
        ...

    async def plan(self) -> Plan:
        """Read the state and say what would be done. Raises PlatformError."""
        ...

    async def issue(self, start: Start) -> str | None:
        """Ask the platform for it. Raises PlatformError; returning means that the platform accepted it.

        What it returns is the platform's continuation of a long operation, for `Platform.follow`.
        """
        ...

    async def look(self, start: Start) -> Look:
        """What the world shows of it. Raises PlatformError where it can't be seen."""
        ...


def approval_content(effect: Effect) -> str:
    """What an approval of an effect binds: the tool, the target, what is to be done, and the state that it expects."""
    return content_hash(effect.tool, effect.target, {**effect.arguments, **effect.preconditions})


def revision_suffix(operation_id: str) -> str:
    """The revision suffix of an operation: the same however often it is issued, so that a repetition changes nothing."""
    return f"ow-{hashlib.sha256(operation_id.encode()).hexdigest()[:8]}"
