"""Carries out effects: once each, journalled first, shielded from whoever stops waiting, observed before it is done again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from overwatch_mcp.approval_token import read_key, refuse_token
from overwatch_mcp.clock import Clock
from overwatch_mcp.effect import Effect, Plan, Start, approval_content
from overwatch_mcp.envelope import check_epoch, check_operation_id, refuse_epoch, stale_epoch
from overwatch_mcp.errors import BarredError, BusyError, LostError, PlatformError
from overwatch_mcp.journal import Entry, Journal, WriteLimit, hash_arguments
from overwatch_mcp.models import OperationRecord, WriteResult
from overwatch_mcp.settling import Accepted, Settled, Tell, issue_patiently, reconcile, settle
from overwatch_mcp.target_lock import TargetLocks

logger = logging.getLogger(__name__)

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Call:
    """How an effect is asked for: its id, the epoch of whoever asks, and whether it is only to be planned.

    `approval_token` is what a target may demand, `undoes` the operation that is undone by it.
    """

    operation_id: str
    epoch: int = 0
    dry_run: bool = False
    approval_token: str | None = None
    undoes: str | None = None


@dataclass(frozen=True, slots=True)
class _Running:
    asked: tuple[str, str | None]
    task: asyncio.Task[WriteResult]
    listeners: list[Tell]


class Operations:
    """The one door to infrastructure in this process."""

    def __init__(self, journal: Journal, locks: TargetLocks, clock: Clock) -> None:
        self._journal = journal
        self._locks = locks
        self._clock = clock
        self._running: dict[str, _Running] = {}
        self._ending = False

    async def execute(self, effect: Effect, call: Call, tell: Tell | None = None) -> WriteResult:
        """Carry out an effect once, or say what became of it; `tell` hears how it goes.

        A caller that stops waiting changes nothing: the operation goes on, and the same id finds its result.

        Raises:
            RequestError: The operation id or the epoch is malformed.
            BusyError: Another writer acts on the target; nothing was done.
            JournalError: The journal can't be written; nothing was done.
        """
        check_operation_id(call.operation_id)
        check_epoch(call.epoch)
        if call.dry_run:
            return await self._planned(effect, call)
        asked = _asked(effect, call)
        running = self._running.get(call.operation_id)
        if running is not None and running.asked != asked:
            return self._refused(effect, call, _other_arguments(call))
        replayed = running is not None
        if running is None:
            running = self._start(effect, call, asked)
        listening = contextlib.nullcontext() if tell is None else _listening(running.listeners, tell)
        with listening:
            result = await asyncio.shield(running.task)
        return result.model_copy(update={"replayed": True}) if replayed else result

    def _start(self, effect: Effect, call: Call, asked: tuple[str, str | None]) -> _Running:
        listeners: list[Tell] = []

        def tell(passed: float, allowed: float, seen: str) -> None:
            for listener in tuple(listeners):
                try:
                    listener(passed, allowed, seen)
                except Exception as error:  # noqa: BLE001 - whoever can't listen must not end what others wait for
                    logger.debug("%s: a listener failed: %s", call.operation_id, error)

        task = asyncio.create_task(self._carry_out(effect, call, tell), name=f"effect {call.operation_id}")
        running = self._running[call.operation_id] = _Running(asked, task, listeners)
        task.add_done_callback(lambda done: self._ended(call.operation_id, done))
        return running

    async def get(self, operation_id: str) -> OperationRecord:
        """What is known about an operation; one that waits for its turn is `started`. Raises RequestError for a malformed id."""
        check_operation_id(operation_id)
        waiting = operation_id in self._running
        entry = await self._journal.get(operation_id)
        if entry is None:
            return OperationRecord(operation_id=operation_id, known=waiting, status="started" if waiting else "absent")
        return OperationRecord(
            operation_id=operation_id,
            known=True,
            status=entry.status,
            tool=entry.tool,
            target=entry.target,
            arguments=dict(entry.arguments),
            epoch=entry.epoch,
            state_before=dict(entry.state_before),
            inverse=entry.inverse,
            undoes=entry.undoes,
            result=entry.result,
            error=entry.result.error if entry.result else None,
            command=entry.command,
            started_at=entry.started_at,
            finished_at=entry.finished_at,
        )

    async def drain(self, seconds: float) -> int:
        """Wait for what is under way, at most so long. The number of operations left; the journal knows them as started.

        What still waits for its turn does not begin any more: a successor may have been told by then that nobody knows of it.
        """
        self._ending = True
        tasks = {running.task for running in self._running.values()}
        if not tasks:
            return 0
        _, left = await asyncio.wait(tasks, timeout=seconds)
        for task in left:
            task.cancel()
        return len(left)

    def _ended(self, operation_id: str, task: asyncio.Task[WriteResult]) -> None:
        self._running.pop(operation_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s ended with an error: %s", operation_id, error)

    async def _carry_out(self, effect: Effect, call: Call, tell: Tell) -> WriteResult:
        stored = await self._stored(effect, call)
        if stored is not None:
            return stored
        if (refusal := effect.refusal() or self._unapproved(effect, call)) is not None:
            return await self._declined(effect, call, refusal)
        async with self._locks.hold(effect.target, call.operation_id):
            stored = await self._stored(effect, call)
            if stored is not None:
                return stored
            began = self._clock.monotonic()
            entry = await self._journal.get(call.operation_id)
            if entry is not None:
                return await self._resume(effect, call, entry, began, tell)
            return await self._begin(effect, call, began, tell)

    async def _stored(self, effect: Effect, call: Call) -> WriteResult | None:
        entry = await self._journal.get(call.operation_id)
        if entry is None:
            return None
        if (entry.arguments_hash, entry.undoes) != _asked(effect, call):
            return self._refused(effect, call, _other_arguments(call, entry))
        return None if entry.result is None else entry.result.model_copy(update={"replayed": True})

    async def _begin(self, effect: Effect, call: Call, began: float, tell: Tell) -> WriteResult:
        if (overtaken := await self._overtaken(effect, call)) is not None:
            return overtaken
        try:
            plan = await effect.plan()
        except PlatformError as error:
            text = f"the state before could not be read, so nothing was done: {error}"
            return self._result(effect, call, Settled("failed", text, error=text), None, began)
        entry = self._entry(effect, call, plan)
        if plan.refusal is not None:
            if (barred := await self._journal.barred(entry, self._limit(effect))) is not None:
                return self._refused(effect, call, barred)
            settled = Settled("refused", f"refused: {plan.refusal}", plan.state_before, plan.refusal)
            result = self._result(effect, call, settled, entry, began)
            await self._journal.refuse(entry, result, self._clock.now())
            return result
        if self._ending:
            raise BusyError(f"this server is ending: {call.operation_id!r} was not begun, ask its successor")
        try:
            higher = await self._journal.begin(entry, self._limit(effect))
        except BarredError as error:
            return self._refused(effect, call, str(error))
        if higher is not None:
            return self._refused(effect, call, stale_epoch(call.epoch, higher))
        if plan.satisfied:
            return await self._end(effect, call, entry, began, _at_once(Settled("succeeded", plan.summary, plan.state_before)))
        return await self._end(effect, call, entry, began, self._issue(effect, call, entry, tell))

    async def _resume(self, effect: Effect, call: Call, entry: Entry, began: float, tell: Tell) -> WriteResult:
        refusal = refuse_epoch(call.epoch, await self._journal.highest_epoch(effect.target))
        if refusal is None and (higher := await self._journal.resume(entry, call.epoch)) is not None:
            refusal = stale_epoch(call.epoch, higher)
        if refusal is not None:
            return await self._declined(effect, call, refusal)
        logger.warning("%s %s: left behind by another process, looking before anything is done", entry.operation_id, entry.tool)
        return await self._end(effect, call, entry, began, self._reconcile(effect, call, entry, tell))

    async def _issue(self, effect: Effect, call: Call, entry: Entry, tell: Tell) -> Settled:
        logger.info("%s %s: issuing %s", call.operation_id, effect.tool, dict(effect.arguments))
        start = Start(entry.state_before, entry.started_at)
        issued = await issue_patiently(effect, start, self._clock)
        if isinstance(issued, Settled):
            return issued
        if isinstance(issued, LostError):
            return await settle(effect, start, self._clock, lost=issued, tell=tell)
        await self._journal.accepted(call.operation_id, self._clock.now(), issued.continuation)
        return await settle(effect, start, self._clock, continuation=issued.continuation, tell=tell)

    async def _reconcile(self, effect: Effect, call: Call, entry: Entry, tell: Tell) -> Settled:
        start = Start(entry.state_before, entry.started_at)
        accepted = None if entry.accepted_at is None else Accepted(entry.continuation)
        settled = await reconcile(effect, start, self._clock, accepted=accepted, tell=tell)
        return await self._issue(effect, call, entry, tell) if settled is None else settled

    def _unapproved(self, effect: Effect, call: Call) -> str | None:
        """Why a target that demands an approval may not be written to with what the call carries."""
        if effect.config.approval_key_file is None:
            return None
        key = read_key(effect.config.approval_key_file)
        return refuse_token(key, call.approval_token, call.operation_id, approval_content(effect), self._clock.now())

    async def _end(self, effect: Effect, call: Call, entry: Entry, began: float, work: Awaitable[Settled]) -> WriteResult:
        """See `work` through and record its end. It may have happened from here on, so an error of ours is no answer."""
        try:
            result = self._result(effect, call, await work, entry, began)
            await self._journal.finish(result, self._clock.now())
        except Exception as error:
            logger.exception("%s %s: broken off", call.operation_id, effect.tool)
            text = f"it may have been done, but that could not be followed or recorded: {error}"
            return self._result(effect, call, Settled("unknown", text, error=text), entry, began)
        logger.info("%s %s: %s, %s", call.operation_id, effect.tool, result.status, result.summary)
        return result

    async def _planned(self, effect: Effect, call: Call) -> WriteResult:
        began = self._clock.monotonic()
        if (refusal := effect.refusal()) is not None:
            return self._refused(effect, call, refusal)
        if (overtaken := await self._overtaken(effect, call)) is not None:
            return overtaken
        try:
            plan = await effect.plan()
        except PlatformError as error:
            return self._result(effect, call, Settled("failed", f"can't be planned: {error}", error=str(error)), None, began)
        entry = self._entry(effect, call, plan)
        refusal = await self._journal.barred(entry, self._limit(effect)) or plan.refusal
        if refusal is not None:
            settled = Settled("refused", f"would be refused: {refusal}", plan.state_before, refusal)
        else:
            settled = Settled("planned", plan.summary)
        return self._result(effect, call, settled, entry, began)

    async def _overtaken(self, effect: Effect, call: Call) -> WriteResult | None:
        refusal = refuse_epoch(call.epoch, await self._journal.highest_epoch(effect.target))
        return None if refusal is None else self._refused(effect, call, refusal)

    def _entry(self, effect: Effect, call: Call, plan: Plan) -> Entry:
        return Entry(
            operation_id=call.operation_id,
            tool=effect.tool,
            target=effect.target,
            arguments=effect.arguments,
            epoch=call.epoch,
            state_before=plan.state_before,
            inverse=plan.inverse,
            command=plan.command,
            started_at=self._clock.now(),
            undoes=call.undoes,
        )

    def _limit(self, effect: Effect) -> WriteLimit:
        return WriteLimit(effect.config.limits.writes_per_hour, self._clock.now() - HOUR)

    async def _declined(self, effect: Effect, call: Call, reason: str) -> WriteResult:
        """Refused; what was begun already may have been done, so that it is unknown, and the journal keeps it as it is."""
        entry = await self._journal.get(call.operation_id)
        if entry is None:
            return self._refused(effect, call, reason)
        text = f"it was begun at {entry.started_at:%H:%M:%S} and may have been done, but it is not taken up: {reason}"
        logger.warning("%s %s: %s", call.operation_id, effect.tool, text)
        return self._result(effect, call, Settled("unknown", text, error=text), entry, self._clock.monotonic())

    def _refused(self, effect: Effect, call: Call, reason: str) -> WriteResult:
        logger.warning("%s %s: refused, %s", call.operation_id, effect.tool, reason)
        return self._result(effect, call, Settled("refused", f"refused: {reason}", error=reason), None, self._clock.monotonic())

    def _result(self, effect: Effect, call: Call, settled: Settled, entry: Entry | None, began: float) -> WriteResult:
        return WriteResult(
            operation_id=call.operation_id,
            tool=effect.tool,
            target=effect.target,
            status=settled.status,
            summary=settled.summary,
            state_before=dict(entry.state_before) if entry else None,
            state_after=_dict(settled.state),
            inverse=entry.inverse if entry else None,
            command=entry.command if entry else "",
            duration_s=round(self._clock.monotonic() - began, 3),
            undoes=call.undoes,
            error=settled.error,
        )


@contextmanager
def _listening(listeners: list[Tell], tell: Tell) -> Iterator[None]:
    listeners.append(tell)
    try:
        yield
    finally:
        listeners.remove(tell)


async def _at_once(settled: Settled) -> Settled:
    return settled


def _dict(state: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if state is None else dict(state)


def _asked(effect: Effect, call: Call) -> tuple[str, str | None]:
    """What two calls with one id must have in common."""
    return hash_arguments(effect.tool, effect.target, effect.arguments), call.undoes


def _other_arguments(call: Call, entry: Entry | None = None) -> str:
    undoing = f", undoing {entry.undoes!r}" if entry and entry.undoes else ""
    first = f" ({entry.tool} {dict(entry.arguments)} on {entry.target!r}{undoing})" if entry else ""
    return f"the operation {call.operation_id!r} was begun with other arguments{first}: give another operation its own id"
