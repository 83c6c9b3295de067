"""What clients may read as resources: each target as it stands, and each operation as the journal holds it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from functools import partial
from typing import Any, TypeVar

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp.server.mcpserver.resources import FunctionResource, ResourceSecurity
from pydantic import BaseModel, ConfigDict

from overwatch_mcp.errors import OverwatchToolError, RequestError
from overwatch_mcp.models import ServiceState, TargetSummary, TrafficState
from overwatch_mcp.workshop import Workshop

T = TypeVar("T")

JSON = "application/json"


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RegionPicture(_Answer):
    """One region; `problem` says why its state could not be read."""

    region: str
    state: ServiceState | None
    problem: str | None


class TargetPicture(_Answer):
    """A target: its configuration in short, every region, and who is sent where."""

    summary: TargetSummary
    regions: list[RegionPicture]
    traffic: TrafficState | None
    traffic_problem: str | None


def add_resources(server: MCPServer[Any], workshop: Workshop) -> None:
    """Register the resources: one for each target, and the templates behind them."""

    async def target(name: str) -> str:
        """The configuration of a target in short, the state of its regions, and its traffic."""
        if name not in workshop.config.targets:
            raise ResourceNotFoundError(f"{name[:100]!r} is not a target; known: {sorted(workshop.config.targets)}")
        return (await picture(workshop, name)).model_dump_json(indent=2)

    async def operation(id: str) -> str:  # noqa: A002 - the name in the template
        """What the journal holds about an operation."""
        try:
            record = await workshop.operations.get(id)
        except RequestError as error:
            raise ResourceNotFoundError(str(error)) from error
        except OverwatchToolError as error:
            raise ResourceError(str(error)) from error
        if not record.known:
            raise ResourceNotFoundError(f"{id!r} was never begun")
        return record.model_dump_json(indent=2)

    for name in workshop.config.targets:
        server.add_resource(
            FunctionResource(
                uri=f"overwatch://targets/{name}",
                name=name,
                title=f"The target {name}",
                description=target.__doc__,
                mime_type=JSON,
                fn=partial(target, name),
            )
        )
    server.resource("overwatch://targets/{name}", name="target", title="A target", mime_type=JSON)(target)
    server.resource(
        "overwatch://operations/{id}",
        name="operation",
        title="An operation",
        mime_type=JSON,
        security=ResourceSecurity(exempt_params={"id"}),
    )(operation)


async def picture(workshop: Workshop, name: str) -> TargetPicture:
    """Look at all of a target at once. What can't be read is said in its place."""
    config = workshop.config.target(name)
    looks = [_or_problem(_region(workshop, name, region)) for region in sorted(config.regions)]
    traffic = _or_problem(_traffic(workshop, name)) if config.traffic is not None else _none()
    *regions, (sent, unsent) = await asyncio.gather(*looks, traffic)
    return TargetPicture(
        summary=await workshop.summary(name),
        regions=[
            RegionPicture(region=region, state=state, problem=problem)
            for region, (state, problem) in zip(sorted(config.regions), regions, strict=True)
        ],
        traffic=sent,
        traffic_problem=unsent,
    )


async def _region(workshop: Workshop, name: str, region: str) -> ServiceState:
    return await (await workshop.platforms.get(name)).service(region)


async def _traffic(workshop: Workshop, name: str) -> TrafficState:
    return await (await workshop.platforms.get(name)).traffic()


async def _none() -> tuple[None, None]:
    return None, None


async def _or_problem(reading: Awaitable[T]) -> tuple[T | None, str | None]:
    try:
        return await reading, None
    except OverwatchToolError as error:
        return None, str(error)
