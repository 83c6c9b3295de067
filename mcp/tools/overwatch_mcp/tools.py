"""The tools as clients see them: names, arguments, annotations. What they do is in the module of the same name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Annotated, Any, ParamSpec, TypeVar

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field

from overwatch_mcp.config import WriteTool
from overwatch_mcp.errors import OverwatchToolError
from overwatch_mcp.models import OperationRecord, ServiceState, TrafficState, WriteResult
from overwatch_mcp.operations import Call
from overwatch_mcp.workshop import Workshop

P = ParamSpec("P")
R = TypeVar("R")

Target = Annotated[str, Field(description="The name of a configured target.")]
Region = Annotated[str, Field(description="The name of one of the target's regions.")]
OperationId = Annotated[str, Field(description="1 to 128 of [A-Za-z0-9._:>-]; the same id never acts twice.")]
Epoch = Annotated[int, Field(strict=True, ge=0, description="The epoch of the caller's lease; a stale one is refused.")]
DryRun = Annotated[bool, Field(strict=True, description="Say what would be done, and do nothing.")]
Whole = Annotated[int, Field(strict=True)]
Weights = Annotated[dict[str, Whole], Field(description="Percent for every region of the target; 100 in all.")]

_READ = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True)
_WRITE = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True)
"""Idempotent by the operation id."""


def add_tools(server: MCPServer[Any], workshop: Workshop) -> None:
    """Register every tool."""
    _add_reads(server, workshop)
    _add_writes(server, workshop)


def _add_reads(server: MCPServer[Any], workshop: Workshop) -> None:
    @server.tool(annotations=_READ)
    @_said
    async def get_service_state(target: Target, region: Region) -> ServiceState:
        """How one region of a service stands: the revision that serves, its image and its replicas."""
        workshop.config.target(target).region(target, region)
        return await (await workshop.platforms.get(target)).service(region)

    @server.tool(annotations=_READ)
    @_said
    async def get_traffic(target: Target) -> TrafficState:
        """Which region is sent which share of the users, in percent."""
        return await (await workshop.platforms.get(target)).traffic()

    @server.tool(annotations=_READ)
    @_said
    async def get_operation(operation_id: OperationId) -> OperationRecord:
        """What became of an operation; status "absent" where it was never begun."""
        return await workshop.operations.get(operation_id)


def _add_writes(server: MCPServer[Any], workshop: Workshop) -> None:
    async def carry_out(tool: WriteTool, target: str, arguments: Mapping[str, Any], call: Call) -> WriteResult:
        effect = await workshop.effect(tool, target, arguments, call.operation_id)
        return await workshop.operations.execute(effect, call)

    @server.tool(annotations=_WRITE)
    @_said
    async def restart_service(
        target: Target,
        region: Region,
        operation_id: OperationId,
        epoch: Epoch = 0,
        dry_run: DryRun = False,
        expected_revision: str | None = None,
    ) -> WriteResult:
        """Start the replicas of the revision that serves a region anew, and wait until they are ready."""
        arguments = {"region": region, "expected_revision": expected_revision}
        return await carry_out("restart_service", target, arguments, Call(operation_id, epoch, dry_run))

    @server.tool(annotations=_WRITE)
    @_said
    async def scale_service(
        target: Target,
        region: Region,
        replicas: Whole,
        operation_id: OperationId,
        epoch: Epoch = 0,
        dry_run: DryRun = False,
        expected_replicas: Whole | None = None,
    ) -> WriteResult:
        """Give a region another number of replicas, and wait until they are ready."""
        arguments = {"region": region, "replicas": replicas, "expected_replicas": expected_replicas}
        return await carry_out("scale_service", target, arguments, Call(operation_id, epoch, dry_run))

    @server.tool(annotations=_WRITE)
    @_said
    async def deploy_container(
        target: Target,
        region: Region,
        image: str,
        operation_id: OperationId,
        epoch: Epoch = 0,
        dry_run: DryRun = False,
        expected_image: str | None = None,
    ) -> WriteResult:
        """Run another image in a region, and wait until its replicas are ready."""
        arguments = {"region": region, "image": image, "expected_image": expected_image}
        return await carry_out("deploy_container", target, arguments, Call(operation_id, epoch, dry_run))

    @server.tool(annotations=_WRITE)
    @_said
    async def switch_traffic(
        target: Target,
        weights: Weights,
        operation_id: OperationId,
        epoch: Epoch = 0,
        dry_run: DryRun = False,
        expected_weights: dict[str, Whole] | None = None,
    ) -> WriteResult:
        """Give the regions these shares of the users, and wait until the public address is answered accordingly."""
        arguments = {"weights": weights, "expected_weights": expected_weights}
        return await carry_out("switch_traffic", target, arguments, Call(operation_id, epoch, dry_run))


def _said(tool: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Let the caller see the text of an error that is meant for it; the SDK hides that of all others."""

    @wraps(tool)
    async def said(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await tool(*args, **kwargs)
        except OverwatchToolError as error:
            raise ToolError(str(error)) from error

    return said
