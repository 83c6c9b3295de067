"""A target on Docker: what the swarm's configuration says of it is what the MCP server is told."""

from __future__ import annotations

import pytest

from agents.settings import SettingsError, load
from agents.tool_settings import ToolsSettings
from overwatch_mcp.config import DockerTarget, load_config
from overwatch_tui.mcp_config import tool_server

SHOP = """
[targets.shop]
public_url = "http://shop.example.org"
[targets.shop.regions.north]
url = "http://north.example.org"
[targets.shop.regions.south]
url = "http://south.example.org"
[targets.shop.platform]
kind = "docker"
project = "shop"
docker_url = "unix:///run/user/1000/docker.sock"
services = { north = "shop-north", south = "shop-south" }
images = ["shop:"]
max_replicas = 4
[targets.shop.platform.traffic]
kind = "haproxy"
socket = "127.0.0.1:9999"
backend = "regions"
servers = { north = "n", south = "s" }
state_file = "/run/haproxy/state"
"""


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def read(text=SHOP):
        path = tmp_path / "my.toml"
        path.write_text(text)
        return load(path, environ={})

    return read


def test_the_server_takes_what_is_written_for_it(settings, tmp_path):
    tool_server(ToolsSettings(), tmp_path, settings().targets, {})
    target = load_config(tmp_path / "mcp.json").targets["shop"]
    assert isinstance(target, DockerTarget)
    assert (target.project, target.docker_url) == ("shop", "unix:///run/user/1000/docker.sock")
    assert {name: region.service for name, region in target.regions.items()} == {"north": "shop-north", "south": "shop-south"}
    assert target.traffic.servers == {"north": "n", "south": "s"}
    assert str(target.traffic.state_file) == "/run/haproxy/state"
    assert (target.limits.max_replicas, target.images) == (4, ("shop:",))
    assert target.allowed_tools >= {"deploy_container", "switch_traffic", "rollback_revision"}


def test_where_the_engine_is_reaches_the_server_by_its_environment(settings, tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///tmp/engine.sock")
    server = tool_server(ToolsSettings(), tmp_path, settings().targets, {})
    assert server.environment["DOCKER_HOST"] == "unix:///tmp/engine.sock"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"docker"', '"podman"', "podman"),
        ('south = "shop-south"', 'east = "shop-south"', r"platform\.services names \['east', 'north'\]"),
        ('south = "s"', 'east = "s"', r"platform\.traffic\.servers names \['east', 'north'\]"),
        ('"127.0.0.1:9999"', '"nowhere"', r"'targets\.shop\.platform\.traffic\.socket'"),
        ('project = "shop"\n', 'project = "shop"\ncolour = "red"\n', r"'targets\.shop\.platform\.colour' is not a setting"),
        ('project = "shop"\n', "", r"'targets\.shop\.platform\.project'"),
    ],
)
def test_what_is_wrong_is_said_by_its_key(settings, old, new, problem):
    assert old in SHOP
    with pytest.raises(SettingsError, match=problem):
        settings(SHOP.replace(old, new))
