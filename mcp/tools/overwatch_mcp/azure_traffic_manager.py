"""Traffic Manager as the edge, through the SDK: one endpoint of a weighted profile for each region."""

from __future__ import annotations

from typing import Any

from azure.mgmt.trafficmanager.aio import TrafficManagerManagementClient
from azure.mgmt.trafficmanager.models import Endpoint

from overwatch_mcp.azure_doors import doors_of_profile
from overwatch_mcp.azure_edge import Door, where
from overwatch_mcp.azure_errors import mapped
from overwatch_mcp.azure_session import AzureSession
from overwatch_mcp.config import AzureTarget, TrafficManagerConfig


class TrafficManager:
    """Implements `azure_edge.Edge`. Its changes are no long operations: what remains is the time that names live in caches."""

    def __init__(self, config: AzureTarget, traffic: TrafficManagerConfig, session: AzureSession) -> None:
        self._group = config.resource_group
        self._traffic = traffic
        self._client = session.management(TrafficManagerManagementClient)

    async def doors(self) -> list[Door]:
        """The endpoints of the profile."""
        with mapped(f"reading {where(self._traffic)}"):
            profile = await self._client.profiles.get(self._group, self._traffic.profile)
            return doors_of_profile(profile.as_dict(), self._traffic)

    async def set(self, region: str, weight: int) -> None:
        """Traffic Manager knows no weight 0: that is a disabled endpoint."""
        name = self._traffic.endpoints[region]
        properties: dict[str, Any] = {"endpointStatus": "Disabled"}
        if weight:
            properties = {"endpointStatus": "Enabled", "weight": weight}
        with mapped(f"updating endpoint {name!r}"):
            await self._client.endpoints.update(
                self._group,
                self._traffic.profile,
                self._traffic.endpoint_type,
                name,
                Endpoint({"properties": properties}),
                retry_total=0,
            )


def make(config: AzureTarget, traffic: TrafficManagerConfig, session: AzureSession) -> TrafficManager:
    """The edge, for `azure_platform`."""
    return TrafficManager(config, traffic, session)
