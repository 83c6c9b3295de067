"""The command line of the HTTP transport."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

import pytest
from http_door import http_door

from overwatch_mcp.azure_mcp_server import build_server
from overwatch_mcp.errors import ConfigError
from overwatch_mcp.http_options import HttpOptions, add_http_options, http_options
from overwatch_mcp.http_server import serve_http


def given(*arguments: str) -> HttpOptions:
    parser = argparse.ArgumentParser()
    add_http_options(parser)
    return http_options(parser.parse_args(arguments))


def test_without_options_it_is_loopback():
    assert given() == HttpOptions()
    assert given().host == "127.0.0.1"


def test_an_address_that_is_reached_from_outside_needs_the_names_of_its_hosts():
    for host in ("0.0.0.0", "::", "10.1.2.3", "tools.example.org", ""):
        with pytest.raises(ConfigError, match="--allow-host HOST:PORT"):
            given("--host", host)
        assert given("--host", host, "--allow-host", "tools:8700").allowed_hosts == ("tools:8700",)
    for host in ("127.0.0.1", "127.0.0.2", "::1", "localhost"):
        given("--host", host)


def test_an_issuer_is_taken_with_what_its_tokens_are_for():
    issuer = given("--issuer", "https://id.example.org", "--resource-url", "https://x.example.org/mcp").issuer
    assert issuer.audience == "https://x.example.org/mcp"
    named = given("--issuer", "https://id.example.org", "--resource-url", "https://x/mcp", "--audience", "api://overwatch")
    assert named.issuer.audience == "api://overwatch"


ISSUER = ("--issuer", "https://id.example.org", "--resource-url", "https://x.example.org/mcp")
WRONG = [
    (("--port", "70000"), "--port 70000"),
    (("--port", "-1"), "--port -1"),
    (("--allow-host", "https://x"), "--allow-host 'https://x'"),
    (("--allow-host", "x y"), "--allow-host 'x y'"),
    (("--allow-host", "*"), r"--allow-host '\*'"),
    (("--allow-origin", "localhost"), "--allow-origin 'localhost'"),
    (("--allow-origin", "*"), r"--allow-origin '\*'"),
    (("--tls-key", "key.pem"), "give both or none"),
    (("--requests-per-second", "0"), "above 0"),
    (("--requests-per-second", "nan"), "above 0"),
    (("--requests-per-second", "inf"), "above 0"),
    (("--max-requests", "0"), "above 0"),
    (("--audience", "x"), "belong to --issuer"),
    (("--resource-url", "https://x/mcp"), "belong to --issuer"),
    (("--issuer", "https://id.example.org"), "needs --resource-url"),
    ((*ISSUER, "--token-file", "token"), "exclude each other"),
    ((*ISSUER, "--read-scope", "all", "--write-scope", "all"), "different names"),
    (("--issuer", "http://id.example.org", "--resource-url", "https://x/mcp"), "--issuer 'http://id.example.org' is no https"),
    (("--issuer", "https://id.example.org", "--resource-url", "http://x/mcp"), "--resource-url 'http://x/mcp' is no https"),
    (("--issuer", "ftp://127.0.0.1", "--resource-url", "https://x/mcp"), "is no https"),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG)
def test_what_can_not_be_is_refused_with_the_remedy(arguments, words):
    with pytest.raises(ConfigError, match=words):
        given(*arguments)


async def test_an_address_that_is_taken_is_said(bench, caplog, tmp_path):
    async with http_door(bench.workshop, caplog, tmp_path) as door:
        options = HttpOptions(port=door.port, token_file=tmp_path / "token")
        with pytest.raises(ConfigError, match=f"can't listen on '127.0.0.1' port {door.port}: .*in use"):
            await serve_http(build_server(bench.workshop, lambda: None), bench.workshop, options)


async def test_a_certificate_that_can_not_be_used_is_said(bench, tmp_path):
    (tmp_path / "x.pem").write_text("no certificate")
    options = HttpOptions(port=0, token_file=tmp_path / "token", certificate=tmp_path / "x.pem", key=tmp_path / "x.pem")
    with pytest.raises(ConfigError, match=r"can't use the certificate .*x\.pem"):
        await serve_http(build_server(bench.workshop, lambda: None), bench.workshop, options)


@pytest.mark.processes
@pytest.mark.parametrize(("arguments", "words"), [((), "OVERWATCH_MCP_TOKEN"), (("--host", "0.0.0.0"), "--allow-host")])
def test_the_program_ends_with_the_remedy_and_without_a_trace(config, tmp_path, arguments, words):
    (tmp_path / "mcp.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "overwatch_mcp.azure_mcp_server", "--transport", "http", "--port", "0"]
    done = subprocess.run(
        [*command, "--config", str(tmp_path / "mcp.json"), *arguments], capture_output=True, text=True, timeout=30, env={}
    )
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
