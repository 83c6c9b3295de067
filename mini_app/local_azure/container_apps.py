"""The Container Apps API over the regions: reads, changes with long-running operations, revisions and replicas."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from functools import partial
from typing import Any

from aiohttp import web

from mini_app.local_azure import documents, patches
from mini_app.local_azure.arm_errors import ArmError
from mini_app.local_azure.arm_faults import taken
from mini_app.local_azure.operations import Operations, started
from mini_app.local_azure.patches import AppPatch
from mini_app.local_azure.region import Region, failure
from mini_app.local_azure.revisions import Revision, Wanted, wanted
from mini_app.local_azure.routes import Routes, Where
from mini_app.local_azure.scope import Scope

APPS = "/subscriptions/{sub}/resourceGroups/{rg}/providers/Microsoft.App/containerApps"
APP = APPS + "/{app}"
REVISION = APP + "/revisions/{revision}"


class ContainerApps:
    """One container app for each region."""

    def __init__(self, regions: Mapping[str, Region], scope: Scope, operations: Operations) -> None:
        self._apps = {region.app: region for region in regions.values()}
        self._scope = scope
        self._ids = scope.ids
        self._operations = operations

    def add_to(self, routes: Routes) -> None:
        """Add the addresses."""
        routes.add("GET", APPS, self._list_apps)
        routes.add("GET", "/subscriptions/{sub}/providers/Microsoft.App/containerApps", self._list_apps)
        routes.add("GET", APP, self._get_app)
        routes.add("PATCH", APP, self._patch_app)
        routes.add("POST", APP + "/start", self._start)
        routes.add("POST", APP + "/stop", self._stop)
        routes.add("GET", APP + "/revisions", self._list_revisions)
        routes.add("GET", REVISION, self._get_revision)
        routes.add("POST", REVISION + "/restart", self._restart)
        routes.add("POST", REVISION + "/activate", self._activate)
        routes.add("POST", REVISION + "/deactivate", self._deactivate)
        routes.add("GET", REVISION + "/replicas", self._list_replicas)
        routes.add("GET", REVISION + "/replicas/{replica}", self._get_replica)

    def region(self, where: Where) -> Region:
        """The region whose container app a path names. Raises ArmError."""
        self._scope.check(where)
        name = where["app"].lower()
        if name not in self._apps:
            raise ArmError(404, "ResourceNotFound", f"there is no container app {where['app']!r}")
        return self._apps[name]

    async def _list_apps(self, _: web.Request, where: Where) -> web.Response:
        self._scope.check(where)
        return web.json_response({"value": [documents.container_app(self._ids, r) for r in self._apps.values()]})

    async def _get_app(self, _: web.Request, where: Where) -> web.Response:
        return web.json_response(documents.container_app(self._ids, self.region(where)))

    async def _patch_app(self, request: web.Request, where: Where) -> web.Response:
        region = self.region(where)
        patch = await patches.read(request, AppPatch)
        try:
            asked = wanted(patch, region.revision, region.revisions)
        except ValueError as error:
            raise ArmError(400, "ContainerAppInvalidScaleSpec", str(error)) from None
        _single(patch, region)
        _must_run(region)
        region.must_be_free()
        if asked.named and (known := region.revisions.get(asked.suffix)) is not None:
            return self._accepted(request, region, "update", _again(region.app, known, asked))
        if asked.new_revision:
            return self._accepted(request, region, "update", region.deploy(asked))
        if not asked.scales:
            return self._accepted(request, region, "update", _nothing())
        region.revision.max_replicas = asked.max_replicas
        return self._accepted(request, region, "update", region.scale(asked.replicas))

    async def _start(self, request: web.Request, where: Where) -> web.Response:
        region = self.region(where)
        region.must_be_free()
        return self._accepted(request, region, "start", region.resume())

    async def _stop(self, request: web.Request, where: Where) -> web.Response:
        region = self.region(where)
        region.must_be_free()
        return self._accepted(request, region, "stop", region.halt())

    async def _list_revisions(self, _: web.Request, where: Where) -> web.Response:
        region = self.region(where)
        value = [documents.revision(self._ids, region, r) for r in region.revisions.values()]
        return web.json_response({"value": value})

    async def _get_revision(self, _: web.Request, where: Where) -> web.Response:
        region = self.region(where)
        return web.json_response(documents.revision(self._ids, region, _revision(region, where)))

    async def _restart(self, _: web.Request, where: Where) -> web.Response:
        region = self.region(where)
        revision = _revision(region, where)
        if revision is not region.revision:
            raise ArmError(400, "RevisionInactive", f"{revision.name} is not active")
        _must_run(region)
        region.begin("restart")
        region.background("restart", region.restart())
        return web.json_response("Restarted")

    async def _activate(self, _: web.Request, where: Where) -> web.Response:
        region = self.region(where)
        revision = _revision(region, where)
        if revision.active:
            return web.json_response("Activated")
        _must_run(region)
        region.begin("activate")
        region.background("activate", region.activate(revision))
        return web.json_response("Activated")

    async def _deactivate(self, _: web.Request, where: Where) -> web.Response:
        region = self.region(where)
        revision = _revision(region, where)
        if revision is region.revision:
            text = f"{revision.name} takes all traffic: activate another revision, or stop the app"
            raise ArmError(400, "RevisionDeactivationNotAllowed", text)
        return web.json_response("Deactivated")

    async def _list_replicas(self, _: web.Request, where: Where) -> web.Response:
        region = self.region(where)
        revision = _revision(region, where)
        mine = [r for r in region.replicas if r.revision == revision.name]
        return web.json_response({"value": [documents.replica(self._ids, region, revision, r) for r in mine]})

    async def _get_replica(self, _: web.Request, where: Where) -> web.Response:
        region = self.region(where)
        revision = _revision(region, where)
        for replica in region.replicas:
            if replica.name == where["replica"].lower() and replica.revision == revision.name:
                return web.json_response(documents.replica(self._ids, region, revision, replica))
        raise ArmError(404, "ResourceNotFound", f"there is no replica {where['replica']!r}")

    def _accepted(self, request: web.Request, region: Region, what: str, work: Coroutine[Any, Any, None]) -> web.Response:
        region.begin(what)
        task = region.background(what, work, linger=taken(request))
        resource = partial(documents.container_app, self._ids, region)
        return self._operations.of_app(request, region.location, started(task, resource))


async def _nothing() -> None:
    """The work of a change that changes nothing."""


async def _again(app: str, known: Revision, asked: Wanted) -> None:
    """The work of a change that names a revision there is: nothing where it was made so, and Azure's failure where it was not."""
    if not known.is_made_as(asked):
        why = f"Invalid value: revision with suffix {known.suffix} already exists"
        raise failure(app, f"Field 'template.revisionsuffix' is invalid with details: '{why}'")
    if known.error:
        raise failure(app, known.error)


def _single(patch: AppPatch, region: Region) -> None:
    """Refuse what only an app with several active revisions can do. Raises ArmError."""
    configuration = patch.properties.configuration if patch.properties else None
    if configuration is None:
        return
    if (configuration.active_revisions_mode or "Single").lower() != "single":
        raise ArmError(400, "ContainerAppInvalidRevisionMode", "one revision at a time is active here: the mode stays Single")
    traffic = configuration.ingress.traffic if configuration.ingress else None
    if traffic is None:
        return
    elsewhere = [t for t in traffic if t.weight and not t.latest_revision and t.revision_name != region.revision.name]
    if sum(t.weight for t in traffic) != 100 or elsewhere:
        text = f"in single revision mode, {region.revision.name} takes 100 percent"
        raise ArmError(400, "ContainerAppInvalidTrafficWeight", text)


def _must_run(region: Region) -> None:
    if not region.running and region.changing is None:
        raise ArmError(400, "ContainerAppNotRunning", f"{region.app} is stopped: start it first")


def _revision(region: Region, where: Where) -> Revision:
    for revision in region.revisions.values():
        if revision.name == where["revision"].lower():
            return revision
    raise ArmError(404, "RevisionNotFound", f"there is no revision {where['revision']!r}")
