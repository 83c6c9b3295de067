"""Azure Resource Manager, as far as Overwatch uses it: Container Apps and Front Door origins, with long-running operations."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from aiohttp import web
from pydantic import ValidationError

from mini_app.local_azure import documents
from mini_app.local_azure.front_door import FrontDoor
from mini_app.local_azure.patches import AppPatch, OriginPatch, OriginProperties, Part
from mini_app.local_azure.region import BusyError, Region
from mini_app.local_azure.tokens import Tokens

APPS = "/subscriptions/{sub}/resourceGroups/{rg}/providers/Microsoft.App/containerApps"
ORIGINS = "/subscriptions/{sub}/resourceGroups/{rg}/providers/Microsoft.Cdn/profiles/{profile}/originGroups/{group}/origins"
OPERATION = "/subscriptions/{sub}/providers/Microsoft.App/locations/{location}/containerappOperationStatuses/{id}"
RETRY_AFTER = "1"

P = TypeVar("P", bound=Part)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ArmError(Exception):
    """An error in ARM's shape."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Arm:
    """The API over the regions and Front Door of one subscription."""

    def __init__(self, regions: Mapping[str, Region], door: FrontDoor, ids: documents.Ids, tokens: Tokens) -> None:
        self._apps = {region.app: region for region in regions.values()}
        self._door = door
        self._ids = ids
        self._tokens = tokens
        self._operations: dict[str, tuple[asyncio.Task[None] | None, str]] = {}
        self._numbers = itertools.count(1)

    def app(self) -> web.Application:
        """The routes, behind a token, with errors in ARM's shape."""
        app = web.Application(middlewares=[self._guard], client_max_size=1 << 20)
        route = app.router.add_route
        route("GET", APPS, self._list_apps)
        route("GET", APPS + "/{app}", self._get_app)
        route("PATCH", APPS + "/{app}", self._patch_app)
        route("POST", APPS + "/{app}/{verb:start|stop}", self._start_stop)
        route("GET", APPS + "/{app}/revisions", self._list_revisions)
        route("GET", APPS + "/{app}/revisions/{revision}", self._get_revision)
        route("POST", APPS + "/{app}/revisions/{revision}/restart", self._restart)
        route("GET", APPS + "/{app}/revisions/{revision}/replicas", self._list_replicas)
        route("GET", APPS + "/{app}/revisions/{revision}/replicas/{replica}", self._get_replica)
        route("GET", ORIGINS, self._list_origins)
        route("GET", ORIGINS + "/{origin}", self._get_origin)
        route("PATCH", ORIGINS + "/{origin}", self._patch_origin)
        route("GET", OPERATION, self._operation)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not self._tokens.accepts(request):
            return _error(401, "AuthenticationFailed", "the token is missing, or was not issued here")
        try:
            return await handler(request)
        except ArmError as error:
            return _error(error.status, error.code, error.message)
        except BusyError as error:
            return _error(409, "ContainerAppOperationInProgress", str(error))
        except web.HTTPNotFound:
            return _error(404, "ResourceNotFound", f"{request.method} {request.path} is not served here")
        except web.HTTPClientError as error:
            return _error(error.status, error.reason.replace(" ", ""), error.text or error.reason)

    async def _list_apps(self, request: web.Request) -> web.Response:
        self._in_scope(request)
        return web.json_response({"value": [documents.container_app(self._ids, r) for r in self._apps.values()]})

    async def _get_app(self, request: web.Request) -> web.Response:
        return web.json_response(documents.container_app(self._ids, self._region(request)))

    async def _patch_app(self, request: web.Request) -> web.Response:
        region = self._region(request)
        patch = await _patch(request, AppPatch)
        try:
            wanted = documents.wanted(patch, region)
        except ValueError as error:
            raise ArmError(400, "ContainerAppInvalidScaleSpec", str(error)) from None
        self._must_run(region)
        region.begin("update")
        if wanted.suffix in region.revisions and wanted.new_revision:
            region.changing = None
            return self._accepted(request, region, None)
        if wanted.new_revision:
            work = region.deploy(wanted.suffix, wanted.image, wanted.replicas)
        else:
            work = region.scale(wanted.replicas)
        region.max_replicas = wanted.max_replicas
        return self._accepted(request, region, region.background("update", work))

    async def _start_stop(self, request: web.Request) -> web.Response:
        region = self._region(request)
        verb = request.match_info["verb"]
        region.begin(verb)
        work = region.resume() if verb == "start" else region.halt()
        return self._accepted(request, region, region.background(verb, work))

    async def _list_revisions(self, request: web.Request) -> web.Response:
        region = self._region(request)
        value = [documents.revision(self._ids, region, r) for r in region.revisions.values()]
        return web.json_response({"value": value})

    async def _get_revision(self, request: web.Request) -> web.Response:
        region = self._region(request)
        return web.json_response(documents.revision(self._ids, region, self._revision(request, region)))

    async def _restart(self, request: web.Request) -> web.Response:
        region = self._region(request)
        revision = self._revision(request, region)
        if revision is not region.revision:
            raise ArmError(400, "RevisionInactive", f"{revision.name} is not active")
        self._must_run(region)
        region.begin("restart")
        region.background("restart", region.restart())
        return web.json_response("Restarted")

    async def _list_replicas(self, request: web.Request) -> web.Response:
        region = self._region(request)
        revision = self._revision(request, region)
        mine = [r for r in region.replicas if r.revision == revision.name]
        return web.json_response({"value": [documents.replica(self._ids, region, revision, r) for r in mine]})

    async def _get_replica(self, request: web.Request) -> web.Response:
        region = self._region(request)
        revision = self._revision(request, region)
        for replica in region.replicas:
            if replica.name == request.match_info["replica"] and replica.revision == revision.name:
                return web.json_response(documents.replica(self._ids, region, revision, replica))
        raise ArmError(404, "ResourceNotFound", f"there is no replica {request.match_info['replica']!r}")

    async def _list_origins(self, request: web.Request) -> web.Response:
        self._in_group(request)
        return web.json_response({"value": [documents.origin(self._ids, o) for o in self._door.origins.values()]})

    async def _get_origin(self, request: web.Request) -> web.Response:
        return web.json_response(documents.origin(self._ids, self._door.origins[self._origin(request)]))

    async def _patch_origin(self, request: web.Request) -> web.Response:
        name = self._origin(request)
        asked = (await _patch(request, OriginPatch)).properties or OriginProperties()
        enabled = None if asked.enabled_state is None else asked.enabled_state == "Enabled"
        self._door.change(name, enabled=enabled, weight=asked.weight, priority=asked.priority)
        return web.json_response(documents.origin(self._ids, self._door.origins[name]))

    async def _operation(self, request: web.Request) -> web.Response:
        found = self._operations.get(request.match_info["id"])
        if found is None:
            raise ArmError(404, "ResourceNotFound", "there is no such operation")
        task, id_ = found
        done = task is None or task.done()
        failed = done and task is not None and not task.cancelled() and task.exception() is not None
        status = "Failed" if failed else "Succeeded" if done else "InProgress"
        body: dict[str, Any] = {"id": request.path, "name": id_, "status": status}
        if failed:
            body["error"] = {"code": "OperationFailed", "message": "the change failed: see the log"}
        return web.json_response(body, headers={"Retry-After": RETRY_AFTER})

    def _accepted(self, request: web.Request, region: Region, task: asyncio.Task[None] | None) -> web.Response:
        id_ = f"op{next(self._numbers)}"
        self._operations[id_] = (task, id_)
        path = OPERATION.format(sub=self._ids.subscription, location=region.location, id=id_)
        url = f"https://{request.host}{path}?api-version={request.query.get('api-version', '')}"
        headers = {"Azure-AsyncOperation": url, "Retry-After": RETRY_AFTER}
        body = documents.container_app(self._ids, region)
        return web.json_response(body, status=202, headers=headers)

    def _in_scope(self, request: web.Request) -> None:
        if request.match_info["sub"] != self._ids.subscription:
            raise ArmError(404, "SubscriptionNotFound", f"there is no subscription {request.match_info['sub']!r}")
        if request.match_info["rg"].lower() != self._ids.resource_group.lower():
            raise ArmError(404, "ResourceGroupNotFound", f"there is no resource group {request.match_info['rg']!r}")

    def _in_group(self, request: web.Request) -> None:
        self._in_scope(request)
        asked = (request.match_info["profile"], request.match_info["group"])
        if asked != (self._ids.profile, self._ids.origin_group):
            raise ArmError(404, "ResourceNotFound", f"there is no origin group {'/'.join(asked)!r}")

    def _origin(self, request: web.Request) -> str:
        self._in_group(request)
        name = request.match_info["origin"]
        if name not in self._door.origins:
            raise ArmError(404, "ResourceNotFound", f"there is no origin {name!r}")
        return name

    def _region(self, request: web.Request) -> Region:
        self._in_scope(request)
        name = request.match_info["app"]
        if name not in self._apps:
            raise ArmError(404, "ResourceNotFound", f"there is no container app {name!r}")
        return self._apps[name]

    def _must_run(self, region: Region) -> None:
        if not region.running and region.changing is None:
            raise ArmError(400, "ContainerAppNotRunning", f"{region.app} is stopped: start it first")

    def _revision(self, request: web.Request, region: Region) -> Any:
        for revision in region.revisions.values():
            if revision.name == request.match_info["revision"]:
                return revision
        raise ArmError(404, "RevisionNotFound", f"there is no revision {request.match_info['revision']!r}")


async def _patch(request: web.Request, shape: type[P]) -> P:
    try:
        return shape.model_validate_json(await request.read())
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"]) or "the body"
        raise ArmError(400, "InvalidRequestContent", f"{where}: {first['msg']}") from None


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)
