"""The Docker platform over an engine in memory, through the operations, and killed between any two steps."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from docker_support import NETWORK, FakeEngine, Killed, refusal
from urllib3.exceptions import ProtocolError

from overwatch_mcp.config import DockerTarget, ServerConfig
from overwatch_mcp.docker_engine import MOST_PULLS, DockerEngine
from overwatch_mcp.docker_errors import mapped
from overwatch_mcp.docker_platform import DockerPlatform
from overwatch_mcp.errors import ConflictError, DeniedError, LostError, MissingError, NotDoneError, PlatformError, ThrottledError
from overwatch_mcp.operations import Call
from overwatch_mcp.workshop import Workshop

COMPOSE_NUMBER = "com.docker.compose.container-number"


def labels(region: str, project: str = "demo", number: int = 1) -> dict[str, str]:
    return {"overwatch.project": project, "overwatch.region": region, COMPOSE_NUMBER: str(number)}


@pytest.fixture
def engine() -> FakeEngine:
    made = FakeEngine()
    for region in ("east", "west"):
        for number in (1, 2):
            made.run(f"demo_{region}_{number}", "mini-app:1", labels(region, number=number))
    made.run("neighbour", "mini-app:1", {"overwatch.project": "other", "overwatch.region": "west"})
    made.run("stranger", "mini-app:1", {"overwatch.region": "west"})
    made.changes.clear()
    return made


@pytest.fixture
def target() -> DockerTarget:
    regions = {region: {"service": region} for region in ("east", "west")}
    return DockerTarget.model_validate(
        {"platform": "docker", "project": "demo", "regions": regions, "images": ["mini-app:"], "limits": {"max_replicas": 5}}
    )


@pytest.fixture
async def platform(engine, target, stepped):
    made = DockerPlatform("demo", target, stepped, lambda: engine)
    yield made
    await made.close()


class Hands:
    """The operations of one server after the other, over the same journal and the same engine."""

    def __init__(self, engine, target, clock, folder) -> None:
        self.engine, self.target, self.clock, self.folder = engine, target, clock, folder
        self.open: list[Workshop] = []
        self.anew()

    def anew(self) -> None:
        platform = DockerPlatform("demo", self.target, self.clock, lambda: self.engine)
        content = {"journal": str(self.folder / "operations.db"), "targets": {"demo": self.target.model_dump(mode="json")}}
        self.workshop = Workshop(ServerConfig.model_validate(content), self.clock, OnePlatform(platform))
        self.open.append(self.workshop)

    async def run(self, tool, operation_id="op-1", **arguments):
        effect = await self.workshop.effect(tool, "demo", {"region": "west", **arguments}, operation_id)
        return await self.workshop.operations.execute(effect, Call(operation_id))

    async def close(self) -> None:
        for one in self.open:
            await one.close()


class OnePlatform:
    def __init__(self, platform) -> None:
        self.platform = platform

    async def get(self, target):
        return self.platform

    async def warm(self) -> None:
        pass

    async def close(self) -> None:
        await self.platform.close()


@pytest.fixture
async def hands(engine, target, stepped, tmp_path):
    made = Hands(engine, target, stepped, tmp_path)
    yield made
    await made.close()


def alive(engine, region="west", project="demo"):
    """The containers of a region that run."""
    return [
        one
        for one in engine.world.values()
        if one["Config"]["Labels"].get("overwatch.project") == project
        and one["Config"]["Labels"].get("overwatch.region") == region
        and one["State"]["Status"] == "running"
    ]


def aliases(one):
    return set(one["NetworkSettings"]["Networks"][NETWORK]["Aliases"]) - {one["Id"][:12]}


def strangers(engine):
    return {key: json.dumps(one["State"]["StartedAt"]) for key, one in engine.world.items() if "demo" not in one["Name"]}


async def test_containers_without_the_projects_label_are_never_listed_whatever_the_engine_answers(engine, platform):
    engine.containers = lambda **_: [{"Id": key} for key in engine.world]
    state = await platform.service("west")
    assert [replica.name for replica in state.replicas] == ["demo_west_1", "demo_west_2"]


async def test_a_container_without_the_projects_label_is_never_touched(engine):
    door = DockerEngine("demo", lambda: engine)
    other = DockerEngine("other", lambda: engine)
    (member,) = await other.members("west")
    for act in (door.start, door.stop, door.restart, door.remove):
        with pytest.raises(DeniedError, match="does not carry the label"):
            await act(member)
    with pytest.raises(DeniedError):
        await door.rename(member, "mine")
    with pytest.raises(DeniedError):
        await door.detach(member, NETWORK)
    assert not engine.changes


async def test_a_container_that_would_not_carry_the_label_is_not_made(engine):
    with pytest.raises(DeniedError, match="would not carry"):
        await DockerEngine("demo", lambda: engine).create("x", {"Image": "mini-app:1", "Labels": {}})
    assert not engine.changes


async def test_a_region_without_containers_is_missing_and_nothing_is_made_for_it(engine, platform):
    for one in list(engine.world):
        if engine.world[one]["Config"]["Labels"].get("overwatch.region") == "west":
            del engine.world[one]
    for call in (
        platform.service("west"),
        platform.deploy("west", "mini-app:2", "ow-1"),
        platform.scale("west", 2, 2, "ow-1"),
        platform.restart("west", "west--x"),
    ):
        with pytest.raises(MissingError, match=r"overwatch\.project"):
            await call
    assert not engine.changes


async def test_a_deployment_is_like_the_old_but_for_its_image(engine, platform):
    before = engine.named("demo_west_1")
    await platform.deploy("west", "mini-app:2", "ow-1")
    after = alive(engine)
    assert len(after) == 2
    assert {one["Config"]["Image"] for one in after} == {"mini-app:2"}
    for one in after:
        assert one["HostConfig"] == {
            **before["HostConfig"],
            "AutoRemove": False,
            "RestartPolicy": one["HostConfig"]["RestartPolicy"],
        }
        assert one["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
        assert (one["Config"]["User"], one["Config"]["Env"]) == ("10001:10001", ["PATH=/bin", "COLOUR=green"])
        assert aliases(one) == {"west"}
    numbers = [one["Config"]["Labels"][COMPOSE_NUMBER] for one in after]
    assert sorted(numbers) == ["3", "4"]


async def test_what_the_image_says_of_itself_comes_from_the_new_image(engine, platform):
    engine.add_image("mini-app:2", Cmd=["serve", "--new"], Env=["PATH=/new"], Labels={"release": "2"})
    await platform.deploy("west", "mini-app:2", "ow-1")
    for one in alive(engine):
        assert one["Config"]["Cmd"] == ["serve", "--new"]
        assert one["Config"]["Env"] == ["PATH=/new", "COLOUR=green"]
        assert one["Config"]["Labels"]["release"] == "2"


async def test_an_image_that_says_itself_where_it_belongs_is_replaced_like_any_other(engine, platform):
    engine.images["mini-app:1"]["Config"]["Labels"] = labels("west")
    await platform.deploy("west", "mini-app:2", "ow-1")
    assert {one["Config"]["Image"] for one in alive(engine)} == {"mini-app:2"}
    assert (await platform.service("west")).image == "mini-app:2"


@pytest.mark.parametrize("key", ["overwatch.aliases", "overwatch.restart-policy"])
@pytest.mark.parametrize("text", ["[", "[]", "7", "[" * 9_000], ids=["cut", "list", "number", "deep"])
async def test_a_label_of_ours_that_can_not_be_read_is_named_with_its_container(engine, platform, key, text):
    engine.named("demo_west_1")["Config"]["Labels"][key] = text
    with pytest.raises(PlatformError, match=f"demo_west_1.*{key}"):
        await platform.service("west")


async def test_labels_hold_nothing_that_a_terminal_obeys(engine, platform):
    for number in (1, 2):
        engine.named(f"demo_west_{number}")["Config"]["Labels"] |= {
            "overwatch.image": "mini\x1b[31m-app:1",
            "overwatch.revision": "west\u202e--1",
        }
    state = await platform.service("west")
    assert (state.image, state.revision) == ("mini-app:1", "west--1")


@pytest.mark.parametrize(
    "odd",
    [
        {"cpu_stats": {"system_cpu_usage": 2}, "precpu_stats": {"system_cpu_usage": 1}},
        {"cpu_stats": 7},
        {"memory_stats": {"usage": float("nan")}},
        {"memory_stats": {"usage": float("inf")}},
        {"networks": {"eth0": 7}},
        {
            "cpu_stats": {"cpu_usage": {"total_usage": float("inf")}, "system_cpu_usage": 2},
            "precpu_stats": {"cpu_usage": {"total_usage": 0}, "system_cpu_usage": 1},
        },
    ],
)
async def test_measurements_that_make_no_sense_are_a_platform_error(engine, platform, monkeypatch, odd):
    monkeypatch.setattr(engine, "stats", lambda container, *, stream: odd)
    with pytest.raises(LostError, match="can't be read"):
        await platform.metrics("west", 5)


async def test_new_containers_take_no_traffic_before_they_are_well_and_the_old_serve_until_then(engine, platform):
    seen = []

    def look(_):
        seen.append(
            sum("west" in aliases(one) and one["State"].get("Health", {}).get("Status") == "healthy" for one in alive(engine))
        )
        for one in alive(engine):
            if NETWORK in one["NetworkSettings"]["Networks"] and "west" in aliases(one):
                assert one["State"]["Health"]["Status"] == "healthy"

    engine.after = lambda name: look(name) if name != "disconnect" else None
    await platform.deploy("west", "mini-app:2", "ow-1")
    assert min(seen) >= 2


async def test_a_new_container_that_ends_leaves_the_old_serving_and_says_why(engine, platform, hands):
    result = await hands.run("deploy_container", image="mini-app:404")
    assert result.status == "failed"
    assert "status 3" in result.error
    assert "no database" in result.error
    assert {one["Name"] for one in alive(engine)} == {"/demo_west_1", "/demo_west_2"}
    left = [one["Name"] for one in engine.world.values() if "404" in one["Config"]["Image"]]
    assert len(left) == 1
    assert ".failed" in left[0]
    state = await platform.service("west")
    assert (state.image, state.replicas_ready, state.provisioning_state) == ("mini-app:1", 2, "Succeeded")


async def test_a_new_container_that_stays_unhealthy_is_given_up(engine, hands):
    engine.sick.add("mini-app:2")
    result = await hands.run("deploy_container", image="mini-app:2")
    assert (result.status, len(alive(engine))) == ("failed", 2)
    assert "health check failed" in result.error or "status 0" in result.error


async def test_only_one_failed_container_is_kept(engine, hands):
    for number in range(3):
        await hands.run("deploy_container", f"op-{number}", image="mini-app:404")
    assert sum(".failed" in one["Name"] for one in engine.world.values()) == 1


async def test_an_image_that_nobody_has_changes_nothing(engine, hands):
    result = await hands.run("deploy_container", image="mini-app:none")
    assert result.status == "failed"
    assert "nothing was done" in result.summary
    assert not engine.changes


async def test_an_image_is_pulled_where_the_engine_lacks_it(engine, hands):
    engine.pullable.add("mini-app:3")
    assert (await hands.run("deploy_container", image="mini-app:3")).status == "succeeded"


@pytest.mark.parametrize("started", [1, 2])
async def test_a_new_container_that_somebody_removes_meanwhile_leaves_the_old_serving_and_nothing_else(engine, hands, started):
    def vanish(name):
        made = [key for key, one in engine.world.items() if one["Config"]["Image"] == "mini-app:2"]
        if name == "start" and engine.changes["start"] - before == started:
            for key in made[:started]:
                del engine.world[key]

    before = engine.changes["start"]
    engine.after = vanish
    result = await hands.run("deploy_container", image="mini-app:2")
    assert result.status == "failed"
    assert {one["Name"] for one in alive(engine)} == {"/demo_west_1", "/demo_west_2"}
    assert not [one for one in engine.world.values() if one["Config"]["Image"] == "mini-app:2"]
    engine.after = lambda name: None
    assert (await hands.run("deploy_container", "op-again", image="mini-app:2")).status == "succeeded"


@pytest.fixture
def stuck():
    """Something that hangs until the test is over; it notes who waits for it."""
    waiting, go = [], threading.Event()

    def hang(*_, **__):
        waiting.append(threading.current_thread())
        go.wait(30)
        raise refusal(404, "gone")

    hang.waiting = waiting
    yield hang
    go.set()


async def test_a_pull_that_hangs_is_waited_for_once_and_holds_nothing_up(engine, hands, monkeypatch, stuck):
    monkeypatch.setattr("overwatch_mcp.docker_engine.PULL_SECONDS", 0.02)
    monkeypatch.setattr(engine, "pull", stuck)
    for number in range(3):
        result = await hands.run("deploy_container", f"op-{number}", image="mini-app:hangs")
        assert (result.status, "not pulled within" in result.summary) == ("failed", True)
    assert [thread.daemon for thread in stuck.waiting] == [True]
    assert not engine.changes


async def test_so_many_images_are_pulled_at_once_and_no_more(engine, platform, monkeypatch, stuck):
    monkeypatch.setattr("overwatch_mcp.docker_engine.PULL_SECONDS", 0.02)
    monkeypatch.setattr(engine, "pull", stuck)
    for number in range(MOST_PULLS):
        with pytest.raises(MissingError, match="not pulled within"):
            await platform.deploy("west", f"mini-app:h{number}", "ow-1")
    with pytest.raises(NotDoneError, match="being pulled already"):
        await platform.deploy("west", "mini-app:more", "ow-1")
    assert len(stuck.waiting) == MOST_PULLS


async def test_an_engine_that_hangs_keeps_nothing_else_waiting(engine, platform, monkeypatch, stuck):
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    monkeypatch.setattr(engine, "containers", stuck)
    read = asyncio.create_task(platform.service("west"))
    try:
        while not stuck.waiting:
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            assert await asyncio.to_thread(int, "7") == 7
    finally:
        read.cancel()
        await asyncio.wait({read})


async def test_what_a_container_that_served_left_in_its_volumes_is_never_removed(engine, hands):
    await hands.run("deploy_container", image="mini-app:2")
    await hands.run("scale_service", "op-2", replicas=1)
    assert engine.changes["remove"] >= 2
    assert engine.emptied == []
    await hands.run("deploy_container", "op-3", image="mini-app:404")
    await hands.run("deploy_container", "op-4", image="mini-app:404")
    assert engine.emptied
    assert all("demo_west" not in name for name in engine.emptied)


async def test_a_container_that_was_kept_and_is_started_by_hand_counts_again(engine, hands, platform):
    await hands.run("deploy_container", image="mini-app:2")
    kept = next(one for one in engine.world.values() if ".retired" in one["Name"])
    assert (await platform.service("west")).image == "mini-app:2"
    engine.start(kept["Id"])
    assert (await platform.service("west")).image == "mini-app:1"


async def test_only_two_earlier_revisions_are_kept_with_one_stopped_container_each(engine, hands, platform):
    for number in range(4):
        await hands.run("deploy_container", f"op-{number}", image=f"mini-app:{number % 2 + 1}")
    kept = [one for one in engine.world.values() if ".retired" in one["Name"]]
    assert len(kept) == 2
    assert all(one["State"]["Status"] == "exited" and one["HostConfig"]["RestartPolicy"]["Name"] == "no" for one in kept)
    assert len(await platform.revisions("west")) == 3


async def test_a_rollback_runs_the_very_image_of_before_though_its_name_moved_on(engine, hands):
    first = engine.images["mini-app:1"]["Id"]
    await hands.run("deploy_container", image="mini-app:2")
    engine.images["moved"] = engine.images["mini-app:1"]
    engine.add_image("mini-app:1")
    result = await hands.run("rollback_revision", "op-2")
    assert result.status == "succeeded"
    assert {one["Image"] for one in alive(engine)} == {first}
    assert {one["HostConfig"]["RestartPolicy"]["Name"] for one in alive(engine)} == {"unless-stopped"}
    assert len(alive(engine)) == 2


async def test_scaling_up_adds_and_scaling_down_removes(engine, hands, platform):
    up = await hands.run("scale_service", replicas=4)
    assert (up.status, len(alive(engine))) == ("succeeded", 4)
    assert engine.changes["create"] == 2
    assert all(aliases(one) == {"west"} for one in alive(engine))
    assert len({one["Config"]["Labels"][COMPOSE_NUMBER] for one in alive(engine)}) == 4
    down = await hands.run("scale_service", "op-2", replicas=1)
    assert down.status == "succeeded"
    assert [one["Name"] for one in alive(engine)] == ["/demo_west_1"]
    assert await platform.replica_bounds("west") == (1, 1)


async def test_scaling_down_takes_what_is_not_well_first(engine, platform):
    engine.named("demo_west_1")["State"] = {"Status": "exited", "StartedAt": "0001-01-01T00:00:00Z", "ExitCode": 1}
    await platform.scale("west", 1, 1, "ow-1")
    assert [one["Name"] for one in alive(engine)] == ["/demo_west_2"]


async def test_scaling_to_nothing_is_refused_by_the_platform_too(engine, platform):
    with pytest.raises(NotDoneError, match="at least 1"):
        await platform.scale("west", 0, 0, "ow-1")
    assert not engine.changes


async def test_a_restart_keeps_the_others_serving_and_stops_at_the_first_that_does_not_come_up(engine, hands):
    engine.sick.add("mini-app:1")
    result = await hands.run("restart_service")
    assert result.status == "failed"
    assert "others were left alone" in result.error
    assert engine.changes["restart"] == 1


async def test_a_restart_goes_one_by_one(engine, hands):
    unwell = []
    engine.before = lambda name: unwell.append(
        sum(one["State"].get("Health", {}).get("Status") != "healthy" for one in alive(engine)) if name == "restart" else 0
    )
    assert (await hands.run("restart_service")).status == "succeeded"
    assert (engine.changes["restart"], max(unwell)) == (2, 0)


@pytest.mark.parametrize(
    ("host", "word"),
    [
        ({"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}}, "fixed port"),
        ({"NetworkMode": "host"}, "leaves no room"),
    ],
)
async def test_what_can_be_there_only_once_is_not_doubled(engine, platform, host, word):
    for name in ("demo_west_1", "demo_west_2"):
        engine.named(name)["HostConfig"] |= host
    with pytest.raises(NotDoneError, match=word):
        await platform.deploy("west", "mini-app:2", "ow-1")
    assert not engine.changes


async def test_a_name_that_another_container_has_is_said(engine, platform):
    engine.run("demo-west-ow-1-1", "mini-app:1", {})
    with pytest.raises(NotDoneError, match="taken by another container"):
        await platform.deploy("west", "mini-app:2", "ow-1")
    assert len(alive(engine)) == 2


async def test_logs_are_one_harmless_line_each_in_the_order_of_their_time(platform):
    lines = await platform.logs("west", 3, None)
    assert [(line.text, line.stream) for line in lines] == [("it began", "stderr")] * 2
    assert lines[0].at.isoformat() == "2026-11-23T14:02:11.123456+00:00"
    assert await platform.logs("west", 3, "another") == []


async def test_metrics_are_summed_over_the_replicas(platform):
    series = {one.name: (one.unit, one.points[0].value) for one in await platform.metrics("west", 5)}
    assert series["CpuUsage"] == ("cores", 0.4)
    assert series["MemoryWorkingSet"] == ("bytes", 8000)
    assert (series["Replicas"], series["ReplicasReady"]) == (("count", 2), ("count", 2))


TOOLS = {
    "deploy_container": {"image": "mini-app:2"},
    "scale_service": {"replicas": 4},
    "scale_service down": {"replicas": 1},
    "restart_service": {},
    "rollback_revision": {},
}


def effects(engine):
    """What there is in the end, whatever way it came: images of the running, their number, and what else is left."""
    running = sorted((one["Image"], sorted(aliases(one))) for one in alive(engine))
    others = sorted(one["Name"].partition(".")[2].partition("-")[0] for one in engine.world.values() if "." in one["Name"])
    return running, others


@pytest.mark.parametrize("case", TOOLS)
async def test_killed_between_any_two_steps_and_delivered_again_there_is_one_effect(case, target, stepped, tmp_path):
    tool, arguments = case.split()[0], TOOLS[case]
    for step in range(1, 60):
        engine = FakeEngine()
        for number in (1, 2):
            engine.run(f"demo_west_{number}", "mini-app:1", labels("west", number=number))
        engine.run("stranger", "mini-app:1", {"overwatch.region": "west"})
        folder = tmp_path / f"{step}"
        folder.mkdir()
        hands = Hands(engine, target, stepped, folder)
        if tool == "rollback_revision":
            assert (await hands.run("deploy_container", "op-0", image="mini-app:2")).status == "succeeded"
        engine.changes.clear()
        untouched = strangers(engine)
        left = [step]

        def die(_, left=left):
            left[0] -= 1
            if left[0] <= 0:
                raise Killed

        engine.after = die
        with contextlib.suppress(Killed):
            await hands.run(tool, **arguments)
        engine.after = lambda name: None
        killed = left[0] <= 0
        for _ in range(2):
            hands.anew()
            result = await hands.run(tool, **arguments)
            assert (result.status, step) == ("succeeded", step), result
        seen = effects(engine), engine.changes["restart"] if tool == "restart_service" else engine.changes["create"]
        if step == 1:
            wanted = seen
        assert seen == wanted, step
        assert strangers(engine) == untouched
        await hands.close()
        if not killed:
            break
    else:
        pytest.fail("it never ran through")
    assert step > 2


async def test_a_failed_deployment_killed_anywhere_leaves_the_old_serving_and_nothing_running(target, stepped, tmp_path):
    for step in range(1, 60):
        engine = FakeEngine()
        for number in (1, 2):
            engine.run(f"demo_west_{number}", "mini-app:1", labels("west", number=number))
        folder = tmp_path / f"{step}"
        folder.mkdir()
        hands = Hands(engine, target, stepped, folder)
        left = [step]

        def die(_, left=left):
            left[0] -= 1
            if left[0] <= 0:
                raise Killed

        engine.after = die
        with contextlib.suppress(Killed):
            await hands.run("deploy_container", image="mini-app:404")
        engine.after = lambda name: None
        hands.anew()
        result = await hands.run("deploy_container", image="mini-app:404")
        assert (result.status, step) == ("failed", step)
        assert {one["Name"] for one in alive(engine)} == {"/demo_west_1", "/demo_west_2"}
        assert sum("404" in one["Config"]["Image"] for one in engine.world.values()) <= 2
        await hands.close()
        if left[0] > 0:
            break


async def test_lost_answers_are_looked_up_and_the_effect_is_done_once(engine, hands):
    lost = ["create", "start", "connect", "stop", "rename", "remove"]

    def lose(name):
        if lost and name == lost[0]:
            lost.pop(0)
            raise requests.ReadTimeout("read timed out")

    engine.after = lose
    result = await hands.run("deploy_container", image="mini-app:2")
    for number in range(2, 5):
        if result.status == "succeeded":
            break
        result = await hands.run("deploy_container", f"op-{number}", image="mini-app:2")
    assert len(alive(engine)) == 2
    assert {one["Config"]["Image"] for one in alive(engine)} == {"mini-app:2"}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (refusal(404, "No such container"), MissingError),
        (refusal(409, "in progress"), ConflictError),
        (refusal(403, "forbidden"), DeniedError),
        (refusal(400, "bad parameter"), NotDoneError),
        (refusal(429, "slow down"), ThrottledError),
        (refusal(500, "server error"), LostError),
        (requests.ReadTimeout("read timed out"), LostError),
        (requests.ConnectionError("('Connection aborted.', RemoteDisconnected())"), LostError),
        (requests.ConnectionError(ProtocolError("Connection aborted.", FileNotFoundError(2, "No such file"))), NotDoneError),
        (requests.ConnectionError("Connection aborted.", ConnectionRefusedError(111, "refused")), NotDoneError),
        (requests.ConnectionError("Connection aborted.", PermissionError(13, "denied")), DeniedError),
        (KeyError("Id"), LostError),
        (RecursionError("too deep"), LostError),
    ],
)
def test_each_error_of_the_sdk_says_what_is_known_of_the_effect(error, kind):
    with pytest.raises(kind) as caught, mapped("trying"):
        raise error
    assert type(caught.value) is kind
    assert str(caught.value).startswith("trying: ")


async def test_an_engine_that_is_not_there_is_said_at_once_with_its_remedy(target, stepped, tmp_path):
    away = target.model_copy(update={"docker_url": f"unix://{tmp_path}/nothing.sock"})
    platform = DockerPlatform("demo", away, stepped)
    with pytest.raises(NotDoneError, match="docker_url"):
        await asyncio.wait_for(platform.service("west"), 5)
    await platform.close()
