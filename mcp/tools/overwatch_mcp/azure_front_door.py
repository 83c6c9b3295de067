"""Front Door as the edge, through the SDK: one origin for each region."""

from __future__ import annotations

from typing import Any

from azure.mgmt.cdn.aio import CdnManagementClient
from azure.mgmt.cdn.models import AFDOriginUpdateParameters

from overwatch_mcp.azure_continuation import Acceptance
from overwatch_mcp.azure_doors import door_of_origin
from overwatch_mcp.azure_edge import Door, where
from overwatch_mcp.azure_errors import mapped
from overwatch_mcp.azure_session import ACCEPT_ONLY, AzureSession, listed
from overwatch_mcp.config import AzureTarget, FrontDoorConfig


class FrontDoor:
    """Implements `azure_edge.Edge`."""

    def __init__(self, config: AzureTarget, traffic: FrontDoorConfig, session: AzureSession) -> None:
        self._group = config.resource_group
        self._traffic = traffic
        self._url = session.url
        self._origins = session.management(CdnManagementClient).afd_origins

    async def doors(self) -> list[Door]:
        """The origins of the group."""
        with mapped(f"reading {where(self._traffic)}"):
            listing = self._origins.list_by_origin_group(self._group, self._traffic.profile, self._traffic.origin_group)
            return [door_of_origin(origin.as_dict()) for origin in await listed(listing)]

    async def set(self, region: str, weight: int) -> str | None:
        """Front Door knows no weight 0: that is a disabled origin."""
        name = self._traffic.origins[region]
        properties: dict[str, Any] = {"enabledState": "Disabled"}
        if weight:
            properties = {"enabledState": "Enabled", "weight": weight, "priority": 1}
        accepted = Acceptance(self._url)
        with mapped(f"updating origin {name!r}"):
            await self._origins.begin_update(
                self._group,
                self._traffic.profile,
                self._traffic.origin_group,
                name,
                AFDOriginUpdateParameters({"properties": properties}),
                raw_response_hook=accepted,
                **ACCEPT_ONLY,
            )
        return accepted.continuation


def make(config: AzureTarget, traffic: FrontDoorConfig, session: AzureSession) -> FrontDoor:
    """The edge, for `azure_platform`."""
    return FrontDoor(config, traffic, session)
