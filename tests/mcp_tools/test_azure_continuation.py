"""Long operations: followed to their end, by whichever process, without anything being sent twice."""

from __future__ import annotations

import json
import logging

import pytest
from aiohttp import web
from odd_arm import APP, ORIGINS, cut, in_turn, reply

from overwatch_mcp.azure_continuation import BLIND_SECONDS, FOLLOW_SECONDS, LONGEST_PAUSE, Continuation, continuation_of
from overwatch_mcp.errors import NotDoneError

pytest_plugins = ("odd_arm",)

ARM = "https://arm.example"
STATUS = "/subscriptions/s/providers/Microsoft.App/locations/l/containerappOperationStatuses/op1"


@pytest.fixture
async def follower(made, stepped):
    return made(stepped)


def token(arm, kind="status", path=STATUS):
    return json.dumps({"kind": kind, "url": f"{arm.url}{path}?api-version=1"})


def going(status="InProgress", **headers):
    return reply({"status": status}, **headers)


OFFERS = [
    (202, {"Azure-AsyncOperation": f"{ARM}/a", "Location": f"{ARM}/l"}, Continuation("status", f"{ARM}/a")),
    (201, {"azure-asyncoperation": f"{ARM}/a"}, Continuation("status", f"{ARM}/a")),
    (202, {"Location": f"{ARM}/l"}, Continuation("location", f"{ARM}/l")),
    (200, {"Location": f"{ARM}/l"}, None),
    (200, {}, None),
    (202, {"Azure-AsyncOperation": "https://elsewhere.example/a"}, None),
    (202, {"Azure-AsyncOperation": "http://arm.example/a"}, None),
    (202, {"Azure-AsyncOperation": "https://arm.example:8443/a"}, None),
    (202, {"Azure-AsyncOperation": "https://arm.example@elsewhere.example/a"}, None),
]


@pytest.mark.parametrize(("status", "headers", "offered"), OFFERS)
def test_an_accepted_write_offers_the_way_to_ask_for_it_at_the_same_place_alone(status, headers, offered):
    text = continuation_of(status, headers, ARM)
    assert text == (None if offered is None else offered.text())
    if offered is not None:
        assert Continuation.read(text, ARM) == offered


WRITES = {
    "deploy": lambda platform: platform.deploy("east", "mini-app:2", "ow-1"),
    "copy": lambda platform: platform.copy("east", "demo-east--a", "ow-1"),
    "scale": lambda platform: platform.scale("east", 2, 5, "ow-1"),
    "set_origin": lambda platform: platform.set_origin("west", 100),
}


@pytest.mark.parametrize("write", WRITES)
async def test_a_write_returns_its_continuation_and_another_process_follows_it_without_a_second_patch(made, arm, write):
    containers = {"properties": {"template": {"containers": [{"name": "app", "image": "mini-app:1"}]}}}
    accepted = reply({}, 202, Azure_AsyncOperation=f"{arm.url}{STATUS}?api-version=1", Retry_After="0")
    arm.answers |= {
        f"GET {APP}": containers,
        f"GET {APP}/revisions/demo-east--a": containers,
        f"PATCH {APP}": accepted,
        f"PATCH {ORIGINS}/west": accepted,
        f"GET {STATUS}": in_turn(going(Retry_After="0"), going("Succeeded")),
    }
    continuation = await WRITES[write](made())
    await made().follow(continuation)
    assert arm.arrived["PATCH"] == 1
    assert arm.paths[STATUS] == 2


async def test_a_write_that_is_done_at_once_has_nothing_to_follow(platform, arm):
    arm.answers["PATCH"] = {}
    assert await platform.set_origin("west", 100) is None


@pytest.mark.parametrize("status", ["Failed", "Canceled", "Cancelled"])
async def test_an_operation_that_the_platform_ends_is_not_done_in_its_own_words(follower, arm, status):
    error = {"code": "ContainerAppImageInvalid", "message": "no\x1b[2J such image"}
    arm.answers[f"GET {STATUS}"] = in_turn(going(), reply({"status": status, "error": error}))
    with pytest.raises(NotDoneError, match=f"{status}: ContainerAppImageInvalid: no such image"):
        await follower.follow(token(arm))


async def test_an_operation_asked_for_by_location_is_done_when_it_is_accepted_no_more(follower, arm):
    arm.answers[f"GET {STATUS}"] = in_turn(reply(None, 202), reply(None, 202), reply({"any": "thing"}))
    await follower.follow(token(arm, "location"))
    assert arm.arrived["GET"] == 3


async def test_an_operation_asked_for_by_location_may_end_as_an_error(follower, arm):
    arm.answers[f"GET {STATUS}"] = reply({"error": {"code": "BadImage", "message": "no"}}, 400)
    with pytest.raises(NotDoneError, match="BadImage: no"):
        await follower.follow(token(arm, "location"))


async def test_the_platforms_pause_is_kept_within_bounds(follower, arm, stepped):
    arm.answers[f"GET {STATUS}"] = in_turn(going(Retry_After="3"), going(Retry_After="86400"), going("Succeeded"))
    await follower.follow(token(arm))
    assert stepped.monotonic() == 3 + LONGEST_PAUSE


async def test_a_throttling_platform_is_asked_again_after_its_pause(follower, arm, stepped):
    throttled = reply({"error": {"code": "TooManyRequests", "message": "slow"}}, 429, Retry_After="4")
    arm.answers[f"GET {STATUS}"] = in_turn(throttled, going("Succeeded"))
    await follower.follow(token(arm))
    assert stepped.monotonic() == 4


@pytest.mark.parametrize("gone", [401, 403, 404])
async def test_an_operation_that_can_not_be_asked_for_is_left_to_the_reads_at_once(follower, arm, gone):
    arm.answers[f"GET {STATUS}"] = gone
    await follower.follow(token(arm))
    assert arm.arrived["GET"] <= 2


@pytest.mark.parametrize(
    "odd", [cut, reply({"no": "status"}), reply("text"), reply({}, 500)], ids=["cut", "no status", "text", "500"]
)
async def test_a_platform_that_says_nothing_is_left_to_the_reads_in_bounded_time(follower, arm, stepped, odd):
    arm.answers[f"GET {STATUS}"] = odd
    await follower.follow(token(arm))
    assert BLIND_SECONDS <= stepped.monotonic() <= BLIND_SECONDS + LONGEST_PAUSE


async def test_a_short_silence_is_no_end(follower, arm):
    arm.answers[f"GET {STATUS}"] = in_turn(going(), cut, going(), cut, reply({"status": "Failed"}))
    with pytest.raises(NotDoneError):
        await follower.follow(token(arm))


async def test_an_operation_without_end_is_followed_for_a_bounded_time(follower, arm, stepped):
    arm.answers[f"GET {STATUS}"] = going(Retry_After="3600")
    await follower.follow(token(arm))
    assert FOLLOW_SECONDS <= stepped.monotonic() <= FOLLOW_SECONDS + LONGEST_PAUSE


STRANGERS = [
    "",
    "no json",
    "[]",
    "null",
    '{"kind": "status"}',
    '{"kind": "shell", "url": "{arm}/x"}',
    '{"kind": "status", "url": 7}',
    '{"kind": "status", "url": "https://elsewhere.example/x"}',
    '{"kind": "status", "url": "http://169.254.169.254/metadata"}',
    '{"kind": "status", "url": "https://[broken/x"}',
    '{"kind": "status", "url": "{arm}/' + "x" * 10_000 + '"}',
]


@pytest.mark.parametrize("text", STRANGERS, ids=range(len(STRANGERS)))
async def test_a_continuation_that_is_none_of_ours_is_never_asked_for(follower, arm, text, caplog):
    with caplog.at_level(logging.WARNING):
        await follower.follow(text.replace("{arm}", arm.url))
    assert not arm.arrived
    assert "can't be used" in caplog.text


async def test_a_bearer_token_never_leaves_for_where_the_platform_redirects(follower, arm):
    seen = []

    async def elsewhere(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers.get("Authorization"))
        return web.json_response({"status": "Succeeded"})

    other = f"https://localhost:{arm.url.rpartition(':')[2]}/other"
    arm.answers |= {f"GET {STATUS}": reply(None, 307, Location=other), "GET /other": elsewhere}
    await follower.follow(token(arm))
    assert not any(seen)
