"""Other people's clients: the official conformance suite and the MCP inspector. Run by OVERWATCH_NODE=1."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path

import pytest
from http_door import TOKEN, http_door
from node_tools import NodeTools
from token_proxy import TokenProxy

from overwatch_mcp.config import CONFIG_VARIABLE
from overwatch_mcp.http_limits import HttpLimits

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not os.environ.get("OVERWATCH_NODE"), reason="OVERWATCH_NODE=1 runs it; it downloads Node programs once"),
    pytest.mark.timeout(600),
]

NEWEST, BEFORE = "2026-07-28", "2025-11-25"
SCENARIOS = [
    ("server-initialize", BEFORE),
    ("server-session-lifecycle", BEFORE),
    ("ping", BEFORE),
    ("tools-list", BEFORE),
    ("tools-list", NEWEST),
    ("resources-list", BEFORE),
    ("resources-list", NEWEST),
    ("prompts-list", BEFORE),
    ("prompts-list", NEWEST),
    ("server-sse-multiple-streams", BEFORE),
    ("server-sse-multiple-streams", NEWEST),
    ("dns-rebinding-protection", BEFORE),
    ("dns-rebinding-protection", NEWEST),
    ("caching", NEWEST),
    ("http-header-validation", NEWEST),
    ("sep-2164-resource-not-found", NEWEST),
    ("server-stateless", NEWEST),
]
NEED_A_FIXTURE_TOOL = {
    "server-stateless": {
        "sep-2575-server-rejects-undeclared-capability",
        "sep-2575-missing-capability-http-400",
    }
}
"""Checks that call a tool `test_missing_capability`, which a server that runs in production does not have."""


@pytest.fixture(scope="session")
def node() -> NodeTools:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    tools = NodeTools(cache / "overwatch-node")
    tools.install()
    return tools


@contextlib.asynccontextmanager
async def reached_without_a_token(bench, caplog, tmp_path):
    """The suite can't send a token and the server is never run without one: a proxy in between adds it."""
    async with TokenProxy(TOKEN) as proxy:
        hosts = tuple(f"{name}:{proxy.port}" for name in ("127.0.0.1", "localhost"))
        origins = tuple(f"http://{host}" for host in hosts)
        limits = HttpLimits(burst=10_000)
        async with http_door(
            bench.workshop, caplog, tmp_path, allowed_hosts=hosts, allowed_origins=origins, limits=limits
        ) as door:
            proxy.server = door.port
            yield f"http://127.0.0.1:{proxy.port}/mcp"


@pytest.mark.parametrize(("scenario", "revision"), SCENARIOS)
async def test_the_conformance_suite_passes(node, bench, caplog, tmp_path, scenario, revision):
    async with reached_without_a_token(bench, caplog, tmp_path) as url:
        checks = await node.conformance(url, scenario, revision, tmp_path / "results")
    failed = {check["id"]: check.get("errorMessage") for check in checks if check["status"] == "FAILURE"}
    assert set(failed) == NEED_A_FIXTURE_TOOL.get(scenario, set()), failed
    assert [check for check in checks if check["status"] == "SUCCESS"]


def listed(answer: dict) -> set[str]:
    return {tool["name"] for tool in answer["tools"]}


async def test_the_inspector_lists_and_calls_over_http(node, bench, caplog, tmp_path):
    async with http_door(bench.workshop, caplog, tmp_path) as door:
        reach = (door.url, "--transport", "http", "--header", f"Authorization: Bearer {TOKEN}")
        assert {"get_traffic", "switch_traffic"} <= listed(await node.inspector(*reach, "--method", "tools/list"))
        call = ("--method", "tools/call", "--tool-name", "restart_service", "--tool-arg")
        done = await node.inspector(*reach, *call, "target=demo", "region=east", "operation_id=op-1")
        assert done["structuredContent"]["status"] == "succeeded"
        resources = await node.inspector(*reach, "--method", "resources/list")
        assert [one["uri"] for one in resources["resources"]] == ["overwatch://targets/demo"]
        read = await node.inspector(*reach, "--method", "resources/read", "--uri", "overwatch://operations/op-1")
        assert json.loads(read["contents"][0]["text"])["status"] == "succeeded"
    assert bench.platform.calls["restart east"] == 1


async def test_the_inspector_lists_and_calls_over_stdio(node, bench, tmp_path):
    path = tmp_path / "mcp.json"
    path.write_text(json.dumps(bench.config), encoding="utf-8")
    program = Path(__file__).parent / "pretend_server.py"
    server = (sys.executable, str(program), "-e", f"{CONFIG_VARIABLE}={path}")
    listing = await node.inspector(*server, "--method", "tools/list")
    assert {"get_traffic", "switch_traffic"} <= listed(listing)
    call = ("--method", "tools/call", "--tool-name", "get_traffic", "--tool-arg", "target=demo")
    done = await node.inspector(*server, *call)
    assert done["structuredContent"]["weights"] == {"east": 100, "west": 0}
