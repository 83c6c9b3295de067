"""The demo's own control interface: its lease, its end, killed replicas, faults of ARM, and a count of what really happened."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

from aiohttp import web
from aiohttp.typedefs import Middleware
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mini_app.local_azure.arm_faults import ArmFaults
from mini_app.local_azure.fault_routes import add_fault_routes
from mini_app.local_azure.front_door import FrontDoor
from mini_app.local_azure.ingress import Edge
from mini_app.local_azure.region import Region
from mini_app.local_azure.tokens import sent


class Lease:
    """How long the demo goes on without a word from whoever started it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.over = asyncio.Event()
        self.renew()

    def renew(self) -> None:
        """Go on for another while."""
        self._until = asyncio.get_running_loop().time() + self._seconds

    async def watch(self) -> None:
        """Set `over` when nobody renewed in time."""
        loop = asyncio.get_running_loop()
        while (left := self._until - loop.time()) > 0:  # noqa: ASYNC110 - time is what is waited for
            await asyncio.sleep(left)
        self.over.set()


class Kill(BaseModel):
    """Which replica to kill: the how manieth of the living ones of a region."""

    model_config = ConfigDict(extra="forbid", strict=True)

    region: str
    index: Annotated[int, Field(ge=0)] = 0


def control_app(
    regions: Mapping[str, Region], door: FrontDoor, edge: Edge, lease: Lease, token: str, faults: ArmFaults
) -> web.Application:
    """The routes, behind a token but for the measurements."""

    async def ready(_: web.Request) -> web.Response:
        return web.json_response({"ready": True})

    async def renew(_: web.Request) -> web.Response:
        lease.renew()
        return web.json_response({"renewed": True})

    async def stop(_: web.Request) -> web.Response:
        lease.over.set()
        return web.json_response({"stopping": True})

    async def kill(request: web.Request) -> web.Response:
        try:
            wanted = Kill.model_validate_json(await request.read())
            region = regions[wanted.region]
            pid = region.kill(wanted.index)
        except (ValidationError, KeyError):
            known = sorted(regions)
            return web.json_response({"error": f"name one of the regions {known} as `region`, and an `index` from 0"}, status=400)
        except IndexError:
            return web.json_response({"error": f"{region.name} has no such replica"}, status=409)
        return web.json_response({"killed": pid})

    async def state(_: web.Request) -> web.Response:
        return web.json_response(_counted(regions, door))

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=edge.page(), headers={"content-type": "text/plain; version=0.0.4; charset=utf-8"})

    app = web.Application(middlewares=[_guard(token)])
    app.router.add_get("/control/ready", ready)
    app.router.add_post("/control/lease", renew)
    app.router.add_post("/control/stop", stop)
    app.router.add_post("/control/kill-replica", kill)
    app.router.add_get("/control/state", state)
    add_fault_routes(app, faults)
    app.router.add_get("/metrics", metrics)
    return app


def _guard(token: str) -> Middleware:
    """Lets through whoever knows the token, and everybody to the measurements."""

    @web.middleware
    async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
        expected = f"Bearer {token}".encode()
        if request.path != "/metrics" and not hmac.compare_digest(sent(request, "Authorization"), expected):
            return web.json_response({"error": "wrong or missing token"}, status=401)
        answer: web.StreamResponse = await handler(request)
        return answer

    return guard


def _counted(regions: Mapping[str, Region], door: FrontDoor) -> dict[str, Any]:
    """What there is, and how often each thing has really happened."""
    return {
        "regions": {
            name: {
                "revision": region.revision.name,
                "replicas": [
                    {"name": r.name, "pid": r.process.pid, "alive": r.alive, "ready": r.serving} for r in region.replicas
                ],
                "weight_percent": door.percent(name),
                **asdict(region.counters),
            }
            for name, region in regions.items()
        },
        "origins": {
            name: {"enabled": origin.enabled, "weight": origin.weight, "priority": origin.priority}
            for name, origin in door.origins.items()
        },
        "origin_changes_total": door.changes_total,
        "endpoint_changes_total": door.weighted_changes_total,
    }
