"""Azure Container Apps in regions behind Front Door or Traffic Manager: implements `platform.Platform` with the SDK.

The same code speaks to the public Resource Manager and to any other that `arm_url` names.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Collection
from typing import Any

from azure.mgmt.appcontainers.models import ContainerApp, Revision
from azure.mgmt.appcontainers.models import Replica as AzureReplica

from overwatch_mcp.az_commands import AzCommands, native_weight
from overwatch_mcp.azure_continuation import Acceptance, Follower
from overwatch_mcp.azure_edge import Edge, EdgeConfig, refuse_last, traffic_state
from overwatch_mcp.azure_errors import mapped
from overwatch_mcp.azure_metrics import AzureMetrics
from overwatch_mcp.azure_readings import bounds, newest_first, revision_state, service_state, serving_revision
from overwatch_mcp.azure_session import ACCEPT_ONLY, AzureSession, listed
from overwatch_mcp.clock import Clock
from overwatch_mcp.config import AzureTarget
from overwatch_mcp.errors import MissingError, PlatformError
from overwatch_mcp.models import LogLine, MetricSeries, ServiceState, TrafficState
from overwatch_mcp.models import Revision as RevisionRead
from overwatch_mcp.platform import ProbeAnswer, RevisionState
from overwatch_mcp.public_probe import PublicProbe

_RUN = ("containers", "initContainers", "volumes")
"""What a template says of what is run; its scale is the present one's."""


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
        self._session = AzureSession(config)
        self._probe = PublicProbe(config)
        self._follower = Follower(self._session.ask, self._session.url, clock)
        self._serving: dict[str, str] = {}
        self._edge: Edge | None = None
        self._logs: Any = None

    async def warm(self) -> None:
        """Log in and connect: one look at everything."""
        looks = [self.service(region) for region in self._config.regions]
        await asyncio.gather(*looks, *([self.traffic()] if self._config.traffic else []))

    async def close(self) -> None:
        """Let connections go."""
        await self._probe.close()
        await self._session.close()

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
                found = await self._session.apps.container_apps_revisions.get_revision(self._group, app_name, name)
                return revision_state(name, found)
        except MissingError:
            return None

    async def revisions(self, region: str) -> list[RevisionRead]:
        """The revisions of a region's app, the newest first."""
        app_name = self._app(region)
        with mapped(f"reading the revisions of {app_name!r}"):
            listing = self._session.apps.container_apps_revisions.list_revisions(self._group, app_name)
            return newest_first(await listed(listing))

    async def logs(self, region: str, lines: int, revision: str | None) -> list[LogLine]:
        """The last lines of a region's replicas, from Log Analytics."""
        app_name = self._app(region)
        if self._logs is None:
            module = await _imported("azure_logs")
            self._logs = self._logs or module.AzureLogs(self._config, self._session)
        found: list[LogLine] = await self._logs.lines(app_name, lines, revision)
        return found

    async def metrics(self, region: str, minutes: int) -> list[MetricSeries]:
        """The platform's measurements of a region."""
        return await AzureMetrics(self._config, self._session).series(self._app(region), minutes, self._clock.now())

    def native_weight(self, percent: int) -> int:
        """Both edges count from 1 to 1000."""
        return native_weight(percent)

    async def follow(self, continuation: str) -> None:
        """Wait for the end of a long operation. Raises NotDoneError where the platform ended it as failed."""
        await self._follower.follow(continuation)

    async def traffic(self) -> TrafficState:
        """Who is sent where. Raises PlatformError where a door is missing, or one that is not configured takes traffic."""
        edge, config = await self._door()
        return traffic_state(self._target, config, await edge.doors(), self._clock.now())

    async def restart(self, region: str, revision: str, anew: Collection[str] = ()) -> str | None:
        """Start the replicas of a revision anew, all of them; this is no long operation."""
        del anew
        app_name = self._app(region)
        with mapped(f"restarting {revision!r}"):
            await self._session.apps.container_apps_revisions.restart_revision(self._group, app_name, revision, retry_total=0)
        return None

    async def deploy(self, region: str, image: str, suffix: str) -> str | None:
        """Make a revision with another image. A merge patch replaces lists whole, so the containers are read first."""
        app_name = self._app(region)
        what = f"deploying {image!r} to {app_name!r}"
        with mapped(what):
            app = await self._get_app(app_name)
            template = app.template.as_dict(exclude_readonly=True) if app.template else {}
        containers = template.get("containers")
        if not containers:
            raise MissingError(f"{app_name!r} has no container to give an image: it was not made for this")
        first = {**containers[0], "image": image}
        return await self._patch(app_name, {"revisionSuffix": suffix, "containers": [first, *containers[1:]]}, what)

    async def copy(self, region: str, revision: str, suffix: str) -> str | None:
        """Make a revision with what an earlier one ran.

        What that one had not is taken away, where the present one has it: a merge patch would keep it. Secrets belong to the
        app and are only named in a template; where one is gone since, the platform refuses the copy.
        """
        app_name = self._app(region)
        what = f"copying {revision!r} of {app_name!r}"
        with mapped(what):
            apps = self._session.apps
            app, old = await asyncio.gather(
                self._get_app(app_name), apps.container_apps_revisions.get_revision(self._group, app_name, revision)
            )
            present = app.template.as_dict(exclude_readonly=True) if app.template else {}
            template = old.template.as_dict(exclude_readonly=True) if old.template else {}
        if not template.get("containers"):
            raise MissingError(f"{revision!r} has no container to copy: name another revision")
        kept = {key: template.get(key) or [] for key in _RUN if template.get(key) or present.get(key)}
        return await self._patch(app_name, {**kept, "revisionSuffix": suffix}, what)

    async def scale(self, region: str, minimum: int, maximum: int, suffix: str) -> str | None:
        """Make a revision with other bounds."""
        app_name = self._app(region)
        template = {"revisionSuffix": suffix, "scale": {"minReplicas": minimum, "maxReplicas": maximum}}
        return await self._patch(app_name, template, f"scaling {app_name!r} to {minimum}")

    async def set_origin(self, region: str, weight: int) -> str | None:
        """Give a region's door a share in percent; 0 disables it, but never the last one."""
        edge, config = await self._door()
        if not weight:
            refuse_last(region, traffic_state(self._target, config, await edge.doors(), self._clock.now()))
        return await edge.set(region, native_weight(weight))

    async def probe(self) -> ProbeAnswer:
        """Ask once through the public address, on a connection of its own."""
        return await self._probe.ask()

    @property
    def _group(self) -> str:
        return self._config.resource_group

    def _app(self, region: str) -> str:
        return self._config.regions[region].container_app

    async def _door(self) -> tuple[Edge, EdgeConfig]:
        """The edge, made at its first use: each kind has an SDK of its own, and most targets need none or one."""
        traffic = self._config.traffic
        if traffic is None:
            raise PlatformError(f"{self._target!r} has no way to move traffic: set `traffic` in its configuration")
        if self._edge is None:
            if traffic.via == "cli":
                module = await _imported("az_edge")
                made = module.EdgeByCli(self._config, traffic, self._clock)
            else:
                module = await _imported(f"azure_{traffic.kind}")
                made = module.make(self._config, traffic, self._session)
            self._edge = self._edge or made
        return self._edge, traffic

    async def _get_app(self, app_name: str) -> ContainerApp:
        return await self._session.apps.container_apps.get(self._group, app_name)

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
        apps = self._session.apps
        found, replicas = await asyncio.gather(
            apps.container_apps_revisions.get_revision(self._group, app_name, revision),
            apps.container_apps_revision_replicas.list_replicas(self._group, app_name, revision),
        )
        return found, list(replicas.value or [])

    async def _patch(self, app_name: str, template: dict[str, Any], what: str) -> str | None:
        accepted = Acceptance(self._session.url)
        body = ContainerApp({"properties": {"template": template}})
        with mapped(what):
            await self._session.apps.container_apps.begin_update(
                self._group, app_name, body, raw_response_hook=accepted, **ACCEPT_ONLY
            )
        return accepted.continuation


async def _imported(name: str) -> Any:
    return await asyncio.to_thread(importlib.import_module, f"overwatch_mcp.{name}")


def make(target: str, config: AzureTarget, clock: Clock) -> AzurePlatform:
    """The platform of one target, for `platforms`."""
    return AzurePlatform(target, config, clock)
