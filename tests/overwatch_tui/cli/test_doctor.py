"""`doctor`: what is configured, reachable and missing, each with its remedy."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from agents.settings import TargetSettings, load
from mini_app.local_azure.certificate import make
from overwatch_tui import checkup
from overwatch_tui.reach import reach

SHOP = '[targets.shop.regions.east]\nurl = "http://127.0.0.1:9"\n'
AZURE = """
[targets.shop.platform]
subscription_id = "s"
resource_group = "g"
container_apps = { east = "shop-east" }
"""


def read(path: str) -> str:
    return Path(path).read_text()


def findings(said) -> dict:
    return {finding["what"]: finding for finding in json.loads(said.out)}


def test_a_fresh_machine_is_well_and_stays_as_it_was(cli, home):
    said = cli("doctor", "--json")
    assert said.status == 0
    assert {finding["state"] for finding in findings(said).values()} == {"ok"}
    assert "embedded reasoner" in findings(said)["model"]["detail"]
    assert not home.exists()


def test_each_finding_has_a_mark_and_its_remedy_on_the_next_line(cli, configured):
    lines = cli("doctor", *configured(SHOP)).out.splitlines()
    (at,) = [n for n, line in enumerate(lines) if line.startswith("warn  shop/east")]
    assert "http://127.0.0.1:9/health: can't be reached" in lines[at]
    assert lines[at + 1].strip() == "→ check targets.shop.regions.east.url and the service itself"


def test_a_configuration_that_can_not_be_read_is_the_only_finding(cli, configured):
    said = cli("doctor", "--json", *configured("[polcy]\n"))
    assert said.status == 1
    (finding,) = json.loads(said.out)
    assert (finding["what"], finding["state"]) == ("configuration", "fail")
    assert "did you mean 'policy'" in finding["detail"]


@pytest.mark.parametrize(
    ("text", "detail", "remedy"),
    [
        (SHOP, "none: it is watched", "set targets.shop.platform"),
        (
            f"[targets.shop]\nallowed_actions = []\n{SHOP}{AZURE}",
            "may do nothing: it is watched",
            "name in targets.shop.allowed_actions",
        ),
    ],
)
def test_a_target_that_is_only_watched_says_which_key_makes_it_so(tmp_path, text, detail, remedy):
    (tmp_path / "my.toml").write_text(text)
    finding = checkup.platform_finding("shop", load(tmp_path / "my.toml", environ={}).targets["shop"])
    assert finding.detail.startswith(detail)
    assert finding.remedy.startswith(remedy)


def test_a_home_that_is_a_file_fails(cli, home):
    home.write_text("")
    said = cli("doctor", "--json")
    assert said.status == 1
    assert findings(said)["home"]["remedy"] == "set OVERWATCH_HOME to a folder of yours"


def test_a_pause_and_an_open_incident_are_found_with_the_commands_that_go_on(cli, book):
    book.awaiting()
    cli("pause")
    said = cli("doctor", "--json")
    assert said.status == 0
    found = findings(said)
    assert (found["automation"]["detail"], found["automation"]["remedy"]) == ("paused by ada", "overwatch-tui resume")
    assert found["incident"]["remedy"] == "overwatch-tui incidents show INC-1"
    assert found["journal"]["state"] == "ok"


def test_a_record_that_was_changed_is_found_by_its_number(cli, book):
    book.awaiting()
    with sqlite3.connect(book.path) as database:
        database.execute("UPDATE event SET source = 'nobody' WHERE seq = 2")
    database.close()
    said = cli("doctor", "--json")
    assert said.status == 1
    assert findings(said)["journal"]["detail"].startswith("record 2 (said:1, incident.diagnosed, ")
    assert findings(said)["journal"]["detail"].endswith("its content is not what was written")


def test_a_model_that_does_not_answer_is_a_warning_because_the_engine_goes_on(cli, monkeypatch):
    monkeypatch.setenv("OVERWATCH_MODEL__BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OVERWATCH_MODEL__MODEL", "qwen3:8b")
    said = cli("doctor", "--json")
    assert said.status == 0
    assert findings(said)["model"]["state"] == "warn"
    assert "embedded reasoner" in findings(said)["model"]["remedy"]


def test_tools_are_asked_without_touching_the_home_of_a_running_swarm(cli, home, configured, monkeypatch):
    asked = []

    class Tools:
        problem = "the MCP server can't be started"

        def __init__(self, _clock) -> None: ...

        async def run(self, command) -> None:
            asked.append(json.loads(read(command.command[-1])))

        async def wait_up(self, _seconds) -> bool:
            while not asked:
                await asyncio.sleep(0)
            return True

        async def read(self, tool, arguments):
            assert tool == "get_service_state"
            return {"replicas_ready": 2, "replicas_desired": 2, "revision": f"shop-{arguments['region']}--1"}

    monkeypatch.setattr("overwatch_tui.checkup.McpTools", Tools)
    home.mkdir()
    (home / "mcp.json").write_text("a running swarm's")
    said = cli("doctor", "--json", *configured(SHOP + AZURE))
    assert findings(said)["tools shop/east"]["detail"] == "2/2 replicas of shop-east--1"
    assert set(asked[0]["targets"]) == {"shop"}
    assert (home / "mcp.json").read_text() == "a running swarm's"
    assert [path.name for path in home.iterdir()] == ["mcp.json"]


def test_tools_that_run_elsewhere_and_refuse_are_a_finding_with_what_they_said(cli, configured, monkeypatch):
    asked = []

    class Tools:
        problem = "the MCP server at http://127.0.0.1:9/mcp is away (it refused the token of 'token')"

        def __init__(self, _clock) -> None: ...

        async def run(self, server) -> None:
            asked.append(server)

        async def wait_up(self, _seconds) -> bool:
            while not asked:
                await asyncio.sleep(0)
            return False

    monkeypatch.setattr("overwatch_tui.checkup.McpTools", Tools)
    table = '[tools]\nurl = "http://127.0.0.1:9/mcp"\ntoken_file = "token"\n'
    said = cli("doctor", "--json", *configured(SHOP + AZURE + table))
    finding = findings(said)["tools"]
    assert (finding["state"], finding["detail"]) == ("fail", Tools.problem)
    assert "[tools]" in finding["remedy"]
    assert asked[0].url == "http://127.0.0.1:9/mcp"
    assert "tools/token" not in findings(said)
    far = table.replace("127.0.0.1:9", "tools.example:9")
    finding = findings(cli("doctor", "--json", *configured(SHOP + AZURE + far)))["tools/token"]
    assert (finding["state"], "in the clear" in finding["detail"], "https" in finding["remedy"]) == ("warn", True, True)


async def shop(**paths: int) -> web.Application:
    app = web.Application()
    for path, status in paths.items():
        app.router.add_get(f"/{path}", _answering(status))
    return app


def _answering(status: int):
    async def answer(_request: web.Request) -> web.Response:
        if status == 302:
            raise web.HTTPFound("/health")
        return web.Response(status=status, text="OK")

    return answer


async def found_at(server: TestServer, **region):
    url = str(server.make_url("/"))
    target = TargetSettings.model_validate(
        {"regions": {"east": {"url": url, **region}}, "public_url": url, "public_probe_path": "/health"}
    )
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session:
        return await reach(session, "shop", target)


@pytest.mark.parametrize(
    ("paths", "region", "detail", "remedy"),
    [
        ({"health": 200, "metrics": 200}, {}, "/health", ""),
        ({"health": 200, "metrics": 200, "moved": 302}, {"health_path": "/moved"}, "/moved", ""),
        ({"health": 200}, {"metrics_path": ""}, "/health", ""),
        ({"health": 200}, {}, "/metrics: answers 404", 'set it to "" where there are no metrics'),
        ({"health": 503}, {}, "/health: answers 503", "targets.shop.regions.east.url"),
        ({"health": 200, "metrics": 200}, {"probe_path": "/buy"}, "/buy: answers 404", "targets.shop.regions.east.probe_path"),
    ],
)
async def test_each_address_of_a_region_is_asked_and_the_first_that_fails_is_named(paths, region, detail, remedy):
    async with TestServer(await shop(**paths)) as server:
        east, _ = await found_at(server, **region)
    assert east.what == "shop/east"
    assert east.detail.endswith(detail)
    assert remedy in east.remedy
    assert east.state == ("warn" if remedy else "ok")


async def test_what_users_use_is_asked_too():
    async with TestServer(await shop(health=200, metrics=200)) as server:
        _, users = await found_at(server)
    assert (users.what, users.state) == ("shop/users", "ok")


async def test_a_certificate_that_is_not_trusted_is_named_with_the_variable_that_helps(tmp_path):
    secure = TestServer(await shop(health=200, metrics=200), scheme="https")
    await secure.start_server(ssl=make(tmp_path)[0])
    try:
        east, users = await found_at(secure)
    finally:
        await secure.close()
    assert "its certificate is not trusted (self-signed certificate)" in east.detail
    assert "SSL_CERT_FILE" in east.remedy
    assert "SSL_CERT_FILE" in users.remedy
