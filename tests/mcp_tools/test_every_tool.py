"""Every tool that the server lists, called by the SDK's client: in this process, over stdio and over HTTP."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

import pytest
from http_door import http_door
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from overwatch_mcp.azure_mcp_server import build_server
from overwatch_mcp.tools import add_tools

SERVER = Path(__file__).parent / "pretend_server.py"

EXAMPLES = {
    "target": "demo",
    "region": "east",
    "replicas": 3,
    "image": "mini-app:2",
    "weights": {"east": 0, "west": 100},
    "revision": "demo-east--first",
    "lines": 10,
    "minutes": 5,
}
"""A value for each argument that a tool may require, by its name."""


@contextlib.asynccontextmanager
async def in_process(bench, **_):
    async with Client(build_server(bench.workshop, lambda: None)) as client:
        yield client


@contextlib.asynccontextmanager
async def over_http(bench, caplog, tmp_path):
    async with http_door(bench.workshop, caplog, tmp_path) as door, door.client() as client:
        yield client


@contextlib.asynccontextmanager
async def over_stdio(bench, caplog, tmp_path):
    path = tmp_path / "mcp.json"
    path.write_text(json.dumps(bench.config), encoding="utf-8")
    command = StdioServerParameters(command=sys.executable, args=[str(SERVER), "--config", str(path)])
    with (tmp_path / "log").open("w", encoding="utf-8") as log:
        async with Client(stdio_client(command, errlog=log)) as client:
            yield client


TRANSPORTS = [in_process, over_http, pytest.param(over_stdio, marks=pytest.mark.processes)]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_every_tool_is_called_and_answers_in_the_form_that_it_promises(bench, caplog, tmp_path, transport):
    async with transport(bench, caplog=caplog, tmp_path=tmp_path) as client:
        tools = (await client.list_tools()).tools
        reads = [tool for tool in tools if tool.annotations.read_only_hint]
        writes = [tool for tool in tools if not tool.annotations.read_only_hint]
        assert reads
        assert writes
        done = []
        for tool in (*reads, *writes):
            result = await client.call_tool(tool.name, arguments(tool, done))
            assert not result.is_error, (tool.name, result.content)
            assert set(tool.output_schema["required"]) <= set(result.structured_content)
            if tool in writes:
                assert result.structured_content["status"] in {"succeeded", "refused"}, (tool.name, result.structured_content)
                record = await client.call_tool("get_operation", {"operation_id": f"op-{tool.name}"})
                assert record.structured_content["status"] == result.structured_content["status"]
                done.append(f"op-{tool.name}")


def arguments(tool, done) -> dict:
    """What the tool requires, and an id of its own where it writes."""
    given = {}
    for name in tool.input_schema.get("required", []):
        if name == "operation_id":
            given[name] = f"op-{tool.name}"
        elif name == "undoes":
            given[name] = next(one for one in done if one == "op-scale_service")
        else:
            assert name in EXAMPLES, f"{tool.name} requires {name!r}: give an example of it here"
            given[name] = EXAMPLES[name]
    return given


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_all_transports_list_the_same(bench, caplog, tmp_path, transport):
    from mcp.server import MCPServer

    bare = MCPServer("bare")
    add_tools(bare, bench.workshop)
    async with transport(bench, caplog=caplog, tmp_path=tmp_path) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == [tool.name for tool in await bare.list_tools()]
        assert (await client.list_resources()).resources
        assert (await client.list_prompts()).prompts == []
