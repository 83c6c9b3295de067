"""The one door to infrastructure: an intent is durable before the call, and looked up before it is issued again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, cast

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.dialects.sqlite import insert

from agents.approval_token import sign
from agents.durable import schema as s
from agents.durable.errors import DurableError
from agents.durable.store import Store
from agents.facts import Call, canonical
from agents.sanitize import clean
from agents.seams import CallResult, Clock, Refuse, RetryLaterError, ToolError, Tools, ToolsUnavailableError

LEASE_SECONDS = 300.0
APPROVAL_LIFE = timedelta(minutes=10)
"""Long enough for clocks that differ a little, too short to keep."""
TERMINAL = frozenset({"succeeded", "failed", "refused", "unknown"})


class IntentMismatchError(DurableError):
    """The same operation was asked for with other arguments: it is a programming error, and nothing is done."""


class DurableEffects:
    """Implements `seams.Effects` over the MCP tools.

    `approval_key` is the file with the key that the tools demand approvals with, or None where they demand none.
    """

    def __init__(
        self, *, store: Store, tools: Tools, clock: Clock, approval_key: Callable[[], Path | None] = lambda: None
    ) -> None:
        self._store = store
        self._tools = tools
        self._clock = clock
        self._approval_key = approval_key

    async def execute(
        self, call: Call, *, operation: str, incident: str, inverse: Call | None, holder: str, refuse: Refuse
    ) -> CallResult:
        """Carry out `call` once. Raises RetryLaterError while the outcome is not known yet."""
        intent = await self._intent(operation)
        if intent is not None and intent.arguments_hash != _digest(call):
            raise IntentMismatchError(f"{operation!r} was begun with other arguments")
        if intent is not None and intent.status in TERMINAL:
            return CallResult(operation, intent.status, intent.summary, intent.command, via="stored")
        seen = "absent" if intent is None else await self._observe(operation)
        if isinstance(seen, CallResult):
            return seen
        if (await self._store.automation()).paused:
            raise RetryLaterError("automation is paused", 0.5, counted=False)
        if seen == "started":
            return await self._issue(call, operation, await self._lease(call.target, holder), begun=True)
        if (reason := await refuse()) is not None:
            return await self._refused(operation, reason, begun=intent is not None)
        epoch = await self._lease(call.target, holder)
        if intent is None:
            await self._begin(call, operation, incident, inverse, epoch)
        if (await self._store.automation()).paused:
            raise RetryLaterError("automation is paused", 0.5, counted=False)
        return await self._issue(call, operation, epoch)

    async def _issue(self, call: Call, operation: str, epoch: int, *, begun: bool = False) -> CallResult:
        """Hand it to the server. An error says that this call did nothing; where an earlier one had `begun` it, nobody knows."""
        arguments = {**call.arguments(), "operation_id": operation, "epoch": epoch, **self._approval(call, operation)}
        try:
            answer = await self._tools.write(call.tool, arguments)
        except ToolsUnavailableError as error:
            raise RetryLaterError(str(error), 1.0, counted=False) from error
        except ToolError as error:
            return await self._finish(operation, "unknown" if begun else "failed", clean(error), "")
        return await self._finish(
            operation, str(answer.get("status")), _summary(answer), clean(answer.get("command") or "", 2_000)
        )

    def _approval(self, call: Call, operation: str) -> Mapping[str, str]:
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
        return {"approval_token": sign(key, operation, call, self._clock.now() + APPROVAL_LIFE)}

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

    async def _begin(self, call: Call, operation: str, incident: str, inverse: Call | None, epoch: int) -> None:
        before = await self._state_before(call)
        row = {
            "operation": operation,
            "incident": incident,
            "tool": call.tool,
            "arguments": json.dumps(call.arguments()),
            "arguments_hash": _digest(call),
            "inverse": inverse.model_dump_json() if inverse else None,
            "state_before": json.dumps(before, default=str),
            "epoch": epoch,
            "status": "started",
            "summary": "",
            "command": "",
            "started": self._clock.now().isoformat(),
        }

        def work(connection: Connection) -> None:
            held = connection.execute(select(s.lease.c.epoch).where(s.lease.c.name == call.target)).scalar()
            if held != epoch:
                raise RetryLaterError(f"the lease on {call.target} was taken over", 1.0, counted=False)
            if connection.execute(insert(s.intent).values(row).on_conflict_do_nothing()).rowcount != 1:
                raise RetryLaterError(f"{operation} is being carried out by another delivery", 0.05, counted=False)

        await self._store.database.run(work)

    async def _state_before(self, call: Call) -> Mapping[str, Any]:
        tool = "get_traffic" if call.tool == "switch_traffic" else "get_service_state"
        arguments = {"target": call.target} if call.region is None else {"target": call.target, "region": call.region}
        try:
            return await self._tools.read(tool, arguments)
        except ToolsUnavailableError as error:
            raise RetryLaterError(str(error), 1.0, counted=False) from error
        except ToolError as error:
            return {"error": clean(error)}

    async def _lease(self, target: str, holder: str) -> int:
        now = self._clock.now()
        until = (now + timedelta(seconds=LEASE_SECONDS)).timestamp()

        def work(connection: Connection) -> int | None:
            row = connection.execute(select(s.lease).where(s.lease.c.name == target)).first()
            if row is None:
                connection.execute(insert(s.lease).values(name=target, holder=holder, epoch=1, expires=until))
                return 1
            if row.holder != holder and row.expires > now.timestamp() and _busy(connection, row.holder):
                return None
            epoch: int = row.epoch + (row.holder != holder)
            values = {"holder": holder, "epoch": epoch, "expires": until}
            connection.execute(update(s.lease).where(s.lease.c.name == target).values(values))
            return epoch

        epoch = await self._store.database.run(work)
        if epoch is None:
            raise RetryLaterError(f"another incident is changing {target}", 1.0, counted=False)
        return epoch

    async def _intent(self, operation: str) -> Row[Any] | None:
        query = select(s.intent).where(s.intent.c.operation == operation)
        return await self._store.database.run(lambda c: c.execute(query).first())


def _busy(connection: Connection, incident: str) -> bool:
    status = connection.execute(select(s.incident.c.status).where(s.incident.c.id == incident)).scalar()
    return status in {"acting", "verifying", "verified", "undoing"}


def _digest(call: Call) -> str:
    return hashlib.sha256(canonical(call.model_dump(mode="json"))).hexdigest()


def _summary(answer: Mapping[str, Any]) -> str:
    return clean(answer.get("error") or answer.get("summary") or answer.get("status") or "no summary")
