"""The one door to infrastructure: an intent is durable before the call, and looked up before it is issued again."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal, cast

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.dialects.sqlite import insert

from agents.approval_token import sign
from agents.durable import leases, restraint
from agents.durable import schema as s
from agents.durable.errors import DurableError
from agents.durable.store import Store
from agents.facts import Call
from agents.policy_settings import PolicySettings
from agents.sanitize import clean
from agents.seams import (
    CallResult,
    Clock,
    Refuse,
    RetryLaterError,
    ToolBusyError,
    ToolError,
    Tools,
    ToolsUnavailableError,
)

APPROVAL_LIFE = timedelta(minutes=10)
"""Long enough for clocks that differ a little, too short to keep."""
BUSY_PATIENCE = timedelta(minutes=10)
"""How long a server that is busy, or ending, is asked again about one operation. A plan's freshness may end it before that."""
FIRST_BUSY_SECONDS, LONGEST_BUSY_SECONDS = 0.5, 10.0
TERMINAL = frozenset({"succeeded", "failed", "refused", "unknown"})
EXPECTED = {
    "switch_traffic": ("expected_weights", "weights"),
    "scale_service": ("expected_replicas", "replicas_desired"),
    "deploy_container": ("expected_image", "image"),
    "rollback_revision": ("expected_revision", "revision"),
    "restart_service": ("expected_revision", "revision"),
}
"""What each tool may be told to expect of the state before, and where that state says it: the server compares under its lock."""

_log = logging.getLogger(__name__)


class IntentMismatchError(DurableError):
    """The same operation was asked for with other arguments: it is a programming error, and nothing is done."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one delivery asks for."""

    call: Call
    operation: str
    incident: str
    inverse: Call | None
    holder: str


class DurableEffects:
    """Implements `seams.Effects` over the MCP tools.

    `approval_key` is the file with the key that the tools demand approvals with, or None where they demand none.
    """

    def __init__(
        self,
        *,
        store: Store,
        tools: Tools,
        clock: Clock,
        policy: PolicySettings | None = None,
        approval_key: Callable[[], Path | None] = lambda: None,
    ) -> None:
        self._store = store
        self._tools = tools
        self._clock = clock
        self._policy = policy or PolicySettings()
        self._approval_key = approval_key

    async def execute(
        self, call: Call, *, operation: str, incident: str, inverse: Call | None, holder: str, refuse: Refuse
    ) -> CallResult:
        """Carry out `call` once. Raises RetryLaterError while the outcome is not known yet."""
        asked = _Asked(call, operation, incident, inverse, holder)
        intent = await self._intent(operation)
        if intent is not None and intent.arguments_hash != call.digest():
            raise IntentMismatchError(f"{operation!r} was begun with other arguments")
        if intent is not None and intent.status in TERMINAL:
            return CallResult(operation, intent.status, intent.summary, intent.command, via="stored")
        seen = "absent" if intent is None else await self._observe(operation)
        if isinstance(seen, CallResult):
            return seen
        await self._store.database.run(lambda c: self._must_be_free(c, call.target))
        epoch = await self._lease(call.target, holder)
        if seen == "started":
            await self._last_look(asked, epoch)
            return await self._issue(asked, epoch, _state(intent), _since(intent), begun=True)
        before = await self._state_before(call) if intent is None else _state(intent)
        if "error" in before:
            return await self._refused(operation, f"the state before can't be read: {before['error']}", begun=intent is not None)
        if (reason := await refuse()) is not None:
            return await self._refused(operation, reason, begun=intent is not None)
        began = self._clock.now() if intent is None else _since(intent)
        reason = await self._begin(asked, epoch, before) if intent is None else await self._last_look(asked, epoch)
        if reason is not None:
            return await self._refused(operation, reason, begun=intent is not None)
        return await self._issue(asked, epoch, before, began, begun=False)

    async def _issue(self, asked: _Asked, epoch: int, before: Mapping[str, Any], began: datetime, *, begun: bool) -> CallResult:
        """Hand it to the server. An error says that this call did nothing; where an earlier one had `begun` it, nobody knows."""
        call, operation = asked.call, asked.operation
        expected = _expected(call, before)
        arguments = {
            **call.arguments(),
            **expected,
            "operation_id": operation,
            "epoch": epoch,
            **self._approval(call, operation, expected),
        }
        nothing: Literal["unknown", "failed"] = "unknown" if begun else "failed"
        try:
            async with self._renewed(asked, epoch):
                answer = await self._tools.write(call.tool, arguments)
        except ToolsUnavailableError as error:
            raise RetryLaterError(str(error), 1.0, counted=False) from error
        except ToolBusyError as error:
            waited = self._clock.now() - began
            if not timedelta(0) <= waited < BUSY_PATIENCE:
                return await self._finish(operation, nothing, clean(error), "")
            raise RetryLaterError(str(error), _busy_pause(waited), counted=False) from error
        except ToolError as error:
            return await self._finish(operation, nothing, clean(error), "")
        return await self._finish(
            operation, str(answer.get("status")), _summary(answer), clean(answer.get("command") or "", 2_000)
        )

    def _approval(self, call: Call, operation: str, expected: Mapping[str, Any]) -> Mapping[str, str]:
        """The proof for the server that this very call went through the gate, made right before it is sent."""
        path = self._approval_key()
        if path is None:
            return {}
        try:
            key = path.read_bytes().strip()
        except OSError as error:
            raise RetryLaterError(
                f"the approval key {str(path)!r} can't be read ({error.strerror})", 1.0, counted=False
            ) from error
        return {"approval_token": sign(key, operation, call, self._clock.now() + APPROVAL_LIFE, expected)}

    async def _observe(self, operation: str) -> CallResult | Literal["absent", "started"]:
        """What became of an operation that was begun.

        `absent`: the server never heard of it. `started`: the server began it, and settles it by looking at the world when it is
        handed the same operation again; nothing here may judge in between, because the effect may have happened.
        """
        try:
            answer = await self._tools.read("get_operation", {"operation_id": operation})
        except (ToolsUnavailableError, ToolError) as error:
            raise RetryLaterError(f"{operation} can't be looked up: {error}", 1.0, counted=False) from error
        status = answer.get("status")
        if status in {"absent", "started"}:
            return cast("Literal['absent', 'started']", status)
        result = answer.get("result")
        summary = _summary(result if isinstance(result, Mapping) else answer)
        return await self._finish(operation, str(status), summary, clean(answer.get("command") or "", 2_000), via="reconcile")

    async def _finish(self, operation: str, status: str, summary: str, command: str, via: str = "call") -> CallResult:
        known = status if status in TERMINAL else "unknown"
        values = {"status": known, "summary": summary, "command": command, "finished": self._clock.now().isoformat()}

        def work(connection: Connection) -> None:
            connection.execute(update(s.intent).where(s.intent.c.operation == operation).values(values))

        await self._store.database.run(work)
        return CallResult(operation, known, summary, command, via=via)  # type: ignore[arg-type]  # both are of their literals

    async def _refused(self, operation: str, reason: str, *, begun: bool) -> CallResult:
        return await self._finish(operation, "refused", reason, "") if begun else CallResult(operation, "refused", reason)

    async def _begin(self, asked: _Asked, epoch: int, before: Mapping[str, Any]) -> str | None:
        """Make the intent durable, with the way back and the state before. Why it may not be done, or None where it is begun."""
        row = {
            "operation": asked.operation,
            "incident": asked.incident,
            "tool": asked.call.tool,
            "arguments": json.dumps(asked.call.arguments()),
            "arguments_hash": asked.call.digest(),
            "inverse": asked.inverse.model_dump_json() if asked.inverse else None,
            "state_before": json.dumps(before, default=str),
            "epoch": epoch,
            "status": "started",
            "summary": "",
            "command": "",
            "started": self._clock.now().isoformat(),
        }

        def work(connection: Connection) -> str | None:
            if (reason := self._held_back(connection, asked, epoch)) is not None:
                return reason
            if connection.execute(insert(s.intent).values(row).on_conflict_do_nothing()).rowcount != 1:
                raise RetryLaterError(f"{asked.operation} is being carried out by another delivery", 0.05, counted=False)
            return None

        return await self._store.database.run(work)

    async def _last_look(self, asked: _Asked, epoch: int) -> str | None:
        """As `_begin`, for what was begun before."""
        return await self._store.database.run(lambda c: self._held_back(c, asked, epoch))

    def _held_back(self, connection: Connection, asked: _Asked, epoch: int) -> str | None:
        """The last look before a call, in one transaction: pause, windows, the lease, and how often traffic was moved."""
        self._must_be_free(connection, asked.call.target)
        leases.must_hold(connection, asked.call.target, asked.holder, epoch)
        now = self._clock.now()
        return restraint.flapping(connection, asked.call, asked.operation, asked.incident, self._policy, now)

    def _must_be_free(self, connection: Connection, target: str) -> None:
        """Raises RetryLaterError while automation is paused, or a window holds the target."""
        restraint.must_be_armed(connection)
        restraint.must_be_open(self._policy, target, self._clock.now())

    async def _state_before(self, call: Call) -> Mapping[str, Any]:
        tool = "get_traffic" if call.tool == "switch_traffic" else "get_service_state"
        arguments = {"target": call.target} if call.region is None else {"target": call.target, "region": call.region}
        try:
            return await self._tools.read(tool, arguments)
        except ToolsUnavailableError as error:
            raise RetryLaterError(str(error), 1.0, counted=False) from error
        except ToolBusyError as error:
            raise RetryLaterError(str(error), 1.0, counted=False) from error
        except ToolError as error:
            return {"error": clean(error)}

    async def _lease(self, target: str, holder: str) -> int:
        most = self._policy.max_concurrent
        kept = await self._store.database.run(lambda c: leases.holds(c, target, holder))
        above = 0 if kept else await self._highest_epoch(target)
        return await self._store.database.run(lambda c: leases.take(c, target, holder, self._clock.now(), most, above))

    async def _highest_epoch(self, target: str) -> int:
        """The highest epoch that the server has seen act on a target; 0 where it does not say."""
        try:
            answer = await self._tools.read("list_targets", {})
        except (ToolsUnavailableError, ToolBusyError) as error:
            raise RetryLaterError(str(error), 1.0, counted=False) from error
        except ToolError:
            return 0
        listed = answer.get("targets")
        rows = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
        known = next((one.get("highest_epoch") for one in rows if one.get("name") == target), None)
        return known if isinstance(known, int) and not isinstance(known, bool) and known >= 0 else 0

    @asynccontextmanager
    async def _renewed(self, asked: _Asked, epoch: int) -> AsyncIterator[None]:
        """Keep the lease while an operation runs, however long that takes; one that was taken over is left alone."""

        async def renew() -> None:
            while True:
                await self._clock.sleep(leases.RENEW_SECONDS)
                try:
                    held = await self._store.database.run(
                        lambda c: leases.renew(c, asked.call.target, asked.holder, epoch, self._clock.now())
                    )
                except DurableError as error:
                    _log.warning("the lease on %s could not be renewed: %s", asked.call.target, error)
                    continue
                if not held:
                    return

        renewing = asyncio.create_task(renew(), name=f"lease of {asked.operation}")
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def _intent(self, operation: str) -> Row[Any] | None:
        query = select(s.intent).where(s.intent.c.operation == operation)
        return await self._store.database.run(lambda c: c.execute(query).first())


def _busy_pause(waited: timedelta) -> float:
    """Seconds until a busy server is asked again: the longer it has been busy, the longer."""
    return min(LONGEST_BUSY_SECONDS, max(FIRST_BUSY_SECONDS, waited.total_seconds()))


def _state(intent: Row[Any] | None) -> Mapping[str, Any]:
    """The state before, as it was made durable; empty where what is stored makes no sense."""
    stored = json.loads(intent.state_before) if intent is not None else {}
    return stored if isinstance(stored, dict) else {}


def _since(intent: Row[Any] | None) -> datetime:
    if intent is None:
        raise DurableError("an operation that was never begun has no beginning")
    return datetime.fromisoformat(intent.started)


def _expected(call: Call, before: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the server is told to expect, so that a state that somebody changes in the last moment is not written over."""
    name, fact = EXPECTED[call.tool]
    return {} if before.get(fact) is None else {name: before[fact]}


def _summary(answer: Mapping[str, Any]) -> str:
    return clean(answer.get("error") or answer.get("summary") or answer.get("status") or "no summary")
