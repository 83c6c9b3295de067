"""The Azure platform with a real world behind it: logins, both edges, logs, measurements, and faults of the Resource Manager."""

from __future__ import annotations

import asyncio
import time
import uuid

import pytest

from overwatch_mcp.azure_platform import AzurePlatform
from overwatch_mcp.clock import SystemClock
from overwatch_mcp.config import AzureTarget
from overwatch_mcp.errors import ConflictError, LostError, NotDoneError, ThrottledError

pytestmark = pytest.mark.processes

VARIABLES = (
    *("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_AUTHORITY_HOST", "AZURE_TENANT_ID", "AZURE_CLIENT_ID"),
    *("AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_FEDERATED_TOKEN_FILE"),
)


@pytest.fixture
async def platform(local_azure, tmp_path, monkeypatch):
    """Makes platforms in front of the local Azure."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in local_azure.identity.items():
        monkeypatch.setenv(name, value)
    facts = local_azure.facts
    made: list[AzurePlatform] = []

    def make(**changes) -> AzurePlatform:
        target = local_azure.config(tmp_path / "operations.db")["targets"]["demo"]
        target |= {"log_workspace": facts["log_workspace"], "logs_url": facts["logs_url"], **changes}
        made.append(AzurePlatform("demo", AzureTarget.model_validate(target), SystemClock()))
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.fixture
def traffic_manager(local_azure):
    return {"kind": "traffic_manager", **local_azure.facts["traffic_manager"]}


@pytest.fixture
def fault(local_azure):
    """Orders a fault of the Resource Manager for the next call that fits."""

    def order(method: str, path: str, kind: str, **more) -> None:
        local_azure._control("POST", "arm-faults", {"method": method, "path": path, "kind": kind, **more})

    yield order
    local_azure._control("DELETE", "arm-faults")


async def until(holds, seconds: float = 40):
    deadline = time.monotonic() + seconds
    while not (value := await holds()):
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.05)
    return value


async def when_free(write):
    """Write as soon as no change before is under way."""

    async def taken():
        try:
            return [await write()]
        except ConflictError:
            return []

    return (await until(taken))[0]


@pytest.fixture
def suffix() -> str:
    return f"ow-{uuid.uuid4().hex[:8]}"


def set_login(local_azure, monkeypatch, tmp_path, kind: str) -> None:
    facts = local_azure.facts
    if kind in {"managed_identity", "default"}:
        return
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER"):
        monkeypatch.delenv(name)
    token_file = tmp_path / "token"
    token_file.write_text(facts["federated_token"], encoding="utf-8")
    values = {
        "AZURE_AUTHORITY_HOST": facts["login_url"],
        "AZURE_TENANT_ID": facts["tenant_id"],
        "AZURE_CLIENT_ID": facts["client_id"],
        **({"AZURE_CLIENT_SECRET": facts["client_secret"]} if kind == "service_principal" else {}),
        **({"AZURE_FEDERATED_TOKEN_FILE": str(token_file)} if kind == "workload_identity" else {}),
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("kind", ["managed_identity", "workload_identity", "service_principal", "default"])
async def test_each_login_reads_the_service_and_its_logs(local_azure, platform, monkeypatch, tmp_path, kind):
    set_login(local_azure, monkeypatch, tmp_path, kind)
    logged_in = platform(credential=kind)
    assert (await logged_in.service("east")).replicas_desired >= 1
    assert await logged_in.logs("east", 1, None)


async def test_the_logs_are_those_of_the_region_and_of_the_revision_that_is_named(platform):
    reader = platform()
    serving = (await reader.service("east")).revision
    lines = await until(lambda: reader.logs("east", 20, serving))
    assert {line.revision for line in lines} == {serving}
    assert [line.at for line in lines] == sorted(line.at for line in lines)
    assert all("region east" in line.text for line in lines if "starts" in line.text)
    assert await reader.logs("east", 20, "demo-east--nothing") == []


async def test_the_measurements_have_the_units_that_they_are_told_in(platform):
    async def measured():
        found = {series.name: series for series in await platform().metrics("east", 5)}
        return found if len(found) == 5 and all(series.points for series in found.values()) else None

    found = await until(measured)
    assert found["Replicas"].points[-1].value >= 1
    assert 1e6 < found["MemoryWorkingSet"].points[-1].value < 1e10
    assert 0 <= found["CpuUsage"].points[-1].value < 64
    assert [found[name].unit for name in ("CpuUsage", "MemoryWorkingSet", "Requests")] == ["cores", "bytes", "count"]


async def test_either_edge_moves_the_same_users_and_never_leaves_nobody(platform, traffic_manager):
    door, manager = platform(), platform(traffic=traffic_manager)

    async def are(weights):
        async def holds():
            return (await door.traffic()).weights == (await manager.traffic()).weights == weights

        await until(holds)

    await manager.set_origin("east", 100)
    await manager.set_origin("west", 0)
    await are({"east": 100, "west": 0})
    with pytest.raises(NotDoneError, match="'east' is the only region"):
        await manager.set_origin("east", 0)
    await manager.set_origin("west", 70)
    await manager.set_origin("east", 30)
    await are({"east": 30, "west": 70})
    await manager.set_origin("east", 0)
    await are({"east": 0, "west": 70 + 30})

    async def answered():
        return (await manager.probe()).region == "west"

    await until(answered)
    await door.set_origin("east", 100)
    await door.set_origin("west", 0)
    await are({"east": 100, "west": 0})


async def test_another_process_follows_a_deployment_to_its_end(platform, suffix):
    deployed = platform()
    image = (await deployed.service("west")).image
    continuation = await when_free(lambda: deployed.deploy("west", image, suffix))
    await platform().follow(continuation)
    state = await deployed.service("west")
    assert (state.revision, state.provisioning_state) == (f"demo-west--{suffix}", "Succeeded")


async def test_a_deployment_that_the_platform_gives_up_is_told_in_its_words(platform, suffix):
    deployed = platform()
    image = (await deployed.service("west")).image
    continuation = await when_free(lambda: deployed.deploy("west", "mini-app:404", suffix))
    with pytest.raises(NotDoneError, match="mini-app:404"):
        await platform().follow(continuation)
    await platform().follow(await when_free(lambda: deployed.deploy("west", image, f"{suffix}r")))


async def test_a_slow_operation_of_front_door_is_accepted_at_once_and_can_be_followed(platform, fault):
    door = platform()
    fault("PATCH", "/origins/east", "slow", seconds=1)
    began = time.monotonic()
    continuation = await door.set_origin("east", 100)
    assert time.monotonic() - began < 1
    await platform().follow(continuation)
    assert time.monotonic() - began >= 1


FAULTS = [
    ("conflict", {}, ConflictError, False),
    ("throttle", {"retry_after": 9}, ThrottledError, False),
    ("error", {}, LostError, False),
    ("error", {"status": 503}, LostError, False),
    ("lose_before", {}, LostError, False),
    ("lose_after", {}, LostError, True),
]
EDGES = {"front_door": "/origins/west", "traffic_manager": "/externalEndpoints/west"}


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("struck", FAULTS, ids=lambda struck: f"{struck[0]} {struck[1]}")
async def test_a_fault_of_the_resource_manager_says_what_is_known_and_is_met_once(
    platform, traffic_manager, fault, local_azure, edge, struck
):
    kind, more, error, happened = struck
    acting = platform(**({"traffic": traffic_manager} if edge == "traffic_manager" else {}))
    await acting.set_origin("east", 100)
    await acting.set_origin("west", 40)
    before = local_azure.state()["origin_changes_total"]
    fault("PATCH", EDGES[edge], kind, times=5, **more)
    with pytest.raises(error) as caught:
        await acting.set_origin("west", 60)
    assert type(caught.value) is error
    assert local_azure._control("GET", "arm-faults")["faults"][0]["struck"] == 1
    assert local_azure.state()["origin_changes_total"] - before == happened
    weight = next(origin.weight for origin in (await acting.traffic()).origins if origin.region == "west")
    assert weight == (600 if happened else 400)
    if error is ThrottledError:
        assert caught.value.retry_after == 9


async def test_a_read_waits_for_a_short_throttle_and_says_so_of_a_long_one(platform, fault):
    reader = platform()
    fault("GET", "/containerApps/demo-east", "throttle", retry_after=1)
    assert (await reader.service("east")).revision
    fault("GET", "/containerApps/demo-east", "throttle", times=5, retry_after=3600)
    with pytest.raises(ThrottledError) as caught:
        await reader.service("east")
    assert caught.value.retry_after == 3600
