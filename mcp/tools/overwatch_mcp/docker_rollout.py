"""The steps of a write on Docker, which has no controller.

Each step is found again in labels, names and networks, so that a repetition after a crash goes on where it was broken off and
never makes anything twice. A change of revision: make the new containers without the names that traffic goes to; wait until
they are well; give them the names; stop the old; keep one of the old, stopped, to go back to. Only what never came up is removed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Mapping, Sequence
from random import Random
from typing import Any

from overwatch_mcp.clock import Clock
from overwatch_mcp.config import Limits
from overwatch_mcp.docker_engine import DockerEngine
from overwatch_mcp.docker_member import Member
from overwatch_mcp.docker_readings import by_revision, exit_words, log_lines, serving_revision, staying
from overwatch_mcp.docker_template import Batch, new_container, next_number, restart_policy
from overwatch_mcp.errors import ConflictError, LostError, MissingError, NotDoneError

LOOK_SECONDS = 0.5
STEADY_SECONDS = 2.0
"""How long a container without a health check has to run to count as well."""
LEAST_SECONDS, MOST_SECONDS = 15.0, 75.0
"""Bounds of the time to become well, whatever the health check says of itself."""
KEPT_REVISIONS = 2
"""Earlier revisions that are kept, one stopped container each."""
KEPT_FAILED = 1
NANOSECONDS = 1e9


class Rollout:
    """Writes to the regions of one project. Every method may be repeated."""

    def __init__(self, project: str, engine: DockerEngine, clock: Clock, limits: Limits, chance: Random) -> None:
        self._project = project
        self._engine = engine
        self._clock = clock
        self._limits = limits
        self._chance = chance

    async def deploy(self, service: str, image: str, suffix: str) -> None:
        """Bring up a revision of `image` beside the one that serves, then take its place."""
        members = await self._members(service)
        like = staying(members) or [one for one in members if one.revision == serving_revision(members)]
        await self._replace(members, suffix, like[0], image, image)

    async def copy(self, service: str, revision: str, suffix: str) -> None:
        """Bring up a revision like an earlier one; the very image, also where its name has moved on to another one."""
        members = await self._members(service)
        earlier = by_revision(members).get(revision)
        if earlier is None:
            raise MissingError(f"no container of {revision!r} is left to copy: name another revision")
        like = earlier[0]
        reference = like.image
        try:
            moved = (await self._engine.image(like.image)).get("Id") != like.image_id
        except MissingError:
            moved = True
        if moved:
            reference = like.image_id
        await self._replace(members, suffix, like, like.image, reference)

    async def scale(self, service: str, wanted: int, suffix: str) -> None:
        """Add containers like those that serve, or remove some: those that are not well first, then the newest."""
        if wanted < 1:
            raise NotDoneError(f"{wanted} replicas would leave {service!r} empty: ask for at least 1")
        members = await self._members(service)
        own = [one for one in members if one.operation == suffix]
        if any(one.mark == "failed" for one in own):
            await self._give_up(own)
            return
        stay = staying(members)
        others = [one for one in stay if one.operation != suffix]
        if wanted > len(stay):
            like = stay[0]
            reference = like.image if await self._is_current(like) else like.image_id
            count = max(wanted - len(others), *(one.index for one in own), 1)
            batch = Batch(self._project, service, suffix, like.revision, like.image, reference, count, restart_policy(like))
            await self._bring_up(batch, members, like)
        elif wanted < len(stay):
            for victim in sorted(stay, key=lambda one: (not one.well, str(one.created_at), one.name), reverse=True)[
                : len(stay) - wanted
            ]:
                await self._engine.rename(victim, f"{victim.base_name}.leaving-{suffix}")
        leaving = [one for one in await self._engine.members(service) if one.mark == "leaving"]
        await asyncio.gather(*(self._engine.remove(one) for one in leaving))

    async def restart(self, service: str, revision: str, anew: Collection[str]) -> None:
        """Restart the containers of a revision, at most `max_unavailable` at a time, those that are not well first.

        However many that allows, one that serves is left where there are several. `anew` names those that were restarted before
        this was broken off; they are only waited for. Stops at the first that does not come up again: the others go on serving.
        """
        members = await self._members(service)
        if revision != serving_revision(members):
            raise MissingError(f"{revision!r} is not what serves {service!r}: that is {serving_revision(members)!r}")
        stay = staying(members)
        left = sorted((one for one in stay if one.name not in anew), key=lambda one: one.well)
        await self._must_be_well([one for one in stay if one.name in anew])
        most = max(1, min(self._limits.max_unavailable, len(stay) - 1))
        started = 0
        for first in range(0, len(left), most):
            batch = left[first : first + most]
            for member in batch:
                await self._stagger(started)
                await self._engine.restart(member)
                started += 1
            await self._must_be_well([await self._engine.again(member) for member in batch])

    async def _must_be_well(self, members: Sequence[Member]) -> None:
        """Wait for restarted containers. Raises NotDoneError at the first that does not come up."""
        problem = await self._wait_well(members) if members else None
        if problem is not None:
            raise NotDoneError(f"{problem[0].name!r} did not come up after its restart, the others were left alone: {problem[1]}")

    async def _stagger(self, started: int) -> None:
        """Let some time pass before the next start: a recovery is itself a load on what the replicas share."""
        if started and self._limits.start_jitter_s:
            await self._clock.sleep(self._chance.uniform(0, self._limits.start_jitter_s))

    async def why_failed(self, member: Member) -> str:
        """How a container that never came up ended, and its last words."""
        words = exit_words(member)
        with contextlib.suppress(NotDoneError, LostError):
            said = [
                line
                for stream in ("stdout", "stderr")
                for line in log_lines(member, stream, await self._engine.logs(member, 3, stream))
            ]
            last = [line.text for line in sorted(said, key=lambda line: str(line.at)) if line.text][-2:]
            if last:
                words = f"{words}; its last words: {' / '.join(last)}"
        return words

    async def _members(self, service: str) -> list[Member]:
        members = await self._engine.members(service)
        if not any(one.serves for one in members):
            raise MissingError(
                f"no container of project {self._project!r} and region {service!r} is there to work with: start the service, "
                "with the labels overwatch.project and overwatch.region"
            )
        return members

    async def _replace(self, members: Sequence[Member], suffix: str, like: Member, image: str, reference: str) -> None:
        own = [one for one in members if one.operation == suffix]
        if any(one.mark == "failed" for one in own):
            await self._give_up(own)
            return
        if own and all(one.mark == "retired" for one in own):
            return
        service = like.service
        count = next((one.wanted for one in own if one.wanted), None) or max(1, len(staying(members)))
        policy = restart_policy((own or [one for one in members if one.serves])[0])
        batch = Batch(self._project, service, suffix, f"{service}--{suffix}", image, reference, count, policy)
        if not await self._bring_up(batch, members, own[0] if own else like):
            return
        for group in by_revision(await self._engine.members(service)).values():
            if group[0].revision != batch.revision:
                await self._retire(group)
        await self._prune(service)

    async def _bring_up(self, batch: Batch, members: Sequence[Member], like: Member) -> bool:
        """Make, start and check the containers of a batch, then let traffic come to them; whether they came up."""
        images = (await self._image_of(like), await self._engine.need_image(batch.reference))
        made = {one.index: one for one in members if one.operation == batch.suffix}
        number = next_number(members)
        for index in range(1, batch.count + 1):
            if index not in made:
                made[index] = await self._make(batch, index, like, images, number)
                number += 1
        fresh = [made[index] for index in sorted(made) if not made[index].in_rotation]
        if not fresh:
            return True
        for started, member in enumerate(fresh):
            await self._stagger(started)
            await self._launch(member)
        try:
            problem = await self._wait_well(fresh)
            if problem is not None:
                await self._engine.stop(problem[0])
                await self._engine.rename(problem[0], _marked(problem[0], "failed"))
        except MissingError:  # somebody else removed it: what is left of its kind would never serve
            await self._give_up([one for one in await self._engine.members(batch.service) if one.operation == batch.suffix])
            raise
        if problem is not None:
            await self._give_up([one for one in await self._engine.members(batch.service) if one.operation == batch.suffix])
            return False
        for member in fresh:
            await self._let_in(await self._engine.again(member))
        return True

    async def _make(
        self, batch: Batch, index: int, like: Member, images: tuple[Mapping[str, Any], Mapping[str, Any]], number: int
    ) -> Member:
        config = new_container(batch, index, like, images, number)
        try:
            return await self._engine.create(batch.name(index), config)
        except ConflictError:
            for one in await self._engine.members(batch.service):  # its answer was lost before
                if one.operation == batch.suffix and one.index == index:
                    return one
            raise NotDoneError(f"the name {batch.name(index)!r} is taken by another container: rename that one") from None

    async def _launch(self, member: Member) -> None:
        """Attach a new container where it belongs, without its names, and start it. One that ran already is left as it is."""
        if member.status != "created":
            return
        for network in sorted(set(member.aliases) - set(member.networks)):
            await self._engine.attach(member, network, frozenset())
        with contextlib.suppress(NotDoneError, LostError):  # why it did not start stands in its state
            await self._engine.start(member)

    async def _let_in(self, member: Member) -> None:
        """Give a container its restart policy and the names that lead to it.

        An endpoint's names can't be changed, so it is attached anew.
        """
        await self._engine.keep_up(member, restart_policy(member))
        for network, names in sorted(member.aliases.items()):
            there = member.networks.get(network)
            if there is not None and names <= there:
                continue
            if there is not None:
                await self._engine.detach(member, network)
            await self._engine.attach(member, network, names)

    async def _wait_well(self, members: Sequence[Member]) -> tuple[Member, str] | None:
        """Wait until all are well; the first that will not be, and why."""
        began = self._clock.monotonic()
        deadline = began + max(_patience(one) for one in members)
        restarts = {one.id: one.restarts for one in members}
        while True:
            now = [await self._engine.again(one) for one in members]
            for one in now:
                gone = one.status in {"exited", "dead", "created"} or one.restarts > restarts[one.id]
                if gone or one.health == "unhealthy":
                    return one, await self.why_failed(one)
            steady = self._clock.monotonic() - began >= STEADY_SECONDS
            if all(one.well and (steady or one.health is not None) for one in now):
                return None
            if self._clock.monotonic() >= deadline:
                late = next((one for one in now if not one.well), now[0])
                return late, await self.why_failed(late)
            await self._clock.sleep(LOOK_SECONDS)

    async def _give_up(self, own: Sequence[Member]) -> None:
        """Remove what an operation made, but for the one that shows why it failed; of those, keep no older ones.

        None of the old were touched yet: that begins when all of the new take traffic, and then nothing is given up any more.
        """
        for one in own:
            if one.mark == "":
                await self._engine.remove(one, volumes=True)
        failed = [one for one in await self._engine.members(own[0].service) if one.mark == "failed"] if own else []
        for one in failed[:-KEPT_FAILED]:
            await self._engine.remove(one, volumes=True)

    async def _retire(self, group: Sequence[Member]) -> None:
        """Stop the containers of a revision, the last of them only when the others are gone; keep that one."""
        leaving = [one for one in group if one.mark in {"", "leaving"}]
        if not leaving:
            return
        kept = next((one for one in leaving if one.mark == ""), leaving[0])
        await asyncio.gather(*(self._engine.remove(one) for one in leaving if one.id != kept.id))
        await self._engine.stop(kept)
        await self._engine.rename(kept, _marked(kept, "retired"))

    async def _prune(self, service: str) -> None:
        retired = [one for one in await self._engine.members(service) if one.mark == "retired"]
        for group in list(by_revision(retired).values())[:-KEPT_REVISIONS]:
            for one in group:
                await self._engine.remove(one)

    async def _is_current(self, member: Member) -> bool:
        """Whether the name of a container's image still means the image that it runs."""
        try:
            return bool((await self._engine.image(member.image)).get("Id") == member.image_id)
        except MissingError:
            return False

    async def _image_of(self, member: Member) -> Mapping[str, Any]:
        try:
            return await self._engine.image(member.image_id)
        except MissingError:
            return {}


def _marked(member: Member, mark: str) -> str:
    """A container's name with a mark; its id keeps it apart from an earlier one of the same name."""
    return f"{member.base_name}.{mark}-{member.id[:8]}"


def _patience(member: Member) -> float:
    """How many seconds a container may take to become well, by its own health check."""
    check = member.raw["Config"].get("Healthcheck") or {}
    tries = int(check.get("Retries") or 3) + 1
    each = (int(check.get("Interval") or 30 * NANOSECONDS) + int(check.get("Timeout") or 30 * NANOSECONDS)) / NANOSECONDS
    start = int(check.get("StartPeriod") or 0) / NANOSECONDS
    return min(MOST_SECONDS, max(LEAST_SECONDS, start + tries * each))
