"""Reads the doors of an edge from the platform's documents, the Resource Manager's as well as the Azure CLI's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from overwatch_mcp.azure_edge import Door
from overwatch_mcp.config import TrafficManagerConfig
from overwatch_mcp.errors import PlatformError
from overwatch_mcp.plain_text import plain


def door_of_origin(document: object) -> Door:
    """An origin of Front Door. Raises ValueError or TypeError where it can't be read."""
    fields = _fields(document)
    return Door(
        name=str(fields["name"]),
        enabled=_is_enabled(fields.get("enabledState")),
        weight=_whole(fields.get("weight"), 1),
        priority=_whole(fields.get("priority"), 1),
    )


def doors_of_profile(document: object, traffic: TrafficManagerConfig) -> list[Door]:
    """The endpoints of a Traffic Manager profile. Raises as above, and PlatformError where the profile can't give shares."""
    fields = _fields(document)
    method = fields.get("trafficRoutingMethod")
    if method != "Weighted":
        raise PlatformError(
            f"profile {traffic.profile!r} routes by {method!r}, which knows no shares: set its routing method to Weighted "
            f"(az network traffic-manager profile update -n {traffic.profile} --routing-method Weighted)"
        )
    if not _is_enabled(fields.get("profileStatus", "Enabled")):
        raise PlatformError(f"profile {traffic.profile!r} is disabled, so that its name leads nowhere: enable the profile")
    return [_door_of_endpoint(endpoint, traffic) for endpoint in _list(fields.get("endpoints"))]


def _door_of_endpoint(document: object, traffic: TrafficManagerConfig) -> Door:
    fields = _fields(document)
    name, kind = str(fields["name"]), str(fields.get("type") or "").rpartition("/")[2]
    configured = {own.lower() for own in traffic.endpoints.values()}
    if name.lower() in configured and kind and kind.lower() != traffic.endpoint_type.lower():
        raise PlatformError(f"endpoint {name!r} is one of {plain(kind, 40)!r}: correct traffic.endpoint_type")
    monitor = fields.get("endpointMonitorStatus")
    return Door(
        name=name,
        enabled=_is_enabled(fields.get("endpointStatus")),
        weight=_whole(fields.get("weight"), 1),
        health=None if monitor is None else plain(monitor, 40),
    )


def _fields(document: object) -> Mapping[str, Any]:
    """A resource's fields, whether they lie in `properties` (the Resource Manager) or beside the name (the Azure CLI)."""
    if not isinstance(document, Mapping):
        raise TypeError("a resource is an object")
    inner = document.get("properties")
    return {**document, **(inner if isinstance(inner, Mapping) else {})}


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("a list is missing")
    return value


def _is_enabled(word: object) -> bool:
    """The platform's word. Raises ValueError for any other: what can't be read is not guessed."""
    if word not in {"Enabled", "Disabled"}:
        raise ValueError("neither Enabled nor Disabled")
    return word == "Enabled"


def _whole(number: object, otherwise: int) -> int:
    """A whole number, or what is meant where there is none."""
    if number is None:
        return otherwise
    if not isinstance(number, int):
        raise TypeError("no whole number")
    return number
