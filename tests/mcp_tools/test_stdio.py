"""The server as a process: starting, ending, and keeping stdout for the protocol."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

pytestmark = pytest.mark.processes


@pytest.fixture
def config_file(config, tmp_path):
    """Nobody listens at its arm_url: what needs no platform works all the same."""
    config["targets"]["demo"]["arm_url"] = "https://127.0.0.1:1"
    path = tmp_path / "mcp.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


IDENTITY = {"IDENTITY_ENDPOINT": "http://127.0.0.1:1/msi/token", "IDENTITY_HEADER": "h"}


async def test_what_needs_no_platform_is_served_where_none_is_reached(config_file, tmp_path):
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "overwatch_mcp.azure_mcp_server", "--config", str(config_file)], env=IDENTITY
    )
    with (tmp_path / "log").open("w+", encoding="utf-8") as log:
        async with Client(stdio_client(command, errlog=log)) as client:
            record = await client.call_tool("get_operation", {"operation_id": "op-1"})
            assert record.structured_content["status"] == "absent"
            traffic = await client.call_tool("get_traffic", {"target": "demo"})
            assert traffic.is_error
            assert "can't be reached" in traffic.content[0].text
        log.seek(0)
        assert "Traceback" not in log.read()


@pytest.fixture
def started(config_file, server):
    return server("-m", "overwatch_mcp.azure_mcp_server", "--config", str(config_file), env=IDENTITY)


def test_initialize_is_answered_before_anything_dear_is_imported(started):
    assert started.hello()["serverInfo"]["name"] == "overwatch"
    assert started.cpu_seconds() < 1.5


def test_the_server_ends_when_its_client_is_gone(started):
    started.hello()
    started.process.stdin.close()
    assert started.process.wait(10) == 0


def test_the_server_ends_when_its_client_is_gone_before_it_said_anything(started):
    started.process.stdin.close()
    assert started.process.wait(10) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_server_ends_on_a_signal(started, number):
    started.hello()
    started.process.send_signal(number)
    assert started.process.wait(10) == 0


def test_rubbish_on_stdin_is_answered_and_survived(started):
    started.hello()
    started.process.stdin.write(b'this is no json\n{"jsonrpc": 3}\n\xff\xfe\n')
    answer = started.call("get_operation", {"operation_id": "op-1"})
    assert answer["structuredContent"]["status"] == "absent"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=30, check=False)


def test_an_unknown_key_ends_the_server_with_a_clear_message(config_file):
    config_file.write_text('{"journal": "/tmp/x.db", "targets": {}, "colour": 1}', encoding="utf-8")
    done = run("-m", "overwatch_mcp.azure_mcp_server", "--config", str(config_file))
    assert done.returncode == 2
    assert done.stdout == ""
    assert "'colour' is not a known key" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_config_may_be_named_by_the_environment_and_no_config_is_an_error(config_file, monkeypatch):
    monkeypatch.delenv("OVERWATCH_MCP_CONFIG", raising=False)
    done = run("-m", "overwatch_mcp.azure_mcp_server")
    assert done.returncode == 2
    assert "--config" in done.stderr


TOOLS = {
    "restart_service": ("--region", "east"),
    "scale_service": ("--region", "east", "--replicas", "3"),
    "deploy_container": ("--region", "east", "--image", "mini-app:2"),
    "switch_traffic": ("--weights", "east=0,west=100"),
}


def test_a_tool_by_hand_refuses_what_the_server_refuses(config_file):
    done = run(
        "-m", "overwatch_mcp.switch_traffic", "--config", str(config_file), "--target", "demo", "--weights", "east=0,west=0"
    )
    assert done.returncode == 2
    assert json.loads(done.stdout)["status"] == "refused"


def test_a_tool_by_hand_that_makes_no_sense_says_why(config_file):
    done = run("-m", "overwatch_mcp.restart_service", "--config", str(config_file), "--target", "prod", "--region", "east")
    assert done.returncode == 2
    assert "known: ['demo']" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("tool", TOOLS)
def test_every_write_can_be_run_by_hand(tool):
    done = run("-m", f"overwatch_mcp.{tool}", "--help")
    assert done.returncode == 0
    assert "--dry-run" in done.stdout
    assert TOOLS[tool][0] in done.stdout
