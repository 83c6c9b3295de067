"""Faults of ARM on request: each strikes the calls that it is for, as often as it says, and leaves the right effects."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from arm_support import APP, ORIGINS, properties, scale, template

from mini_app.local_azure.arm_faults import MOST_FAULTS, ArmFaults, FaultSpec
from mini_app.local_azure.fault_routes import PATH, add_fault_routes

ON = properties(enabledState="Enabled")
WEST = f"{ORIGINS}/west"


LONG = 60.0


@pytest.fixture
def over(monkeypatch) -> asyncio.Event:
    """What ends the long sleeps of slow calls."""
    event, sleep = asyncio.Event(), asyncio.sleep

    async def held(seconds: float) -> None:
        await (event.wait() if seconds == LONG else sleep(seconds))

    monkeypatch.setattr(asyncio, "sleep", held)
    return event


def order(faults: ArmFaults, kind: str, **more) -> None:
    faults.add(FaultSpec(kind=kind, **more))


def counts(faults: ArmFaults) -> list[tuple[int, int]]:
    return [(one["struck"], one["left"]) for one in faults.described()]


@pytest.mark.parametrize(
    ("path", "code"), [(APP, "ContainerAppOperationInProgress"), (WEST, "Conflict")], ids=["an app", "an origin"]
)
async def test_a_conflict_is_409_and_nothing_is_done(ask, faults, door, region, path, code):
    order(faults, "conflict", method="PATCH")
    answer = await ask.send("PATCH", path, ON)
    assert (answer.status, answer.code) == (409, code)
    assert (door.changes_total, region.changing) == (0, None)
    assert (await ask.send("PATCH", WEST, ON)).status == 200


async def test_throttling_says_when_to_come_again(ask, faults, door):
    order(faults, "throttle", retry_after=7, times=2)
    for _ in range(2):
        answer = await ask.send("PATCH", WEST, ON)
        assert (answer.status, answer.headers["Retry-After"], answer.code) == (429, "7", "TooManyRequests")
    assert door.changes_total == 0
    assert (await ask.send("PATCH", WEST, ON)).status == 200
    assert counts(faults) == [(2, 0)]


@pytest.mark.parametrize(
    ("status", "code"),
    [(500, "InternalServerError"), (503, "ServiceUnavailable"), (403, "AuthorizationFailed"), (599, "UnknownError")],
)
async def test_an_error_has_the_status_that_was_asked_for_and_nothing_is_done(ask, faults, door, status, code):
    order(faults, "error", status=status)
    answer = await ask.send("PATCH", WEST, ON)
    assert (answer.status, answer.code, door.changes_total) == (status, code, 0)


@pytest.mark.parametrize(("kind", "changes"), [("lose_before", 0), ("lose_after", 1)])
async def test_an_answer_is_lost_before_or_after_the_work(ask, faults, door, kind, changes):
    order(faults, kind, method="patch", path="ORIGINS/WEST")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await ask.send("PATCH", WEST, ON)
    assert door.changes_total == changes
    assert (await ask.send("GET", WEST)).status == 200


async def test_a_refusal_can_be_lost_too(ask, faults):
    order(faults, "lose_after")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await ask.send("PATCH", WEST, b"nonsense")


async def test_a_slow_change_of_an_app_lasts_longer_than_its_work(ask, faults, region, over):
    order(faults, "slow", method="PATCH", seconds=LONG)
    answer = await ask.send("PATCH", APP, scale(maxReplicas=9))
    operation = answer.path("Azure-AsyncOperation")
    while region.counters.scales_total == 0:
        await ask.send("GET", APP)
    assert (await ask.send("GET", operation)).body["status"] == "InProgress"
    assert (await ask.send("PATCH", APP, scale(maxReplicas=8))).status == 409
    over.set()
    while (await ask.send("GET", operation)).body["status"] == "InProgress":
        pass
    assert region.changing is None


async def test_a_slow_change_that_fails_is_in_progress_for_as_long(ask, faults, region, over):
    order(faults, "slow", method="PATCH", seconds=LONG)
    answer = await ask.send("PATCH", APP, template(revisionSuffix="r1", scale={"minReplicas": 4}))
    operation = answer.path("Azure-AsyncOperation")
    for _ in range(3):
        assert (await ask.send("GET", operation)).body["status"] == "InProgress"
    over.set()
    while (await ask.send("GET", operation)).body["status"] == "InProgress":
        pass
    assert (await ask.send("GET", operation)).body["status"] == "Failed"


async def test_a_slow_change_of_an_origin_is_accepted_and_followed(ask, faults, door, over):
    order(faults, "slow", method="PATCH", seconds=LONG)
    answer = await ask.send("PATCH", WEST, ON)
    assert (answer.status, door.origins["west"].enabled) == (202, True)
    status, result = answer.path("Azure-AsyncOperation"), answer.path("Location")
    assert "/providers/Microsoft.Cdn/" in status
    assert (await ask.send("GET", status)).body["status"] == "InProgress"
    over.set()
    while (await ask.send("GET", status)).body["status"] == "InProgress":
        pass
    assert (await ask.send("GET", result)).body == (await ask.send("GET", WEST)).body


async def test_a_slow_read_is_answered_late(ask, faults, over):
    order(faults, "slow", seconds=LONG)
    read = asyncio.create_task(ask.send("GET", APP))
    while counts(faults) == [(0, 1)]:
        await asyncio.sleep(0)
    assert (await ask.send("GET", WEST)).status == 200
    assert not read.done()
    over.set()
    assert (await read).status == 200


async def test_a_fault_strikes_only_the_calls_that_it_is_for(ask, faults):
    order(faults, "error", method="PATCH", path="/origins/west")
    assert (await ask.send("GET", WEST)).status == 200
    assert (await ask.send("PATCH", f"{ORIGINS}/east", ON)).status == 200
    assert (await ask.send("PATCH", WEST, ON, "Bearer wrong")).status == 401
    assert (await ask.send("PATCH", "/nowhere/origins/west", ON)).status == 404
    assert counts(faults) == [(0, 1)]
    assert (await ask.send("PATCH", WEST, ON)).status == 500


async def test_faults_strike_in_their_order_one_for_each_call(ask, faults):
    order(faults, "conflict")
    order(faults, "throttle")
    assert [(await ask.send("GET", APP)).status for _ in range(3)] == [409, 429, 200]


async def test_faults_are_ordered_listed_and_cleared_through_the_control_interface():
    faults = ArmFaults()
    app = web.Application()
    add_fault_routes(app, faults)
    async with TestClient(TestServer(app)) as client:
        async with client.post(PATH, json={"method": "PATCH", "path": "x", "kind": "slow", "seconds": 2, "times": 3}) as answer:
            assert answer.status == 200
        async with client.get(PATH) as answer:
            (one,) = (await answer.json())["faults"]
        assert (one["kind"], one["seconds"], one["struck"], one["left"]) == ("slow", 2, 0, 3)
        for wrong in (
            {},
            {"kind": "fire"},
            {"kind": "slow", "seconds": -1},
            {"kind": "error", "status": 200},
            {"kind": "slow", "x": 1},
        ):
            async with client.post(PATH, json=wrong) as answer:
                assert (answer.status, bool((await answer.json())["error"])) == (400, True)
        for _ in range(MOST_FAULTS - 1):
            faults.add(FaultSpec(kind="slow"))
        async with client.post(PATH, json={"kind": "slow"}) as answer:
            assert answer.status == 409
        async with client.delete(PATH) as answer:
            assert await answer.json() == {"faults": []}
