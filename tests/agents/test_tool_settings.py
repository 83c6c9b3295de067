"""The `[tools]` table."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.settings import SettingsError, load


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_without_it_the_swarm_starts_its_own_server():
    assert load(environ={}).tools.url is None


def test_a_server_that_runs_already_is_named_by_the_file_or_the_environment(tmp_path, monkeypatch):
    path = tmp_path / "my.toml"
    path.write_text('[tools]\nurl = "https://tools.example.org:8700/mcp"\ntoken_file = "/run/secrets/token"\n')
    monkeypatch.setenv("OVERWATCH_TOOLS__CA_FILE", "/etc/ca.pem")
    tools = load(path).tools
    assert str(tools.url) == "https://tools.example.org:8700/mcp"
    assert (tools.token_file, tools.ca_file) == (Path("/run/secrets/token"), Path("/etc/ca.pem"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('url = "http://127.0.0.1:8700/mcp"', "tools.url needs tools.token_file"),
        ('token_file = "token"', "belong to tools.url"),
        ('ca_file = "ca.pem"', "belong to tools.url"),
        ('url = "tools.example.org"\ntoken_file = "token"', "tools.url"),
        ('token = "secret"', "'tools.token' is not a setting; did you mean 'token_file'"),
    ],
)
def test_what_is_wrong_with_it_is_named_with_the_remedy(tmp_path, text, said):
    path = tmp_path / "my.toml"
    path.write_text(f"[tools]\n{text}\n")
    with pytest.raises(SettingsError, match=said):
        load(path, environ={})


def test_the_servers_own_token_may_be_in_the_environment_too():
    load(environ={"OVERWATCH_MCP_TOKEN": "x" * 40})
