"""One region: a container app with revisions, and the processes that really run."""

from __future__ import annotations

import asyncio
import itertools
import logging
import signal
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from typing import NoReturn

import aiohttp

from mini_app.local_azure import replicas as processes
from mini_app.local_azure.meter import Meter
from mini_app.local_azure.replicas import Replica, ReplicaPlan
from mini_app.local_azure.revisions import FIRST_IMAGE, Revision, Wanted

IMAGES = {FIRST_IMAGE: "1", "mini-app:2": "2"}
"""The images that exist here, and the version that each runs."""

log = logging.getLogger(__name__)


class BusyError(RuntimeError):
    """Another operation changes this app now."""


class ChangeError(RuntimeError):
    """A change that was accepted, and failed. `code` is Azure's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def failure(app: str, why: str) -> ChangeError:
    """The error of a revision that did not get well."""
    return ChangeError(
        "ContainerAppOperationError", f"Failed to provision revision for container app '{app}'. Error details: {why}"
    )


@dataclass(slots=True)
class Counters:
    """What really happened, for whoever wants to know how often."""

    restarts_total: int = 0
    revisions_created_total: int = 0
    activations_total: int = 0
    scales_total: int = 0
    replicas_started_total: int = 0
    replicas_ended_total: int = 0
    killed_total: int = 0
    requests_total: int = 0


class Region:
    """The container app of one region. One change at a time; a second one meanwhile is a BusyError, as in Azure."""

    def __init__(self, plan: ReplicaPlan, app: str, location: str, replicas: int) -> None:
        self.plan = plan
        self.name = plan.region
        self.app = app
        self.location = location
        self.revisions = {"r1": Revision(f"{app}--r1", "r1", replicas)}
        self.current = "r1"
        self.replicas: list[Replica] = []
        self.running = True
        self.counters = Counters()
        self.meter = Meter()
        self.changing: str | None = None
        self._numbers = itertools.count(1)
        self._turn: Iterator[int] = itertools.count()
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def revision(self) -> Revision:
        """The revision that serves."""
        return self.revisions[self.current]

    def count_request(self) -> None:
        """One request came to this region's ingress."""
        self.counters.requests_total += 1
        self.meter.note("Requests", 1)

    def measure(self) -> None:
        """Take the measurements of now."""
        self.meter.sample(self.replicas)

    async def start(self, session: aiohttp.ClientSession) -> None:
        """Start the first replicas and wait until they answer."""
        self._session = session
        await self._add(self.revision, self.revision.replicas)

    async def stop(self) -> None:
        """End every process."""
        for task in self._tasks:
            task.cancel()
        self.running = False
        await asyncio.gather(*(processes.end(r) for r in self.replicas))
        self.replicas = []

    def next_replica(self) -> Replica | None:
        """Round robin over the replicas, the dead ones included: a naive ingress does not know."""
        routable = [r for r in self.replicas if r.ready and not r.ending]
        return routable[next(self._turn) % len(routable)] if routable else None

    def kill(self, index: int) -> int:
        """Kill one replica at once, without a word; its process id. Raises IndexError where there is none."""
        replica = [r for r in self.replicas if r.alive and not r.ending][index]
        replica.process.send_signal(signal.SIGKILL)
        self.counters.killed_total += 1
        return replica.process.pid

    def must_be_free(self) -> None:
        """Raise BusyError while something changes this app."""
        if self.changing is not None:
            raise BusyError(f"{self.app} is being changed now ({self.changing})")

    def begin(self, what: str) -> None:
        """Claim the app for one change. Raises BusyError."""
        self.must_be_free()
        self.changing = what

    def background(self, what: str, work: Coroutine[None, None, None], linger: float = 0.0) -> asyncio.Task[None]:
        """Run a change that was claimed with `begin`, and let go of it afterwards, `linger` seconds later than need be."""

        async def guarded() -> None:
            try:
                try:
                    await work
                except ChangeError:
                    await asyncio.sleep(linger)
                    raise
                await asyncio.sleep(linger)
            finally:
                self.changing = None

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if not task.cancelled() and (error := task.exception()) is not None:
                log.warning("%s of %s failed: %s", what, self.app, error)

        task = asyncio.create_task(guarded(), name=f"{self.name} {what}")
        self._tasks.add(task)
        task.add_done_callback(ended)
        return task

    async def restart(self) -> None:
        """Replace each replica by a fresh process, one after another; a missing one is started too."""
        self.counters.restarts_total += 1
        for old in sorted(self.replicas, key=lambda r: r.alive):
            fresh = await self._one(self.revision, restart_count=old.restart_count + 1)
            await self._remove(old if fresh.ready else fresh)
        await self._add(self.revision, self.revision.replicas - len(self.replicas))

    async def halt(self) -> None:
        """End every replica until `resume`: the ingress answers 503 meanwhile."""
        self.running = False
        await asyncio.gather(*(self._remove(r) for r in list(self.replicas)))

    async def resume(self) -> None:
        """Start what `halt` ended."""
        self.running = True
        await self._add(self.revision, self.revision.replicas - len(self.replicas))

    async def scale(self, wanted: int) -> None:
        """Run `wanted` replicas of the revision that serves."""
        self.counters.scales_total += 1
        self.revision.replicas = wanted
        for dead in [r for r in self.replicas if not r.alive]:
            await self._remove(dead)
        await self._add(self.revision, wanted - len(self.replicas))
        for surplus in self.replicas[wanted:]:
            await self._remove(surplus)

    async def deploy(self, wanted: Wanted) -> None:
        """Bring up a new revision beside the old one, and change over when it is well; otherwise the old one keeps serving.

        Raises ChangeError where it does not get well.
        """
        new = Revision(
            name=f"{self.app}--{wanted.suffix}",
            suffix=wanted.suffix,
            replicas=wanted.replicas,
            max_replicas=wanted.max_replicas,
            container=wanted.container,
            active=False,
            provisioning="Provisioning",
        )
        self.revisions[wanted.suffix] = new
        self.counters.revisions_created_total += 1
        await self._change_over(new)

    async def activate(self, revision: Revision) -> None:
        """Bring up an older revision, and change over to it. Raises ChangeError as `deploy` does."""
        self.counters.activations_total += 1
        await self._change_over(revision)

    async def _change_over(self, new: Revision) -> None:
        if new.image not in IMAGES:
            self._give_up(new, f"ImagePullBackOff: {new.image!r} does not exist here")
        old = list(self.replicas)
        await self._add(new, new.replicas)
        mine = [r for r in self.replicas if r.revision == new.name]
        if len([r for r in mine if r.ready]) < new.replicas:
            for replica in mine:
                await self._remove(replica)
            self._give_up(new, "its replicas did not become ready")
        self.revision.active = False
        new.provisioning, new.error, new.active = "Provisioned", "", True
        self.current = new.suffix
        for replica in old:
            await self._remove(replica)

    def _give_up(self, revision: Revision, why: str) -> NoReturn:
        revision.provisioning, revision.error = "Failed", why
        raise failure(self.app, why)

    async def _add(self, revision: Revision, count: int) -> None:
        await asyncio.gather(*(self._one(revision) for _ in range(count)))

    async def _one(self, revision: Revision, restart_count: int = 0) -> Replica:
        if self._session is None:
            raise RuntimeError(f"{self.name} was not started")
        name = f"{revision.name}-{next(self._numbers)}"
        replica = await processes.start(self.plan, name, revision.name, IMAGES.get(revision.image, "?"))
        replica.restart_count = restart_count
        self.replicas.append(replica)
        self.counters.replicas_started_total += 1
        await processes.wait_ready(replica, self._session)
        return replica

    async def _remove(self, replica: Replica) -> None:
        await processes.end(replica)
        if replica in self.replicas:
            self.replicas.remove(replica)
        self.counters.replicas_ended_total += 1
