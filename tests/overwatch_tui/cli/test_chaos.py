"""`chaos`: only what declares that it may be broken is broken."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from agents.settings import TargetSettings
from overwatch_tui.chaos import ChaosError, ChaosFault, inject, offered

SHOP = '[targets.shop.regions.east]\nurl = "http://127.0.0.1:9"\n'


def test_a_target_without_a_token_is_refused(cli, configured):
    said = cli("chaos", "outage", "--target", "shop", "--region", "east", *configured(SHOP))
    assert (said.status, said.out) == (1, "")
    assert "declares no chaos endpoint: set `chaos.token`" in said.err


def test_a_region_that_the_target_does_not_have_is_wrong_usage(cli, configured):
    said = cli("chaos", "outage", "--target", "shop", "--region", "north", *configured(SHOP))
    assert said.status == 2
    assert said.err == "overwatch-tui: 'north' is not a region of 'shop'; known: east\n"


def test_a_target_that_is_not_known_is_wrong_usage(cli, configured):
    said = cli("chaos", "recover", "--target", "shp", "--region", "east", *configured(SHOP))
    assert said.status == 2
    assert said.err == "overwatch-tui: 'shp' is not a target; known: shop\n"


def test_a_demo_that_does_not_run_is_said_with_the_remedy(cli, home):
    said = cli("chaos", "outage", "--region", "east")
    assert said.status == 1
    assert f"the demo is not running in {str(home)!r}: start it with `overwatch-tui launch`" in said.err


def test_only_the_demo_can_have_a_replica_killed():
    assert offered(target("http://127.0.0.1:9")) == ("degrade", "outage", "recover")


def target(url: str) -> TargetSettings:
    return TargetSettings.model_validate({"regions": {"east": {"url": url}}, "chaos": {"token": "t0ken"}})


async def test_a_fault_reaches_the_target_with_its_token_and_its_parameters():
    asked = []

    async def outage(request: web.Request) -> web.Response:
        asked.append((request.headers["authorization"], await request.json()))
        return web.json_response({})

    app = web.Application()
    app.router.add_post("/admin/outage", outage)
    async with TestServer(app) as server:
        done = await inject(target(str(server.make_url("/"))), None, "east", ChaosFault("outage", {"duration_s": 5}))
    assert asked == [("Bearer t0ken", {"duration_s": 5})]
    assert done == "east: outage (duration_s 5)"


async def test_a_replica_of_somebody_else_s_target_is_not_killed():
    with pytest.raises(ChaosError, match="only a replica of the demo"):
        await inject(target("http://127.0.0.1:9"), None, "east", ChaosFault("crash"))


async def test_a_refusal_of_the_target_is_told_without_the_token():
    app = web.Application()
    async with TestServer(app) as server:
        with pytest.raises(ChaosError, match="answered 404") as caught:
            await inject(target(str(server.make_url("/"))), None, "east", ChaosFault("recover"))
    assert "t0ken" not in str(caught.value)
