"""From a request to a certain end: patience with a busy platform, looking until it is true, and looking before repeating."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from overwatch_mcp.clock import Clock
from overwatch_mcp.effect import Effect, Look, Start
from overwatch_mcp.errors import ConflictError, LostError, NotDoneError, PlatformError, ThrottledError
from overwatch_mcp.models import WriteStatus

BUSY_SECONDS = 30.0
"""How long a busy or throttling platform is asked again."""
LOST_TRIES = 3
"""How often a harmless repetition is tried when answers get lost."""
GRACE_SECONDS = 5.0
"""How long after its start an operation that nobody saw accepted may still show up by itself."""
LONGEST_ABSENCE_SECONDS = 3600.0
"""How long after its start what was not done may still be issued: as long as an approval may count."""
FAILED_GRACE_SECONDS = 20.0
"""How long what is under way may still come true after the platform's word that it failed: the word may be of a repetition."""
FIRST_PAUSE, LONGEST_PAUSE = 0.15, 2.0


@dataclass(frozen=True, slots=True)
class Settled:
    """How an operation ended."""

    status: WriteStatus
    summary: str
    state: Mapping[str, Any] | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The platform took the request; `continuation` is what it gave to follow a long operation with."""

    continuation: str | None


Tell = Callable[[float, float, str], None]
"""Takes the seconds passed, the seconds allowed, and what is seen."""


async def issue_patiently(effect: Effect, start: Start, clock: Clock) -> Settled | LostError | Accepted:
    """Issue an effect, again where the platform said that it did nothing because it was busy.

    Where the answer was lost and the world does not show the effect, it is issued again only if that can do no harm.

    Returns:
        What the platform accepted, the error when its answer was lost, or the end when it certainly was not done.
    """
    deadline = clock.monotonic() + BUSY_SECONDS
    pause = 0.5
    tries = LOST_TRIES if effect.repeatable else 1
    while True:
        try:
            return Accepted(await effect.issue(start))
        except (ConflictError, ThrottledError) as error:
            wait = pause
            if isinstance(error, ThrottledError) and error.retry_after is not None:
                wait = max(FIRST_PAUSE, error.retry_after)
            if clock.monotonic() + wait > deadline:
                text = f"the platform stayed busy for {BUSY_SECONDS:.0f} s: {error}"
                return await _rejected(effect, start, text)
            await clock.sleep(wait)
            pause = min(pause * 2, 5.0)
        except NotDoneError as error:
            return await _rejected(effect, start, str(error))
        except LostError as error:
            tries -= 1
            if tries == 0 or not await _is_missing(effect, start):
                return error
            await clock.sleep(pause)


async def settle(
    effect: Effect,
    start: Start,
    clock: Clock,
    *,
    lost: LostError | None = None,
    continuation: str | None = None,
    tell: Tell | None = None,
) -> Settled:
    """Look until the effect has come true, or its time is over.

    `lost` says that nobody knows whether it was accepted. With a `continuation` the platform is heard beside the looks: its
    word that the operation failed ends the waiting, its word that it succeeded does not.
    """
    heard = None if continuation is None else asyncio.ensure_future(effect.platform.follow(continuation))
    try:
        return await _look_until_settled(effect, start, clock, lost, heard, tell)
    finally:
        if heard is not None:
            heard.cancel()
            await asyncio.gather(heard, return_exceptions=True)


async def _look_until_settled(
    effect: Effect, start: Start, clock: Clock, lost: LostError | None, heard: asyncio.Future[None] | None, tell: Tell | None
) -> Settled:
    began = failed_at = clock.monotonic()
    pause = FIRST_PAUSE
    seen: Look | None = None
    blind: PlatformError | None = None
    while True:
        failure = _failure(heard)
        if failure is None:
            failed_at = clock.monotonic()
        try:
            seen, blind = await effect.look(start), None
        except PlatformError as error:
            blind = error
        else:
            if seen.sign == "done":
                return Settled("succeeded", seen.summary, seen.state)
            if seen.sign == "broken":
                return Settled("failed", seen.summary, seen.state, seen.summary)
            if failure is not None and (seen.sign != "under_way" or clock.monotonic() >= failed_at + FAILED_GRACE_SECONDS):
                return Settled("failed", f"{failure}; now: {seen.summary}", seen.state, str(failure))
        passed = clock.monotonic() - began
        if passed >= effect.settle_seconds:
            return _given_up(effect, seen, blind, lost)
        if tell is not None:
            tell(passed, effect.settle_seconds, str(blind) if blind else seen.summary if seen else "")
        await clock.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


def _failure(heard: asyncio.Future[None] | None) -> NotDoneError | None:
    """What the platform said if it ended the operation without success; any other trouble with hearing it is none of ours."""
    if heard is None or not heard.done() or heard.cancelled():
        return None
    error = heard.exception()
    return error if isinstance(error, NotDoneError) else None


async def reconcile(
    effect: Effect, start: Start, clock: Clock, *, accepted: Accepted | None, tell: Tell | None
) -> Settled | None:
    """What became of an operation that a process left behind. None: it certainly was not done, and may be issued.

    What was seen accepted is never issued again. What was not, and can't be repeated, only if it has not shown up in its time of
    grace either. Nothing is issued that was begun too long ago: whoever wanted it did so in another situation.
    """
    continuation = None if accepted is None else accepted.continuation
    began = clock.monotonic()
    while True:
        try:
            look = await effect.look(start)
        except PlatformError as error:
            text = f"it was begun at {start.started_at:%H:%M:%S} and can't be observed now: {error}"
            return Settled("unknown", text, error=text)
        if look.sign in {"done", "under_way", "broken"}:
            return await settle(effect, start, clock, continuation=continuation, tell=tell)
        if look.sign == "elsewhere":
            text = f"it was begun at {start.started_at:%H:%M:%S} and the state is neither as before nor as wanted: {look.summary}"
            return Settled("unknown", text, look.state, text)
        if accepted is not None:
            return await settle(effect, start, clock, continuation=continuation, tell=tell)
        age = (clock.now() - start.started_at).total_seconds()
        if age > LONGEST_ABSENCE_SECONDS:
            text = f"it was begun at {start.started_at:%Y-%m-%d %H:%M:%S} and not finished, too long ago to be issued now"
            return Settled("failed", f"{text}: {look.summary}", look.state, text)
        if effect.repeatable:
            return None
        if max(age, clock.monotonic() - began) >= GRACE_SECONDS:  # the age is none where the clock was set back
            return None
        await clock.sleep(FIRST_PAUSE)


async def _is_missing(effect: Effect, start: Start) -> bool:
    """Whether the world can be seen, and shows that something of the effect is still to be done."""
    try:
        return (await effect.look(start)).sign in {"absent", "partial"}
    except PlatformError:
        return False


async def _rejected(effect: Effect, start: Start, error: str) -> Settled:
    """The end of an effect that the platform rejected; one of several steps may have been taken before."""
    try:
        look = await effect.look(start)
    except PlatformError:
        return Settled("failed", error, error=error)
    text = f"nothing was done: {error}" if look.sign == "absent" else f"{error}; now: {look.summary}"
    return Settled("failed", text, look.state, error)


def _given_up(effect: Effect, seen: Look | None, blind: PlatformError | None, lost: LostError | None) -> Settled:
    """The end of an effect that did not come true in time: failed where it was seen to be begun, else unknown."""
    within = f"within {effect.settle_seconds:.0f} s"
    if seen is None or blind is not None:
        text = f"it could not be observed {within}: {blind}"
        return Settled("unknown", text, None if seen is None else seen.state, text)
    if seen.sign == "under_way":
        text = f"not done {within}: {seen.summary}"
        return Settled("failed", text, seen.state, text)
    why = f"the platform's answer was lost ({lost})" if lost else "the platform accepted it"
    text = f"{why}, and {within} nothing certain was seen: {seen.summary}"
    return Settled("unknown", text, seen.state, text)
