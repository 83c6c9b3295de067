"""The one global ingress as ARM shows it twice: origins of Front Door, and endpoints of Traffic Manager."""

from __future__ import annotations

from typing import Any

from mini_app.local_azure.documents import Ids
from mini_app.local_azure.front_door import Origin


def origin(ids: Ids, item: Origin) -> dict[str, Any]:
    """A Front Door origin."""
    path = f"{ids.group}/providers/Microsoft.Cdn/profiles/{ids.profile}/originGroups/{ids.origin_group}/origins/{item.name}"
    return {
        "id": path,
        "name": item.name,
        "type": "Microsoft.Cdn/profiles/originGroups/origins",
        "properties": {
            "hostName": f"{item.name}.demo.local",
            "enabledState": "Enabled" if item.enabled else "Disabled",
            "weight": item.weight,
            "priority": item.priority,
            "provisioningState": "Succeeded",
            "deploymentStatus": "Succeeded",
            "originGroupName": ids.origin_group,
        },
    }


def endpoint(ids: Ids, item: Origin, location: str) -> dict[str, Any]:
    """A Traffic Manager endpoint."""
    return {
        "id": f"{_profile(ids)}/externalEndpoints/{item.name}",
        "name": item.name,
        "type": "Microsoft.Network/trafficManagerProfiles/externalEndpoints",
        "properties": {
            "endpointStatus": "Enabled" if item.enabled else "Disabled",
            "endpointMonitorStatus": ("Online" if item.healthy else "Degraded") if item.enabled else "Disabled",
            "target": f"{item.name}.demo.local",
            "weight": item.weight,
            "priority": 1,
            "endpointLocation": location,
            "alwaysServe": "Disabled",
        },
    }


def traffic_profile(ids: Ids, endpoints: list[dict[str, Any]]) -> dict[str, Any]:
    """A Traffic Manager profile with its endpoints."""
    online = any(one["properties"]["endpointMonitorStatus"] == "Online" for one in endpoints)
    return {
        "id": _profile(ids),
        "name": ids.traffic_profile,
        "type": "Microsoft.Network/trafficManagerProfiles",
        "location": "global",
        "tags": {},
        "properties": {
            "profileStatus": "Enabled",
            "trafficRoutingMethod": "Weighted",
            "dnsConfig": {"relativeName": ids.traffic_profile, "fqdn": f"{ids.traffic_profile}.demo.local", "ttl": 0},
            "monitorConfig": {
                "profileMonitorStatus": "Online" if online else "Degraded",
                "protocol": "HTTP",
                "port": 80,
                "path": "/health",
            },
            "endpoints": endpoints,
            "trafficViewEnrollmentStatus": "Disabled",
        },
    }


def _profile(ids: Ids) -> str:
    return f"{ids.group}/providers/Microsoft.Network/trafficManagerProfiles/{ids.traffic_profile}"
