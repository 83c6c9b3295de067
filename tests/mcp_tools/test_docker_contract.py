"""The same cases over the engine in memory and over a real one: the fake may not lie."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid

import pytest
from docker_support import HEALTHCHECK, FakeEngine, build, engine_absent

from overwatch_mcp.clock import SystemClock
from overwatch_mcp.config import DockerTarget
from overwatch_mcp.docker_platform import DockerPlatform
from overwatch_mcp.effect import revision_suffix
from overwatch_mcp.errors import MissingError

SLEEP = ["sleep", "3600"]
CRASH = ["sh", "-c", "echo began; echo no database >&2; exit 3"]
PLACE = {
    "nano_cpus": 200_000_000,
    "mem_limit": 32 << 20,
    "read_only": True,
    "cap_drop": ["ALL"],
    "user": "65534:65534",
    "init": True,
}


class RealEngine:
    """A service of two containers, and its neighbours, on a real engine."""

    def __init__(self) -> None:
        import docker

        self.client = docker.from_env(timeout=20)
        self.project = f"ow-test-{uuid.uuid4().hex[:8]}"
        for tag, command in (("1", SLEEP), ("2", SLEEP), ("404", CRASH)):
            build(self.client, f"ow-test-app:{tag}", command)
        self.network = self.client.networks.create(self.project)
        for number in (1, 2):
            self.run(f"{self.project}_west_{number}", {"overwatch.project": self.project, "overwatch.region": "west"})
        self.stranger = self.run(f"{self.project}_stranger", {"overwatch.region": "west"})

    def run(self, name, labels):
        alias = {self.project: self.client.api.create_endpoint_config(aliases=["west"])}
        made = self.client.containers.create(
            "ow-test-app:1",
            name=name,
            labels=labels,
            network=self.project,
            networking_config=alias,
            environment={"COLOUR": "green"},
            restart_policy={"Name": "unless-stopped"},
            **PLACE,
        )
        made.start()
        return made

    def containers(self):
        return self.client.containers.list(all=True, filters={"label": f"overwatch.project={self.project}"})

    def end(self) -> None:
        for one in [*self.containers(), self.stranger]:
            one.remove(force=True, v=True)
        self.network.remove()
        self.client.close()


class World:
    """A platform over an engine; `stranger` says how a container stands that is none of its business."""

    def __init__(self, platform, stranger) -> None:
        self.platform, self.stranger = platform, stranger


def target(project: str) -> DockerTarget:
    content = {"platform": "docker", "project": project, "regions": {"west": {"service": "west"}}}
    return DockerTarget.model_validate(content)


@pytest.fixture(scope="module")
def real_engine():
    if reason := engine_absent():
        pytest.skip(reason)
    made = RealEngine()
    yield made
    made.end()


@pytest.fixture(params=["memory", pytest.param("real", marks=[pytest.mark.processes, pytest.mark.xdist_group("docker")])])
async def world(request, stepped):
    if request.param == "memory":
        engine = FakeEngine()
        for tag in ("1", "2", "404"):
            engine.add_image(f"ow-test-app:{tag}", Healthcheck=HEALTHCHECK)
        engine.crashing.add("ow-test-app:404")
        for number in (1, 2):
            engine.run(f"demo_west_{number}", "ow-test-app:1", {"overwatch.project": "demo", "overwatch.region": "west"})
        stranger = engine.run("stranger", "ow-test-app:1", {"overwatch.region": "west"})
        platform = DockerPlatform("demo", target("demo"), stepped, lambda: engine)
        yield World(platform, lambda: engine.inspect_container(stranger))
    else:
        real = request.getfixturevalue("real_engine")
        platform = DockerPlatform("demo", target(real.project), SystemClock())
        yield World(platform, lambda: real.client.api.inspect_container(real.stranger.id))
    await platform.close()


def facts(inspected):
    state = inspected["State"]
    return (
        inspected["Name"],
        inspected["RestartCount"],
        state["StartedAt"],
        state["Status"],
        inspected["NetworkSettings"]["Networks"],
    )


def likeness(inspected):
    """What of a container must be as in the one that it takes the place of."""
    host = {key: value for key, value in inspected["HostConfig"].items() if value not in (None, [], {}, "")}
    networks = {
        name: sorted(set(one["Aliases"]) - {inspected["Id"][:12]})
        for name, one in inspected["NetworkSettings"]["Networks"].items()
    }
    config = inspected["Config"]
    return {key: host[key] for key in sorted(set(host) - {"AutoRemove"})}, sorted(config["Env"]), config.get("User"), networks


async def until_ready(world, replicas):
    for _ in range(200):
        state = await world.platform.service("west")
        if state.replicas_ready == len(state.replicas) == replicas:
            return state
        await world.platform._clock.sleep(0.1)
    raise AssertionError(f"never {replicas} ready: {state}")


async def test_a_service_goes_through_its_whole_life_and_its_neighbour_notices_nothing(world):
    platform, stranger = world.platform, facts(world.stranger())
    first = await until_ready(world, 2)
    assert (first.image, first.replicas_desired, first.health_state) == ("ow-test-app:1", 2, "Healthy")
    like = likeness(await raw(world, 0))

    await platform.deploy("west", "ow-test-app:2", "ow-a")
    second = await until_ready(world, 2)
    assert (second.revision, second.image) == ("west--ow-a", "ow-test-app:2")
    assert likeness(await raw(world, 0)) == like
    assert (await platform.revision("west", "ow-a")).provisioning_state == "Provisioned"
    await platform.deploy("west", "ow-test-app:2", "ow-a")
    assert (await until_ready(world, 2)).replicas == second.replicas

    await platform.deploy("west", "ow-test-app:404", "ow-b")
    broken = await platform.revision("west", "ow-b")
    assert broken.broken
    assert "status 3" in broken.error
    assert "no database" in broken.error
    assert (await platform.service("west")).replicas == second.replicas

    await platform.scale("west", 3, 3, "ow-c")
    assert (await until_ready(world, 3)).replicas_desired == 3
    assert likeness(await raw(world, 2)) == like
    await platform.scale("west", 2, 2, "ow-d")
    assert await platform.replica_bounds("west") == (2, 2)

    before = await until_ready(world, 2)
    await platform.restart("west", before.revision)
    after = await until_ready(world, 2)
    born = {one.name: one.created_at for one in before.replicas}
    assert all(one.created_at > born[one.name] for one in after.replicas)
    with pytest.raises(MissingError):
        await platform.restart("west", "west--nothing")

    await platform.copy("west", first.revision, "ow-e")
    back = await until_ready(world, 2)
    assert (back.revision, back.image) == ("west--ow-e", "ow-test-app:1")
    assert likeness(await raw(world, 0)) == like
    assert [one.name for one in await platform.revisions("west") if one.active] == [back.revision]

    lines = await platform.logs("west", 20, "west--ow-b")
    assert any(line.text in {"no database", "it began"} for line in lines)
    assert {one.name for one in await platform.metrics("west", 1)} >= {"CpuUsage", "MemoryWorkingSet"}
    assert facts(world.stranger()) == stranger


async def raw(world, index):
    members = await world.platform._engine.members("west")
    return [one for one in members if one.stays][index].raw


async def test_an_image_that_nobody_has_is_missing(world):
    with pytest.raises(MissingError):
        await world.platform.deploy("west", "127.0.0.1:9/ow-test-nothing:1", "ow-z")
    assert await world.platform.revision("west", "ow-z") is None


@pytest.mark.processes
@pytest.mark.xdist_group("docker")
def test_a_deployment_whose_process_is_killed_is_finished_by_the_next_with_one_set_of_containers(real_engine, tmp_path):
    regions = {"west": {"service": "west"}}
    shop = {"platform": "docker", "project": real_engine.project, "regions": regions, "images": ["ow-test-app:"]}
    config = tmp_path / "mcp.json"
    config.write_text(json.dumps({"journal": str(tmp_path / "operations.db"), "targets": {"shop": shop}}))
    words = ("--target", "shop", "--region", "west", "--image", "ow-test-app:2", "--operation-id", "op-killed")
    program = [sys.executable, "-m", "overwatch_mcp.deploy_container", "--config", str(config), *words]
    suffix = revision_suffix("op-killed")

    def made():
        return [one for one in real_engine.containers() if one.labels.get("overwatch.operation") == suffix]

    first = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while not made():
            assert first.poll() is None, "it ended before it made anything"
            assert time.monotonic() < deadline
    finally:
        first.kill()
        first.wait()
    begun = {one.id for one in made()}
    again = subprocess.run(program, capture_output=True, text=True, timeout=90)
    assert again.returncode == 0, again.stdout + again.stderr
    running = [one for one in real_engine.containers() if one.status == "running"]
    assert {one.id for one in running} == {one.id for one in made()} >= begun
    assert len(running) == 2
