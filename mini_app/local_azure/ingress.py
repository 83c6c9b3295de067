"""The ingresses: one for each region, which passes to its replicas, and the global one, which passes to the regions."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

import aiohttp
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from yarl import URL

from mini_app.local_azure.front_door import FrontDoor
from mini_app.local_azure.region import Region

UPSTREAM_SECONDS = 5.0
HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "te", "upgrade", "server", "date"})
OWN = HOP_BY_HOP | {"host", "expect", "content-encoding"}
"""What a request does not carry on: the body was read and unpacked here."""
LARGEST_BODY = 64 * 1024


class Forwarder:
    """Passes a request on and its answer back, without following or retrying anything."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def forward(self, request: web.Request, base: str, body: bytes) -> web.Response:
        """The upstream's answer. Raises aiohttp.ClientError, TimeoutError and OSError."""
        headers = {k: v for k, v in request.headers.items() if k.lower() not in OWN}
        timeout = aiohttp.ClientTimeout(total=UPSTREAM_SECONDS)
        url = URL(f"{base}{request.raw_path}", encoded=True)  # as it came: tidied up, it could be another path
        async with self._session.request(
            request.method, url, headers=headers, data=body, timeout=timeout, allow_redirects=False
        ) as upstream:
            content = await upstream.read()
            kept = {k: v for k, v in upstream.headers.items() if k.lower() not in HOP_BY_HOP}
            return web.Response(status=upstream.status, body=content, headers=kept)


def region_app(region: Region, forwarder: Forwarder) -> web.Application:
    """One region's ingress. A dead replica is not hidden: its share of the requests fails."""

    async def handle(request: web.Request) -> web.Response:
        body = await request.read()
        if request.path.startswith("/admin"):
            return await to_all(request, body)
        region.count_request()
        replica = region.next_replica()
        if replica is None or not region.running:
            return refused(region.name, 503, "no replica is running")
        try:
            return await forwarder.forward(request, replica.url, body)
        except TimeoutError:
            return refused(region.name, 504, "upstream timed out")
        except (aiohttp.ClientError, OSError):
            return refused(region.name, 502, "upstream connect error")

    async def to_all(request: web.Request, body: bytes) -> web.Response:
        answer = refused(region.name, 503, "no replica is running")
        for replica in [r for r in region.replicas if r.serving]:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                answer = await forwarder.forward(request, replica.url, body)
        return answer

    return application(handle)


class Edge:
    """The global ingress, with the measurements of what users get."""

    def __init__(self, door: FrontDoor, urls: dict[str, str], forwarder: Forwarder) -> None:
        self._door = door
        self._urls = urls
        self._forwarder = forwarder
        self._registry = CollectorRegistry()
        self._requests = Counter("edge_requests", "Requests of users", ["region", "code"], registry=self._registry)
        self._seconds = Histogram(
            "edge_request_duration_seconds",
            "Time to answer users",
            ["region"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=self._registry,
        )
        self._weight = Gauge("edge_origin_weight", "Share in percent", ["origin"], registry=self._registry)
        self._healthy = Gauge("edge_origin_healthy", "1 where the probes pass", ["origin"], registry=self._registry)

    def app(self) -> web.Application:
        """The ingress that users use."""
        return application(self._handle)

    def page(self) -> bytes:
        """The measurements as Prometheus text."""
        for name, origin in self._door.origins.items():
            self._weight.labels(name).set(self._door.percent(name))
            self._healthy.labels(name).set(origin.healthy)
        return generate_latest(self._registry)

    async def probe(self, session: aiohttp.ClientSession, interval: float) -> None:
        """Probe the origins' health until cancelled."""
        timeout = aiohttp.ClientTimeout(total=max(1.0, interval))

        async def look(name: str) -> None:
            try:
                async with session.get(f"{self._urls[name]}/health", timeout=timeout) as answer:
                    well = answer.status < 400
            except (aiohttp.ClientError, TimeoutError, OSError):
                well = False
            self._door.origins[name].samples.append(well)

        while True:
            await asyncio.gather(*(look(name) for name in self._door.origins), asyncio.sleep(interval))

    async def _handle(self, request: web.Request) -> web.Response:
        if request.path.startswith("/admin"):
            return refused("edge", 404, "chaos is injected through a region's own address")
        began = time.perf_counter()
        body = await request.read()
        origin = self._door.choose()
        name = origin.name if origin else "none"
        if origin is None:
            answer = refused(name, 503, "no origin is enabled")
        else:
            try:
                answer = await self._forwarder.forward(request, self._urls[name], body)
            except TimeoutError:
                answer = refused(name, 504, "origin timed out")
            except (aiohttp.ClientError, OSError):
                answer = refused(name, 502, "origin connect error")
        self._requests.labels(name, str(answer.status)).inc()
        self._seconds.labels(name).observe(time.perf_counter() - began)
        return answer


def refused(region: str, status: int, text: str) -> web.Response:
    """An answer of the ingress itself."""
    return web.Response(status=status, text=text, headers={"x-region": region})


def application(handle: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.Application:
    """An application that hands everything to one handler."""

    async def checked(request: web.Request) -> web.StreamResponse:
        if not request.raw_path.startswith("/"):
            return web.Response(status=400, text="name a path of this server")
        return await handle(request)

    app = web.Application(client_max_size=LARGEST_BODY)
    app.router.add_route("*", "/{tail:.*}", checked)
    return app
