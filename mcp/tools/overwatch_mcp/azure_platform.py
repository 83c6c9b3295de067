"""Azure Container Apps in regions behind Front Door: implements `platform.Platform` with the SDK.

The same code speaks to the public Resource Manager and to any other that `arm_url` names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from azure.mgmt.appcontainers.models import ContainerApp, Revision
from azure.mgmt.appcontainers.models import Replica as AzureReplica
from azure.mgmt.cdn.models import AFDOriginUpdateParameters

from overwatch_mcp.az_commands import AzCommands
from overwatch_mcp.azure_errors import mapped
from overwatch_mcp.azure_readings import bounds, revision_read, revision_state, service_state, serving_revision, traffic_state
from overwatch_mcp.azure_session import AzureClients
from overwatch_mcp.clock import Clock
from overwatch_mcp.config import AzureTarget, FrontDoorConfig
from overwatch_mcp.errors import MissingError, PlatformError
from overwatch_mcp.models import LogLine, MetricSeries, ServiceState, TrafficState
from overwatch_mcp.models import Revision as RevisionRead
from overwatch_mcp.platform import ProbeAnswer, RevisionState
from overwatch_mcp.public_probe import PublicProbe

_ACCEPT_ONLY: dict[str, Any] = {"polling": False, "retry_total": 0}
"""A write returns when it was accepted; nothing but the operation itself may send it twice."""


class AzurePlatform:
    """One target on Azure."""

    drives = True
    """Container Apps and Front Door see through what they accepted."""

    def __init__(self, target: str, config: AzureTarget, clock: Clock) -> None:
        """Must be made in the loop that uses it. Raises PlatformError where the configuration can't be used."""
        self.commands = AzCommands(config)
        self._target = target
        self._config = config
        self._clock = clock
        self._clients = AzureClients(config)
        self._probe = PublicProbe(config)
        self._serving: dict[str, str] = {}

    async def warm(self) -> None:
        """Log in and connect: one look at everything."""
        looks = [self.service(region) for region in self._config.regions]
        await asyncio.gather(*looks, *([self.traffic()] if self._config.traffic else []))

    async def close(self) -> None:
        """Let connections go."""
        await self._probe.close()
        await self._clients.close()

    async def service(self, region: str) -> ServiceState:
        """How a region's service stands: the revision that serves, which is the latest one that ever got ready."""
        app_name = self._app(region)
        with mapped(f"reading {app_name!r}"):
            app, revision, replicas = await self._read_service(app_name)
            return service_state((self._target, region, app_name), app, (revision, replicas), self._clock.now())

    async def replica_bounds(self, region: str) -> tuple[int, int]:
        """The lower and upper bound of a region's replicas."""
        app_name = self._app(region)
        with mapped(f"reading {app_name!r}"):
            return bounds(await self._get_app(app_name))

    async def revision(self, region: str, suffix: str) -> RevisionState | None:
        """The revision that a suffix names, or None where there is none (yet)."""
        app_name = self._app(region)
        name = f"{app_name}--{suffix}"
        try:
            with mapped(f"reading {name!r}"):
                found = await self._clients.apps.container_apps_revisions.get_revision(self._group, app_name, name)
                return revision_state(name, found)
        except MissingError:
            return None

    async def revisions(self, region: str) -> list[RevisionRead]:
        """The revisions of a region's app, the newest first."""
        app_name = self._app(region)
        with mapped(f"reading the revisions of {app_name!r}"):
            listing = self._clients.apps.container_apps_revisions.list_revisions(self._group, app_name)
            found = [revision_read(one) async for one in listing]
        epoch = datetime.min.replace(tzinfo=UTC)
        return sorted(found, key=lambda one: one.created_at or epoch, reverse=True)

    async def logs(self, region: str, lines: int, revision: str | None) -> list[LogLine]:
        """The last lines of a region's replicas."""
        del lines, revision
        raise PlatformError(f"{self._target!r} has no logs to read in {region!r}: set `log_workspace` in its configuration")

    async def metrics(self, region: str, minutes: int) -> list[MetricSeries]:
        """The platform's measurements of a region."""
        del minutes
        raise PlatformError(f"the platform measures nothing of {region!r}")

    def native_weight(self, percent: int) -> int:
        """Both edges count from 1 to 1000."""
        return percent * 10

    async def follow(self, continuation: str) -> None:
        """Wait for the end of a long operation."""

    async def traffic(self) -> TrafficState:
        """Who is sent where. Raises PlatformError where an origin is missing, or one that is not configured takes traffic."""
        door = self._door()
        with mapped(f"reading origin group {door.origin_group!r}"):
            listing = self._clients.cdn.afd_origins.list_by_origin_group(self._group, door.profile, door.origin_group)
            return traffic_state(self._target, door, [origin async for origin in listing], self._clock.now())

    async def restart(self, region: str, revision: str, anew: Collection[str] = ()) -> None:
        """Start the replicas of a revision anew, all of them."""
        del anew
        app_name = self._app(region)
        with mapped(f"restarting {revision!r}"):
            await self._clients.apps.container_apps_revisions.restart_revision(self._group, app_name, revision, retry_total=0)

    async def deploy(self, region: str, image: str, suffix: str) -> None:
        """Make a revision with another image. A merge patch replaces lists whole, so the containers are read first."""
        app_name = self._app(region)
        what = f"deploying {image!r} to {app_name!r}"
        with mapped(what):
            app = await self._get_app(app_name)
            containers = [container.as_dict() for container in (app.template.containers if app.template else None) or []]
        if not containers:
            raise MissingError(f"{app_name!r} has no container to give an image: it was not made for this")
        containers[0]["image"] = image
        await self._patch(app_name, {"revisionSuffix": suffix, "containers": containers}, what)

    async def copy(self, region: str, revision: str, suffix: str) -> None:
        """Make a revision with the containers of an earlier one."""
        app_name = self._app(region)
        what = f"copying {revision!r} of {app_name!r}"
        with mapped(what):
            old = await self._clients.apps.container_apps_revisions.get_revision(self._group, app_name, revision)
            template = old.template.as_dict() if old.template else {}
        if not template.get("containers"):
            raise MissingError(f"{revision!r} has no container to copy: name another revision")
        kept = {key: template[key] for key in ("containers", "initContainers", "volumes") if template.get(key)}
        await self._patch(app_name, {**kept, "revisionSuffix": suffix}, what)

    async def scale(self, region: str, minimum: int, maximum: int, suffix: str) -> None:
        """Make a revision with other bounds."""
        app_name = self._app(region)
        template = {"revisionSuffix": suffix, "scale": {"minReplicas": minimum, "maxReplicas": maximum}}
        await self._patch(app_name, template, f"scaling {app_name!r} to {minimum}")

    async def set_origin(self, region: str, weight: int) -> None:
        """Give a region's origin a share in percent. Front Door knows no weight 0: that is a disabled origin."""
        door = self._door()
        properties: dict[str, Any] = {"enabledState": "Disabled"}
        if weight:
            properties = {"enabledState": "Enabled", "weight": self.native_weight(weight), "priority": 1}
        name = door.origins[region]
        with mapped(f"updating origin {name!r}"):
            await self._clients.cdn.afd_origins.begin_update(
                self._group,
                door.profile,
                door.origin_group,
                name,
                AFDOriginUpdateParameters({"properties": properties}),
                **_ACCEPT_ONLY,
            )

    async def probe(self) -> ProbeAnswer:
        """Ask once through the public address, on a connection of its own."""
        return await self._probe.ask()

    @property
    def _group(self) -> str:
        return self._config.resource_group

    def _app(self, region: str) -> str:
        return self._config.regions[region].container_app

    def _door(self) -> FrontDoorConfig:
        if self._config.traffic is None:
            raise PlatformError(f"{self._target!r} has no way to move traffic: set `traffic` in its configuration")
        if not isinstance(self._config.traffic, FrontDoorConfig):
            raise PlatformError(f"{self._config.traffic.kind!r} can't be used: take front_door")
        return self._config.traffic

    async def _get_app(self, app_name: str) -> ContainerApp:
        return await self._clients.apps.container_apps.get(self._group, app_name)

    async def _read_service(self, app_name: str) -> tuple[ContainerApp, Revision | None, list[AzureReplica]]:
        """The revision seldom changes: it is read beside the app, and once more only where the guess was wrong."""
        guess = self._serving.get(app_name)
        if guess is not None:
            app, beside = await asyncio.gather(
                self._get_app(app_name), self._get_revision(app_name, guess), return_exceptions=True
            )
            if isinstance(app, BaseException):
                raise app
            if serving_revision(app) == guess and not isinstance(beside, BaseException):
                return app, *beside
        else:
            app = await self._get_app(app_name)
        serving = serving_revision(app)
        revision, replicas = await self._get_revision(app_name, serving)
        if serving is not None:
            self._serving[app_name] = serving
        return app, revision, replicas

    async def _get_revision(self, app_name: str, revision: str | None) -> tuple[Revision | None, list[AzureReplica]]:
        if revision is None:
            return None, []
        apps = self._clients.apps
        found, replicas = await asyncio.gather(
            apps.container_apps_revisions.get_revision(self._group, app_name, revision),
            apps.container_apps_revision_replicas.list_replicas(self._group, app_name, revision),
        )
        return found, list(replicas.value or [])

    async def _patch(self, app_name: str, template: dict[str, Any], what: str) -> None:
        with mapped(what):
            await self._clients.apps.container_apps.begin_update(
                self._group, app_name, ContainerApp({"properties": {"template": template}}), **_ACCEPT_ONLY
            )


def make(target: str, config: AzureTarget, clock: Clock) -> AzurePlatform:
    """The platform of one target, for `platforms`."""
    return AzurePlatform(target, config, clock)
