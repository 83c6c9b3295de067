"""Which MCP server the swarm is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.settings import TargetSettings
from agents.tool_server import ServerAddress, ServerCommand
from agents.tool_settings import ToolsSettings
from overwatch_tui.mcp_config import tool_server

WATCHED = {"regions": {"east": {"url": "http://127.0.0.1:9"}}}
ACTED_ON = WATCHED | {"platform": {"subscription_id": "s", "resource_group": "g", "container_apps": {"east": "shop-east"}}}
FAR = ToolsSettings(url="http://127.0.0.1:8700/mcp", token_file="token", ca_file="ca.pem")


def targets(content):
    return {"shop": TargetSettings.model_validate(content)}


def test_a_server_of_our_own_is_started_where_none_is_named(tmp_path):
    server = tool_server(ToolsSettings(), tmp_path, targets(ACTED_ON), {})
    assert isinstance(server, ServerCommand)
    assert (tmp_path / "mcp.json").exists()


def test_one_that_runs_already_is_reached_and_nothing_is_written(tmp_path):
    server = tool_server(FAR, tmp_path, targets(ACTED_ON), {})
    assert server == ServerAddress("http://127.0.0.1:8700/mcp", Path("token"), Path("ca.pem"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("tools", [ToolsSettings(), FAR])
def test_where_no_target_can_be_acted_on_none_is_wanted(tmp_path, tools):
    assert tool_server(tools, tmp_path, targets(WATCHED), {}) is None
