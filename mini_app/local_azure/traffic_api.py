"""Front Door's and Traffic Manager's APIs: two views of one ingress, and either moves its users."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

from aiohttp import web

from mini_app.local_azure import patches, traffic_documents
from mini_app.local_azure.arm_errors import ArmError
from mini_app.local_azure.arm_faults import taken
from mini_app.local_azure.front_door import FrontDoor, Origin
from mini_app.local_azure.operations import Operations, started
from mini_app.local_azure.patches import EndpointPatch, EndpointProperties, OriginPatch, OriginProperties
from mini_app.local_azure.routes import Routes, Where
from mini_app.local_azure.scope import GROUP, Scope

ORIGINS = GROUP + "/providers/Microsoft.Cdn/profiles/{profile}/originGroups/{group}/origins"
PROFILES = GROUP + "/providers/Microsoft.Network/trafficManagerProfiles"
ENDPOINT = PROFILES + "/{profile}/externalEndpoints/{endpoint}"


class Traffic:
    """The origins of one group, and the endpoints of one profile."""

    def __init__(self, door: FrontDoor, locations: Mapping[str, str], scope: Scope, operations: Operations) -> None:
        self._door = door
        self._locations = locations
        self._scope = scope
        self._ids = scope.ids
        self._operations = operations

    def add_to(self, routes: Routes) -> None:
        """Add the addresses."""
        routes.add("GET", ORIGINS, self._list_origins)
        routes.add("GET", ORIGINS + "/{origin}", self._get_origin)
        routes.add("PATCH", ORIGINS + "/{origin}", self._patch_origin)
        routes.add("GET", PROFILES, self._list_profiles)
        routes.add("GET", PROFILES + "/{profile}", self._get_profile)
        routes.add("GET", ENDPOINT, self._get_endpoint)
        routes.add("PATCH", ENDPOINT, self._change_endpoint)
        routes.add("PUT", ENDPOINT, self._change_endpoint)

    async def _list_origins(self, _: web.Request, where: Where) -> web.Response:
        self._in_group(where)
        value = [traffic_documents.origin(self._ids, o) for o in self._door.origins.values()]
        return web.json_response({"value": value})

    async def _get_origin(self, _: web.Request, where: Where) -> web.Response:
        return web.json_response(traffic_documents.origin(self._ids, self._origin(where)))

    async def _patch_origin(self, request: web.Request, where: Where) -> web.Response:
        origin = self._origin(where)
        asked = (await patches.read(request, OriginPatch)).properties or OriginProperties()
        enabled = None if asked.enabled_state is None else asked.enabled_state == "Enabled"
        self._door.change(origin.name, enabled=enabled, weight=asked.weight, priority=asked.priority)
        resource = partial(traffic_documents.origin, self._ids, origin)
        if seconds := taken(request):
            work = asyncio.create_task(asyncio.sleep(seconds), name=f"origin {origin.name} spreads")
            return self._operations.of_origin(request, started(work, resource))
        return web.json_response(resource())

    async def _list_profiles(self, _: web.Request, where: Where) -> web.Response:
        self._scope.check(where)
        return web.json_response({"value": [self._profile()]})

    async def _get_profile(self, _: web.Request, where: Where) -> web.Response:
        self._in_profile(where)
        return web.json_response(self._profile())

    async def _get_endpoint(self, _: web.Request, where: Where) -> web.Response:
        return web.json_response(self._endpoint(self._named(where)))

    async def _change_endpoint(self, request: web.Request, where: Where) -> web.Response:
        origin = self._named(where)
        asked = (await patches.read(request, EndpointPatch)).properties or EndpointProperties()
        enabled = None if asked.endpoint_status is None else asked.endpoint_status == "Enabled"
        self._door.change_weighted(origin.name, enabled=enabled, weight=asked.weight)
        return web.json_response(self._endpoint(origin))

    def _profile(self) -> dict[str, Any]:
        return traffic_documents.traffic_profile(self._ids, [self._endpoint(o) for o in self._door.origins.values()])

    def _endpoint(self, origin: Origin) -> dict[str, Any]:
        return traffic_documents.endpoint(self._ids, origin, self._locations.get(origin.name, ""))

    def _in_group(self, where: Where) -> None:
        self._scope.check(where)
        asked = (where["profile"].lower(), where["group"].lower())
        if asked != (self._ids.profile.lower(), self._ids.origin_group.lower()):
            raise ArmError(404, "ResourceNotFound", f"there is no origin group {'/'.join(asked)!r}")

    def _origin(self, where: Where) -> Origin:
        self._in_group(where)
        return self._known("origin", where["origin"])

    def _in_profile(self, where: Where) -> None:
        self._scope.check(where)
        if where["profile"].lower() != self._ids.traffic_profile.lower():
            raise ArmError(404, "ResourceNotFound", f"there is no Traffic Manager profile {where['profile']!r}")

    def _named(self, where: Where) -> Origin:
        self._in_profile(where)
        return self._known("endpoint", where["endpoint"])

    def _known(self, kind: str, name: str) -> Origin:
        if name.lower() not in self._door.origins:
            raise ArmError(404, "ResourceNotFound", f"there is no {kind} {name!r}")
        return self._door.origins[name.lower()]
