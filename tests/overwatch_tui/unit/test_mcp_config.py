"""What the MCP server is told: the targets, and the key without which it lets nobody write."""

from __future__ import annotations

import json
import stat

import pytest
from sentry_support import target_settings

from agents.settings import TargetSettings
from overwatch_mcp.config import load_config
from overwatch_mcp.logins import take_logins
from overwatch_tui.mcp_config import approval_key, server_command


def test_the_server_takes_what_is_written_for_it(tmp_path):
    command = server_command(tmp_path, {"demo": target_settings()}, {"IDENTITY_HEADER": "it's $HOME #1"})
    written = tmp_path / "mcp.json"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    config = load_config(written)
    assert list(config.targets) == ["demo"]
    assert str(written) in command.command
    environment: dict[str, str] = {}
    take_logins(config.login_file, environment)
    assert environment == {"IDENTITY_HEADER": "it's $HOME #1"}


def test_every_target_demands_the_gate_s_proof(tmp_path):
    server_command(tmp_path, {"demo": target_settings(), "shop": target_settings()}, {})
    targets = json.loads((tmp_path / "mcp.json").read_text(encoding="utf-8"))["targets"]
    assert {target["approval_key_file"] for target in targets.values()} == {str(tmp_path / "approval.key")}


def test_the_key_is_secret_and_stays_the_same(tmp_path):
    first = approval_key(tmp_path).read_bytes()
    assert approval_key(tmp_path).read_bytes() == first
    assert len(first) >= 32
    assert stat.S_IMODE((tmp_path / "approval.key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["approval.key"]
    (tmp_path / "other").mkdir()
    assert approval_key(tmp_path / "other").read_bytes() != first


def test_what_is_only_watched_needs_no_server(tmp_path):
    assert server_command(tmp_path, {"demo": target_settings(platform=False)}, {}) is None


DOORS = [
    {"kind": "front_door", "profile": "p", "origin_group": "o", "origins": {"east": "e", "west": "w"}},
    {"kind": "traffic_manager", "profile": "p", "endpoint_type": "AzureEndpoints", "endpoints": {"east": "e", "west": "w"}},
]


@pytest.mark.parametrize("door", DOORS)
def test_either_edge_of_azure_is_written_with_how_it_is_moved_and_how_long_that_may_take(tmp_path, door):
    platform = {
        "subscription_id": "s",
        "resource_group": "g",
        "container_apps": {"east": "demo-east", "west": "demo-west"},
        "traffic": door | {"via": "cli", "az": "/opt/az", "az_timeout_s": 90, "switch_timeout_s": 1500},
        "credential": "workload_identity",
        "log_workspace": "33333333-3333-3333-3333-333333333333",
        "logs_url": "https://logs.example/",
    }
    target = TargetSettings(regions={name: {"url": f"http://{name}"} for name in ("east", "west")}, platform=platform)
    server_command(tmp_path, {"shop": target}, {})
    shop = load_config(tmp_path / "mcp.json").target("shop")
    assert shop.traffic.kind == door["kind"]
    assert shop.traffic.doors == {"east": "e", "west": "w"}
    assert (shop.traffic.via, shop.traffic.az, shop.traffic.az_timeout_s, shop.switch_timeout_s) == ("cli", "/opt/az", 90, 1500)
    assert (shop.credential, shop.log_workspace) == ("workload_identity", platform["log_workspace"])
    assert shop.logs_url == "https://logs.example"
