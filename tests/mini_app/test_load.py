"""The stream of users that the demo sends: it leaves nobody behind."""

from __future__ import annotations

import random

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from mini_app.local_azure import load

VISIT = 49
"""The number of a visit that makes a user."""


@pytest.fixture
async def users():
    """An API of users that fails each deletion while `failing` is set, and loses answers while `losing` is."""
    api = web.Application()
    kept: dict[int, dict] = {1: {"id": 1, "name": "Ada", "email": "visitor-1-1@example.org"}}
    state = {"failing": False, "losing": False}

    async def show(_: web.Request) -> web.Response:
        return web.json_response({"items": list(kept.values())})

    async def make(request: web.Request) -> web.Response:
        id_ = max(kept) + 1
        kept[id_] = {"id": id_, **await request.json()}
        return web.Response(status=504) if state["losing"] else web.json_response(kept[id_], status=201)

    async def remove(request: web.Request) -> web.Response:
        if state["failing"]:
            return web.Response(status=500)
        kept.pop(int(request.match_info["id"]), None)
        return web.Response(status=204)

    api.router.add_get("/api/users", show)
    api.router.add_post("/api/users", make)
    api.router.add_delete("/api/users/{id}", remove)
    async with TestServer(api) as server, aiohttp.ClientSession() as session:

        async def visit(**changed: bool) -> list[str]:
            state.update(changed)
            await load._visit(str(server.make_url("")).rstrip("/"), VISIT, session, random.Random(1))
            return [user["name"] for user in kept.values()]

        yield visit


@pytest.mark.parametrize("trouble", ["failing", "losing"])
async def test_a_visitor_whom_an_outage_left_behind_is_removed_by_the_next(users, trouble):
    assert await users(**{trouble: True}) == ["Ada", load.VISITOR]
    assert await users(**{trouble: False}) == ["Ada"]
