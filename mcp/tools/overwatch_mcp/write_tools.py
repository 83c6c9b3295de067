"""The tools that act, as clients see them: names, arguments, annotations. What they do is in the module of the same name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp_types import ToolAnnotations

from overwatch_mcp.arguments import ApprovalToken, DryRun, Epoch, OperationId, Region, Target, Weights, Whole, said
from overwatch_mcp.config import WriteTool
from overwatch_mcp.models import WriteResult
from overwatch_mcp.operations import Call
from overwatch_mcp.settling import Tell
from overwatch_mcp.workshop import Workshop

_WRITE = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True)
"""Idempotent by the operation id."""


def add_write_tools(server: MCPServer[Any], workshop: Workshop) -> None:
    """Register the tools that change something."""
    hand = _Hand(workshop)
    _add_service(server, hand)
    _add_revisions(server, hand)
    _add_traffic(server, hand)
    _add_undo(server, hand)


@dataclass(frozen=True, slots=True)
class _Hand:
    """Carries out a call, and tells its client how it goes."""

    workshop: Workshop

    async def do(self, ctx: Context[Any], tool: WriteTool, target: str, arguments: Mapping[str, Any], call: Call) -> WriteResult:
        effect = await self.workshop.effect(tool, target, arguments, call.operation_id)
        async with _progress(ctx) as tell:
            return await self.workshop.operations.execute(effect, call, tell)

    async def undo(self, ctx: Context[Any], undoes: str, call: Call) -> WriteResult:
        effect = await self.workshop.undo(undoes, call.operation_id)
        async with _progress(ctx) as tell:
            return await self.workshop.operations.execute(effect, call, tell)


def _add_service(server: MCPServer[Any], hand: _Hand) -> None:
    @server.tool(title="Restart a service", annotations=_WRITE)
    @said
    async def restart_service(
        ctx: Context[Any],
        target: Target,
        region: Region,
        operation_id: OperationId,
        epoch: Epoch = 0,
        dry_run: DryRun = False,
        expected_revision: str | None = None,
        approval_token: ApprovalToken | None = None,
    ) -> WriteResult:
        """Start the replicas of the revision that serves a region anew, and wait until they are ready."""
        arguments = {"region": region, "expected_revision": expected_revision}
        return await hand.do(ctx, "restart_service", target, arguments, Call(operation_id, epoch, dry_run, approval_token))

    @server.tool(title="Scale a service", annotations=_WRITE)
    @said
    async def scale_service(
        ctx: Context[Any],
        target: Target,
        region: Region,
        replicas: Whole,
        operation_id: OperationId,
        epoch: Epoch = 0,
        dry_run: DryRun = False,
        expected_replicas: Whole | None = None,
        approval_token: ApprovalToken | None = None,
    ) -> WriteResult:
        """Give a region another number of replicas, and wait until they are ready."""
        arguments = {"region": region, "replicas": replicas, "expected_replicas": expected_replicas}
        return await hand.do(ctx, "scale_service", target, arguments, Call(operation_id, epoch, dry_run, approval_token))


def _add_revisions(server: MCPServer[Any], hand: _Hand) -> None:
    @server.tool(title="Deploy an image", annotations=_WRITE)
    @said
    async def deploy_container(
        ctx: Context[Any],
        target: Target,
        region: Region,
        image: str,
        operation_id: OperationId,
        epoch: Epoch = 0,
        dry_run: DryRun = False,
        expected_image: str | None = None,
        approval_token: ApprovalToken | None = None,
    ) -> WriteResult:
        """Run another image in a region, and wait until its replicas are ready."""
        arguments = {"region": region, "image": image, "expected_image": expected_image}
        return await hand.do(ctx, "deploy_container", target, arguments, Call(operation_id, epoch, dry_run, approval_token))

    @server.tool(title="Roll back to an earlier revision", annotations=_WRITE)
    @said
    async def rollback_revision(
        ctx: Context[Any],
        target: Target,
        region: Region,
        operation_id: OperationId,
        revision: str | None = None,
        epoch: Epoch = 0,
        dry_run: DryRun = False,
        expected_revision: str | None = None,
        approval_token: ApprovalToken | None = None,
    ) -> WriteResult:
        """Run an earlier revision again: the named one, or the newest one that came up with another image than now."""
        arguments = {"region": region, "revision": revision, "expected_revision": expected_revision}
        return await hand.do(ctx, "rollback_revision", target, arguments, Call(operation_id, epoch, dry_run, approval_token))


def _add_traffic(server: MCPServer[Any], hand: _Hand) -> None:
    @server.tool(title="Switch traffic between regions", annotations=_WRITE)
    @said
    async def switch_traffic(
        ctx: Context[Any],
        target: Target,
        weights: Weights,
        operation_id: OperationId,
        epoch: Epoch = 0,
        dry_run: DryRun = False,
        expected_weights: dict[str, Whole] | None = None,
        approval_token: ApprovalToken | None = None,
    ) -> WriteResult:
        """Give the regions these shares of the users, and wait until the public address is answered accordingly."""
        arguments = {"weights": weights, "expected_weights": expected_weights}
        return await hand.do(ctx, "switch_traffic", target, arguments, Call(operation_id, epoch, dry_run, approval_token))


def _add_undo(server: MCPServer[Any], hand: _Hand) -> None:
    @server.tool(title="Undo an operation", annotations=_WRITE)
    @said
    async def undo_operation(
        ctx: Context[Any],
        undoes: OperationId,
        operation_id: OperationId,
        epoch: Epoch = 0,
        dry_run: DryRun = False,
        approval_token: ApprovalToken | None = None,
    ) -> WriteResult:
        """Carry out the inverse of an operation, as an operation of its own; refused where others changed the state since."""
        return await hand.undo(ctx, undoes, Call(operation_id, epoch, dry_run, approval_token, undoes))


@asynccontextmanager
async def _progress(ctx: Context[Any]) -> AsyncIterator[Tell]:
    """Pass what an operation tells on to the client; one that can't be told does not hold it up."""
    seen: asyncio.Queue[tuple[float, float, str]] = asyncio.Queue()

    async def pass_on() -> None:
        while True:
            passed, allowed, text = await seen.get()
            await ctx.report_progress(passed, allowed, text)

    passing = asyncio.create_task(pass_on())
    try:
        yield lambda passed, allowed, text: seen.put_nowait((passed, allowed, text))
    finally:
        passing.cancel()
        await asyncio.gather(passing, return_exceptions=True)
