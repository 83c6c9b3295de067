"""The same cases over the platform in memory and over the SDK with a real world behind it: the fake may not lie."""

from __future__ import annotations

import asyncio
import time
import uuid

import pytest

from overwatch_mcp.azure_platform import AzurePlatform
from overwatch_mcp.clock import SystemClock
from overwatch_mcp.config import ServerConfig
from overwatch_mcp.errors import ConflictError, MissingError, NotDoneError


class World:
    """A platform, and how long to wait for it."""

    def __init__(self, platform, advance) -> None:
        self.platform = platform
        self.pause = advance

    async def until(self, holds):
        """Look until `holds` of what the platform says; the last word."""
        deadline = time.monotonic() + 40
        while True:
            value = await holds()
            if value:
                return value
            assert time.monotonic() < deadline, "it never came true"
            await self.pause()

    async def write(self, make):
        """Write as soon as the platform is not busy with the change before."""

        async def taken():
            try:
                await make()
            except ConflictError:
                return False
            return True

        await self.until(taken)

    async def ready(self, region: str, replicas: int, image: str | None = None):
        async def holds():
            state = await self.platform.service(region)
            there = state.replicas_ready == len(state.replicas) == replicas and state.running_state != "Processing"
            return state if there and image in {None, state.image} else None

        return await self.until(holds)


@pytest.fixture(params=["memory", pytest.param("local_azure", marks=pytest.mark.processes)])
async def world(request, bench, tmp_path, monkeypatch):
    if request.param == "memory":

        async def advance() -> None:
            bench.clock.advance(0.5)

        yield World(bench.platform, advance)
        return
    local = request.getfixturevalue("local_azure")
    for name, value in local.identity.items():
        monkeypatch.setenv(name, value)
    config = ServerConfig.model_validate(local.config(tmp_path / "operations.db"))
    platform = AzurePlatform("demo", config.target("demo"), SystemClock())

    async def wait() -> None:
        await asyncio.sleep(0.1)

    yield World(platform, wait)
    await platform.close()


@pytest.fixture
def suffix() -> str:
    return f"ow-{uuid.uuid4().hex[:8]}"


async def test_a_service_is_described_in_full(world):
    state = await world.ready("west", 2)
    assert (state.target, state.region, state.container_app) == ("demo", "west", "demo-west")
    assert state.revision.startswith("demo-west--")
    assert state.image.startswith("mini-app:")
    assert state.replicas_desired == state.replicas_ready == 2
    assert (state.health_state, state.provisioning_state) == ("Healthy", "Succeeded")
    assert state.running_state.startswith("Running")
    assert len({replica.name for replica in state.replicas}) == 2
    assert all(replica.ready and replica.created_at.tzinfo is not None for replica in state.replicas)
    assert (await world.platform.replica_bounds("west"))[0] == 2


async def test_a_restart_starts_every_replica_anew_in_the_same_revision(world):
    before = await world.ready("west", 2)
    await world.pause()
    await world.write(lambda: world.platform.restart("west", before.revision))
    born = {replica.name: replica.created_at for replica in before.replicas}

    async def anew():
        state = await world.platform.service("west")
        fresh = all(replica.created_at > max(born.values()) for replica in state.replicas)
        return state if fresh and state.replicas_ready == 2 else None

    assert (await world.until(anew)).revision == before.revision


async def test_restarting_an_unknown_revision_is_missing(world):
    with pytest.raises(MissingError):
        await world.platform.restart("west", "demo-west--nothing")


async def test_a_deployment_makes_the_revision_that_its_suffix_names(world, suffix):
    before = await world.ready("west", 2)
    image = "mini-app:2" if before.image == "mini-app:1" else "mini-app:1"
    assert await world.platform.revision("west", suffix) is None
    await world.write(lambda: world.platform.deploy("west", image, suffix))
    after = await world.ready("west", 2, image)
    assert after.revision == f"demo-west--{suffix}"
    own = await world.platform.revision("west", suffix)
    assert (own.name, own.image, own.broken) == (after.revision, image, False)


async def test_a_suffix_that_exists_is_left_alone_whether_the_platform_refuses_or_ignores_it(world, suffix):
    before = await world.ready("west", 2)
    await world.write(lambda: world.platform.deploy("west", before.image, suffix))

    async def serves():
        return (await world.platform.service("west")).revision == f"demo-west--{suffix}"

    await world.until(serves)
    await world.ready("west", 2)
    other = "mini-app:2" if before.image == "mini-app:1" else "mini-app:1"

    async def again():
        try:
            await world.platform.deploy("west", other, suffix)
        except ConflictError:
            raise
        except NotDoneError:
            return

    await world.write(again)
    assert (await world.platform.revision("west", suffix)).image == before.image
    assert (await world.ready("west", 2)).image == before.image


async def test_an_image_that_does_not_come_up_leaves_the_old_revision_serving(world, suffix):
    before = await world.ready("west", 2)
    await world.write(lambda: world.platform.deploy("west", "mini-app:404", suffix))

    async def broken():
        own = await world.platform.revision("west", suffix)
        return own is not None and (own.broken or (await world.platform.service("west")).provisioning_state == "Failed")

    await world.until(broken)
    after = await world.platform.service("west")
    assert (after.revision, after.image, after.replicas_ready) == (before.revision, before.image, 2)
    assert (await world.platform.revision("west", suffix)).image == "mini-app:404"
    recovery = f"{suffix}x"
    await world.write(lambda: world.platform.deploy("west", before.image, recovery))
    await world.ready("west", 2, before.image)


async def test_a_copy_brings_back_what_an_earlier_revision_ran(world, suffix):
    before = await world.ready("west", 2)
    image = "mini-app:2" if before.image == "mini-app:1" else "mini-app:1"
    await world.write(lambda: world.platform.deploy("west", image, suffix))
    await world.ready("west", 2, image)
    await world.write(lambda: world.platform.copy("west", before.revision, f"{suffix}c"))
    after = await world.ready("west", 2, before.image)
    assert after.revision == f"demo-west--{suffix}c"


async def test_copying_an_unknown_revision_is_missing(world, suffix):
    with pytest.raises(MissingError):
        await world.platform.copy("west", "demo-west--nothing", suffix)


async def test_the_revisions_are_remembered_with_the_newest_first(world, suffix):
    before = await world.ready("west", 2)
    await world.pause()
    image = "mini-app:2" if before.image == "mini-app:1" else "mini-app:1"
    await world.write(lambda: world.platform.deploy("west", image, suffix))
    await world.ready("west", 2, image)
    newest, *older = await world.platform.revisions("west")
    assert (newest.name, newest.image, newest.active, newest.traffic) == (f"demo-west--{suffix}", image, True, 100)
    assert before.revision in [one.name for one in older]
    assert not any(one.traffic for one in older)
    assert all(one.created_at.tzinfo is not None for one in [newest, *older])


async def test_the_measurements_are_whole_series_in_order(world):
    await world.ready("west", 2)

    async def measured():
        return await world.platform.metrics("west", 5)

    for series in await world.until(measured):
        moments = [point.at for point in series.points]
        assert moments == sorted(set(moments))
        assert len(moments) <= 6


async def test_scaling_changes_how_many_replicas_there_are(world, suffix):
    await world.ready("west", 2)
    await world.write(lambda: world.platform.scale("west", 3, 5, suffix))
    state = await world.ready("west", 3)
    assert state.replicas_desired == 3
    assert await world.platform.replica_bounds("west") == (3, 5)
    await world.write(lambda: world.platform.scale("west", 2, 5, f"{suffix}d"))
    assert (await world.ready("west", 2)).replicas_desired == 2


async def test_the_last_region_that_is_enabled_is_never_disabled(world):
    state = await world.platform.traffic()
    enabled = [origin.region for origin in state.origins if origin.enabled]
    for region in enabled[1:]:
        await world.platform.set_origin(region, 0)
    with pytest.raises(NotDoneError):
        await world.platform.set_origin(enabled[0], 0)
    assert sum((await world.platform.traffic()).weights.values()) == 100


async def test_traffic_goes_where_the_origins_say(world):
    async def are(weights):
        async def holds():
            return (await world.platform.traffic()).weights == weights

        await world.until(holds)

    await world.platform.set_origin("east", 100)
    await world.platform.set_origin("west", 0)
    await are({"east": 100, "west": 0})
    await world.platform.set_origin("west", 100)
    await are({"east": 50, "west": 50})
    await world.platform.set_origin("east", 0)
    await are({"east": 0, "west": 100})

    async def answered():
        return (await world.platform.probe()).region == "west"

    await world.until(answered)
    state = await world.platform.traffic()
    assert {(origin.region, origin.enabled) for origin in state.origins} == {("east", False), ("west", True)}
    await world.platform.set_origin("east", 30)
    await world.platform.set_origin("west", 70)
    await are({"east": 30, "west": 70})
    await world.platform.set_origin("east", 100)
    await world.platform.set_origin("west", 0)
    await are({"east": 100, "west": 0})
