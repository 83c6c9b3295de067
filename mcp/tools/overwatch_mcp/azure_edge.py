"""The edge that sends users to a region, whatever it is and by whatever hands it is moved: the seam inside the Azure platform."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from overwatch_mcp.config import FrontDoorConfig, TrafficManagerConfig
from overwatch_mcp.errors import MissingError, NotDoneError, PlatformError
from overwatch_mcp.models import Origin, TrafficState
from overwatch_mcp.weights import percentages

EdgeConfig = FrontDoorConfig | TrafficManagerConfig


@dataclass(frozen=True, slots=True)
class Door:
    """One way from the edge to a region: an origin of Front Door, or an endpoint of Traffic Manager.

    Only the enabled ones of the lowest `priority` receive any traffic. `health` is the edge's own word, where it has one.
    """

    name: str
    enabled: bool
    weight: int
    priority: int = 1
    health: str | None = None


class Edge(Protocol):
    """Reads and sets the doors of one target. Both raise PlatformError."""

    async def doors(self) -> list[Door]:
        """All doors that the edge has, also those of nobody's region."""
        ...

    async def set(self, region: str, weight: int) -> str | None:
        """Give a region's door a weight of the edge's own, 1 to 1000; 0 disables it.

        Returns when it is accepted, with what `Platform.follow` needs where it is a long operation.
        """
        ...


def where(config: EdgeConfig) -> str:
    """What the doors belong to, for a text."""
    return f"origin group {config.origin_group!r}" if isinstance(config, FrontDoorConfig) else f"profile {config.profile!r}"


def traffic_state(target: str, config: EdgeConfig, listed: Sequence[Door], now: datetime) -> TrafficState:
    """Who is sent where. Raises PlatformError where a door is missing, or one that is not configured takes traffic.

    The Resource Manager does not tell names apart by their case.
    """
    regions = {name.lower(): region for region, name in config.doors.items()}
    key = "origins" if isinstance(config, FrontDoorConfig) else "endpoints"
    found: dict[str, Door] = {}
    for door in listed:
        region = regions.get(door.name.lower())
        if region is not None:
            found[region] = door
        elif door.enabled:
            raise PlatformError(
                f"{where(config)} sends traffic to {door.name!r}, which is no region of {target!r}: "
                f"add it to traffic.{key} or disable it"
            )
    if missing := sorted(set(config.doors) - set(found)):
        raise MissingError(f"{where(config)} has nothing for {missing}: correct traffic.{key}")
    first = min((door.priority for door in found.values() if door.enabled), default=1)
    shares = {region: door.weight if door.enabled and door.priority == first else 0 for region, door in found.items()}
    return TrafficState(
        target=target,
        weights=percentages(shares),
        origins=[
            Origin(
                region=region, name=name, enabled=found[region].enabled, weight=found[region].weight, health=found[region].health
            )
            for region, name in config.doors.items()
        ],
        as_of=now,
    )


def refuse_last(region: str, state: TrafficState) -> None:
    """Raises NotDoneError where disabling a region's door would leave nobody: the decision was made on older news."""
    if not any(origin.enabled for origin in state.origins if origin.region != region):
        raise NotDoneError(f"{region!r} is the only region that is enabled: enable another one first")
