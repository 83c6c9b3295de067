"""Regions as containers of one Docker engine behind HAProxy: implements `platform.Platform`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from random import Random

from overwatch_mcp.clock import Clock
from overwatch_mcp.config import DockerTarget
from overwatch_mcp.docker_commands import DockerCommands
from overwatch_mcp.docker_engine import DockerEngine, EngineApi, connected
from overwatch_mcp.docker_errors import mapped
from overwatch_mcp.docker_readings import log_lines, metric_series, revision_reads, revision_state, service_state, staying
from overwatch_mcp.docker_rollout import Rollout
from overwatch_mcp.errors import MissingError, PlatformError
from overwatch_mcp.haproxy_gate import HAProxyGate
from overwatch_mcp.models import LogLine, MetricSeries, Revision, ServiceState, TrafficState
from overwatch_mcp.platform import ProbeAnswer, RevisionState
from overwatch_mcp.public_probe import PublicProbe

_STREAMS = ("stdout", "stderr")


class DockerPlatform:
    """One target on Docker."""

    drives = False
    """The engine has no controller: a write goes step by step, and one that was broken off has to be issued again."""

    def __init__(
        self,
        target: str,
        config: DockerTarget,
        clock: Clock,
        connect: Callable[[], EngineApi] | None = None,
        chance: Random | None = None,
    ) -> None:
        """Must be made in the loop that uses it. `chance` spreads the starts of containers."""
        self.commands = DockerCommands(target, config)
        self._target = target
        self._config = config
        self._clock = clock
        self._engine = DockerEngine(config.project, connect or (lambda: connected(config.docker_url)))
        self._rollout = Rollout(config.project, self._engine, clock, config.limits, chance or Random())  # noqa: S311 - no secret
        self._gate = None if config.traffic is None else HAProxyGate(target, config.traffic)
        self._probe = PublicProbe(config)

    async def warm(self) -> None:
        """Connect: one look at everything."""
        looks = [self.service(region) for region in self._config.regions]
        await asyncio.gather(*looks, *([self.traffic()] if self._gate else []))

    async def close(self) -> None:
        """Let connections go."""
        await self._probe.close()
        await self._engine.close()

    async def service(self, region: str) -> ServiceState:
        """How a region's containers stand. Raises MissingError where there is none: that is no state, but a wrong label."""
        service = self._service(region)
        members = await self._engine.members(service)
        if not members:
            raise MissingError(
                f"no container carries the labels overwatch.project={self._config.project} and overwatch.region={service}: "
                "start the service, or correct the configuration"
            )
        return service_state((self._target, region, service), members, self._clock.now())

    async def replica_bounds(self, region: str) -> tuple[int, int]:
        """The number of containers that are to serve, twice: nothing scales by load here."""
        count = len(staying(await self._engine.members(self._service(region))))
        return count, count

    async def revision(self, region: str, suffix: str) -> RevisionState | None:
        """What the operation with this suffix has made, or None where there is nothing (yet)."""
        members = await self._engine.members(self._service(region))
        failed = next((one for one in members if one.operation == suffix and one.mark == "failed"), None)
        return revision_state(members, suffix, None if failed is None else await self._rollout.why_failed(failed))

    async def revisions(self, region: str) -> list[Revision]:
        """The revisions of which a container is left, the newest first."""
        return revision_reads(await self._engine.members(self._service(region)))

    async def logs(self, region: str, lines: int, revision: str | None) -> list[LogLine]:
        """The last lines of the region's containers, those that were stopped included."""
        members = [one for one in await self._engine.members(self._service(region)) if revision in {None, one.revision}]
        read = [(one, stream) for one in members for stream in _STREAMS]
        texts = await asyncio.gather(*(self._engine.logs(one, lines, stream) for one, stream in read))
        found = [line for (one, stream), text in zip(read, texts, strict=True) for line in log_lines(one, stream, text)]
        return sorted(found, key=lambda line: str(line.at))[-lines:]

    async def metrics(self, region: str, minutes: int) -> list[MetricSeries]:
        """What the region's containers use now; the engine remembers nothing of the minutes before."""
        del minutes
        members = await self._engine.members(self._service(region))
        measured = await asyncio.gather(*(self._engine.stats(one) for one in staying(members) if one.running))
        with mapped(f"measuring {region!r}"):
            return metric_series(members, measured, self._clock.now())

    async def traffic(self) -> TrafficState:
        """Who is sent where, as HAProxy says."""
        return await self._door().traffic(self._clock.now())

    def native_weight(self, percent: int) -> int:
        """HAProxy's weights go to 256, so that percent are weights."""
        return percent

    async def follow(self, continuation: str) -> None:
        """Nothing goes on behind a write here."""

    async def restart(self, region: str, revision: str, anew: Collection[str] = ()) -> None:
        """Restart the containers of a revision few at a time, each until it is well; `anew` were restarted already."""
        await self._rollout.restart(self._service(region), revision, anew)

    async def deploy(self, region: str, image: str, suffix: str) -> None:
        """Bring up containers of another image, and stop the old ones once the new are well."""
        await self._rollout.deploy(self._service(region), image, suffix)

    async def copy(self, region: str, revision: str, suffix: str) -> None:
        """Bring up containers like those of an earlier revision."""
        await self._rollout.copy(self._service(region), revision, suffix)

    async def scale(self, region: str, minimum: int, maximum: int, suffix: str) -> None:
        """Have `minimum` containers; nothing scales by load here."""
        del maximum
        await self._rollout.scale(self._service(region), minimum, suffix)

    async def set_origin(self, region: str, weight: int) -> None:
        """Give a region's server a share."""
        await self._door().set_server(region, self.native_weight(weight) if weight else 0)

    async def probe(self) -> ProbeAnswer:
        """Ask once through the public address."""
        return await self._probe.ask()

    def _service(self, region: str) -> str:
        return self._config.regions[region].service

    def _door(self) -> HAProxyGate:
        if self._gate is None:
            raise PlatformError(f"{self._target!r} has no way to move traffic: set `traffic` in its configuration")
        return self._gate


def make(target: str, config: DockerTarget, clock: Clock) -> DockerPlatform:
    """The platform of one target, for `platforms`."""
    return DockerPlatform(target, config, clock)
