"""The real server over stdio, the real SDK clients, real replicas: one effect each, counted where it happens."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

pytestmark = pytest.mark.processes

WEST, EAST = {"east": 0, "west": 100}, {"east": 100, "west": 0}


@pytest.fixture
def config_file(local_azure, tmp_path):
    path = tmp_path / "mcp.json"
    path.write_text(json.dumps(local_azure.config(tmp_path / "operations.db")), encoding="utf-8")
    return path


@pytest.fixture
def start(local_azure, server, config_file):
    """Starts a server, ready for calls; `die_at` names the step at which it kills itself."""

    def started(die_at: str | None = None):
        if die_at is None:
            arguments = ("-m", "overwatch_mcp.azure_mcp_server")
        else:
            arguments = (f"{__file__.rpartition('/')[0]}/dying_server.py",)
        env = local_azure.identity | ({"DIE_AT": die_at} if die_at else {})
        made = server(*arguments, "--config", str(config_file), env=env)
        made.hello()
        return made

    return started


@pytest.fixture
def operation_id():
    return f"inc-7>Strategist:0:{uuid.uuid4().hex[:8]}"


def call(server, tool, **arguments):
    answer = server.call(tool, {"target": "demo", **arguments})
    assert not answer.get("isError"), answer
    return answer["structuredContent"]


def counted(local_azure, region, name, before):
    return local_azure.totals()[region][name] - before[region][name]


def all_in_the_east(server, operation_id):
    """Wherever the tests before have left the users."""
    assert call(server, "switch_traffic", weights=EAST, operation_id=f"{operation_id}h")["status"] == "succeeded"


def weights(server):
    return call(server, "get_traffic")["weights"]


async def test_the_sdks_client_reads_and_writes(local_azure, config_file, tmp_path, operation_id):
    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "overwatch_mcp.azure_mcp_server", "--config", str(config_file)],
        env=local_azure.identity,
    )
    before = local_azure.totals()
    with (tmp_path / "log").open("w", encoding="utf-8") as log:
        async with Client(stdio_client(command, errlog=log)) as client:
            state = (await client.call_tool("get_service_state", {"target": "demo", "region": "east"})).structured_content
            assert state["replicas_ready"] == 2
            arguments = {"target": "demo", "region": "east", "operation_id": operation_id}
            done = (await client.call_tool("restart_service", arguments)).structured_content
            assert done["status"] == "succeeded", done
            again = (await client.call_tool("restart_service", arguments)).structured_content
            assert again == done | {"replayed": True}
            other = (await client.call_tool("restart_service", arguments | {"region": "west"})).structured_content
            assert other["status"] == "refused"
    assert counted(local_azure, "east", "restarts", before) == 1
    assert counted(local_azure, "west", "restarts", before) == 0


async def test_a_client_that_times_out_leaves_nothing_half_done(local_azure, config_file, tmp_path, operation_id):
    command = StdioServerParameters(
        command=sys.executable,
        args=["-m", "overwatch_mcp.azure_mcp_server", "--config", str(config_file)],
        env=local_azure.identity,
    )
    before = local_azure.totals()
    arguments = {"target": "demo", "region": "east", "operation_id": operation_id}
    with (tmp_path / "log").open("w", encoding="utf-8") as log:
        async with Client(stdio_client(command, errlog=log)) as client:
            await client.call_tool("get_service_state", {"target": "demo", "region": "east"})
            with pytest.raises(Exception, match=r"(?i)time"):
                await client.call_tool("restart_service", arguments, read_timeout_seconds=0.3)
            record = (await client.call_tool("get_operation", {"operation_id": operation_id})).structured_content
            assert record["status"] == "started"
            done = (await client.call_tool("restart_service", arguments)).structured_content
            assert done["status"] == "succeeded", done
    assert counted(local_azure, "east", "restarts", before) == 1


def test_traffic_is_switched_and_back(local_azure, start, operation_id):
    server = start()
    all_in_the_east(server, operation_id)
    before = local_azure.totals()
    there = call(server, "switch_traffic", weights=WEST, operation_id=operation_id, expected_weights=EAST)
    assert there["status"] == "succeeded", there
    assert weights(server) == WEST
    assert "answered by west 200, west 200, west 200" in there["summary"]
    assert there["command"].startswith("az rest --method patch")
    back = call(server, "switch_traffic", operation_id=f"{operation_id}u", **without_target(there["inverse"]["arguments"]))
    assert back["status"] == "succeeded", back
    assert weights(server) == EAST
    again = call(server, "switch_traffic", weights=WEST, operation_id=operation_id, expected_weights=EAST)
    assert again == there | {"replayed": True}
    assert weights(server) == EAST
    assert counted(local_azure, "west", "traffic", before) == 4


def test_a_dead_replica_is_seen_and_healed_by_a_restart(local_azure, start, operation_id):
    server = start()
    local_azure.kill_replica("east", 0)
    state = poll(lambda: call(server, "get_service_state", region="east"), lambda state: state["replicas_ready"] == 1)
    assert len(state["replicas"]) == 2
    done = call(server, "restart_service", region="east", operation_id=operation_id)
    assert done["status"] == "succeeded", done
    assert call(server, "get_service_state", region="east")["replicas_ready"] == 2


def test_scaling_and_back(local_azure, start, operation_id):
    server = start()
    up = call(server, "scale_service", region="east", replicas=3, operation_id=operation_id, expected_replicas=2)
    assert up["status"] == "succeeded", up
    assert call(server, "get_service_state", region="east")["replicas_ready"] == 3
    down = call(server, "scale_service", operation_id=f"{operation_id}u", **without_target(up["inverse"]["arguments"]))
    assert down["status"] == "succeeded", down
    assert call(server, "get_service_state", region="east")["replicas_ready"] == 2


def test_a_deployment_says_how_it_is_undone(local_azure, start, operation_id):
    server = start()
    image = other_image(server)
    done = call(server, "deploy_container", region="east", image=image, operation_id=operation_id)
    assert done["status"] == "succeeded", done
    assert call(server, "get_service_state", region="east")["image"] == image
    assert done["inverse"]["arguments"]["image"] != image


def test_an_image_that_does_not_exist_fails_and_the_old_one_serves(local_azure, start, operation_id):
    server = start()
    before = call(server, "get_service_state", region="east")
    failed = call(server, "deploy_container", region="east", image="mini-app:404", operation_id=operation_id)
    assert failed["status"] == "failed", failed
    after = call(server, "get_service_state", region="east")
    assert (after["image"], after["replicas_ready"]) == (before["image"], 2)
    undo = call(server, "deploy_container", region="east", image=before["image"], operation_id=f"{operation_id}u")
    assert undo["status"] == "succeeded", undo


def test_zero_replicas_and_bad_weights_do_nothing(local_azure, start, operation_id):
    server = start()
    before = local_azure.totals()
    for bad in ({"east": 0, "west": 0}, {"east": 100}, {"east": 50, "west": 51}):
        assert call(server, "switch_traffic", weights=bad, operation_id=operation_id)["status"] == "refused"
    assert call(server, "scale_service", region="east", replicas=0, operation_id=operation_id)["status"] == "refused"
    assert local_azure.totals() == before


def test_a_stale_epoch_does_nothing(local_azure, start, operation_id):
    server = start()
    state = call(server, "get_service_state", region="east")
    call(server, "scale_service", region="east", replicas=state["replicas_desired"], operation_id=operation_id, epoch=9)
    before = local_azure.totals()
    stale = call(server, "restart_service", region="east", operation_id=f"{operation_id}s", epoch=8)
    assert stale["status"] == "refused"
    assert local_azure.totals() == before


def test_a_server_whose_client_dies_finishes_what_is_under_way_and_ends(local_azure, start, operation_id):
    server = start()
    before = local_azure.totals()
    call(server, "get_service_state", region="west")
    server.send_call("restart_service", {"target": "demo", "region": "west", "operation_id": operation_id})
    poll(lambda: server.call("get_operation", {"operation_id": operation_id}), begun)
    server.process.stdout.close()
    server.process.stdin.close()
    successor = start()
    done = call(successor, "restart_service", region="west", operation_id=operation_id)
    assert done["status"] == "succeeded", done
    assert done["replayed"] is True
    assert server.process.wait(30) == 0
    assert counted(local_azure, "west", "restarts", before) == 1


def by_hand(config_file, tool, *arguments):
    command = [sys.executable, "-m", f"overwatch_mcp.{tool}", "--config", str(config_file), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout), done.stderr


def test_a_tool_by_hand_takes_the_same_way_as_the_server(local_azure, config_file, start, operation_id, monkeypatch):
    for name, value in local_azure.identity.items():
        monkeypatch.setenv(name, value)
    server = start()
    all_in_the_east(server, operation_id)
    call(server, "scale_service", region="east", replicas=2, operation_id=f"{operation_id}s", epoch=7)
    half = ("--target", "demo", "--weights", "east=50,west=50", "--operation-id", operation_id)
    before = local_azure.totals()
    planned, _ = by_hand(config_file, "switch_traffic", *half, "--dry-run")
    assert planned["status"] == "planned"
    assert local_azure.totals() == before
    done, said = by_hand(config_file, "switch_traffic", *half)
    assert server.call("get_operation", {"operation_id": operation_id})["structuredContent"]["epoch"] == 7
    assert done["status"] == "succeeded"
    assert operation_id in said
    again = call(server, "switch_traffic", weights={"east": 50, "west": 50}, operation_id=operation_id, epoch=7)
    assert again == done | {"replayed": True}
    back, _ = by_hand(config_file, "undo_operation", "--undoes", operation_id, "--operation-id", f"{operation_id}u")
    assert (back["status"], back["undoes"]) == ("succeeded", operation_id)
    assert weights(server) == EAST


def test_by_hand_whoever_can_read_the_key_approves_and_the_server_asks_for_proof(
    local_azure, config_file, start, operation_id, monkeypatch
):
    for name, value in local_azure.identity.items():
        monkeypatch.setenv(name, value)
    key = config_file.with_name("approval.key")
    key.write_text("k" * 40, encoding="ascii")
    key.chmod(0o600)
    content = json.loads(config_file.read_text(encoding="utf-8"))
    content["targets"]["demo"]["approval_key_file"] = str(key)
    config_file.write_text(json.dumps(content), encoding="utf-8")
    refused = call(start(), "restart_service", region="east", operation_id=operation_id)
    assert (refused["status"], "demands an approval token" in refused["error"]) == ("refused", True)
    done, _ = by_hand(config_file, "restart_service", "--target", "demo", "--region", "east", "--operation-id", operation_id)
    assert done["status"] == "succeeded"


def test_polling_is_cheap(local_azure, start):
    server = start()
    call(server, "get_service_state", region="east")
    call(server, "get_traffic")
    before = server.cpu_seconds()
    for _ in range(20):
        call(server, "get_service_state", region="east")
        call(server, "get_traffic")
    assert (server.cpu_seconds() - before) / 20 < 0.05


def begun(answer):
    """Whether it is in the journal; one that only waits for its turn is not begun by a server that ends."""
    return answer["structuredContent"]["started_at"] is not None


def poll(look, holds):
    deadline = time.monotonic() + 20
    while True:
        value = look()
        if holds(value):
            return value
        assert time.monotonic() < deadline, value


def other_image(server, region="east"):
    now = call(server, "get_service_state", region=region)["image"]
    return "mini-app:2" if now == "mini-app:1" else "mini-app:1"


def without_target(arguments):
    return {name: value for name, value in arguments.items() if name != "target"}
