"""The one subscription and resource group, with what a client asks about them before it does anything."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from mini_app.local_azure.arm_errors import ArmError
from mini_app.local_azure.documents import Ids
from mini_app.local_azure.routes import Routes, Where

PROVIDERS = ("Microsoft.App", "Microsoft.Cdn", "Microsoft.Network", "Microsoft.Insights", "Microsoft.OperationalInsights")
_TYPES = {
    "Microsoft.App": ("containerApps", "managedEnvironments"),
    "Microsoft.Cdn": ("profiles",),
    "Microsoft.Network": ("trafficManagerProfiles",),
}
GROUP = "/subscriptions/{sub}/resourceGroups/{rg}"


class Scope:
    """Says what belongs to the subscription, and refuses what does not."""

    def __init__(self, ids: Ids, tenant: str, locations: tuple[str, ...]) -> None:
        self.ids = ids
        self._tenant = tenant
        self._locations = locations

    def add_to(self, routes: Routes) -> None:
        """Add the addresses."""
        routes.add("GET", "/subscriptions", self._subscriptions)
        routes.add("GET", "/subscriptions/{sub}", self._subscription)
        routes.add("GET", "/tenants", self._tenants)
        routes.add("GET", "/subscriptions/{sub}/providers", self._providers)
        routes.add("GET", "/subscriptions/{sub}/providers/{namespace}", self._provider)
        routes.add("POST", "/subscriptions/{sub}/providers/{namespace}/register", self._provider)
        routes.add("GET", "/subscriptions/{sub}/resourceGroups", self._groups)
        routes.add("GET", GROUP, self._group)

    def check(self, where: Where) -> None:
        """Raise ArmError where a path names another subscription or resource group."""
        if where["sub"].lower() != self.ids.subscription.lower():
            raise ArmError(404, "SubscriptionNotFound", f"there is no subscription {where['sub']!r}")
        if "rg" in where and where["rg"].lower() != self.ids.resource_group.lower():
            raise ArmError(404, "ResourceGroupNotFound", f"there is no resource group {where['rg']!r}")

    async def _subscriptions(self, _: web.Request, __: Where) -> web.Response:
        return web.json_response({"value": [self._described()], "count": {"type": "Total", "value": 1}})

    async def _subscription(self, _: web.Request, where: Where) -> web.Response:
        self.check(where)
        return web.json_response(self._described())

    async def _tenants(self, _: web.Request, __: Where) -> web.Response:
        one = {"id": f"/tenants/{self._tenant}", "tenantId": self._tenant, "displayName": "Local", "tenantType": "AAD"}
        return web.json_response({"value": [one]})

    async def _providers(self, _: web.Request, where: Where) -> web.Response:
        self.check(where)
        return web.json_response({"value": [self._registered(name) for name in PROVIDERS]})

    async def _provider(self, _: web.Request, where: Where) -> web.Response:
        self.check(where)
        for name in PROVIDERS:
            if name.lower() == where["namespace"].lower():
                return web.json_response(self._registered(name))
        raise ArmError(404, "InvalidResourceNamespace", f"the resource namespace {where['namespace']!r} is invalid")

    async def _groups(self, _: web.Request, where: Where) -> web.Response:
        self.check(where)
        return web.json_response({"value": [self._described_group()]})

    async def _group(self, _: web.Request, where: Where) -> web.Response:
        self.check(where)
        return web.json_response(self._described_group())

    def _described(self) -> dict[str, Any]:
        return {
            "id": f"/subscriptions/{self.ids.subscription}",
            "subscriptionId": self.ids.subscription,
            "tenantId": self._tenant,
            "displayName": "Local Azure",
            "state": "Enabled",
            "authorizationSource": "RoleBased",
        }

    def _described_group(self) -> dict[str, Any]:
        return {
            "id": self.ids.group,
            "name": self.ids.resource_group,
            "type": "Microsoft.Resources/resourceGroups",
            "location": self._locations[0],
            "tags": {},
            "properties": {"provisioningState": "Succeeded"},
        }

    def _registered(self, name: str) -> dict[str, Any]:
        types = [{"resourceType": one, "locations": list(self._locations)} for one in _TYPES.get(name, ())]
        return {
            "id": f"/subscriptions/{self.ids.subscription}/providers/{name}",
            "namespace": name,
            "registrationState": "Registered",
            "registrationPolicy": "RegistrationRequired",
            "resourceTypes": types,
        }
