"""Traffic Manager: the other view of the ingress that Front Door shows, and as good a way to move its users."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from arm_support import ORIGINS, PROFILE, properties

WEST = f"{PROFILE}/ExternalEndpoints/west"


def settings(door) -> dict[str, tuple[bool, int]]:
    return {name: (origin.enabled, origin.weight) for name, origin in door.origins.items()}


async def test_the_profile_shows_the_endpoints_as_the_ingress_has_them(ask):
    profile = (await ask.send("GET", PROFILE)).body
    assert (profile["name"], profile["properties"]["trafficRoutingMethod"]) == ("tm", "Weighted")
    shown = {e["name"]: e["properties"] for e in profile["properties"]["endpoints"]}
    assert {name: (e["endpointStatus"], e["weight"]) for name, e in shown.items()} == {
        "east": ("Enabled", 1000),
        "west": ("Disabled", 1000),
    }
    assert shown["east"]["endpointMonitorStatus"] == "Online"
    assert (await ask.send("GET", PROFILE.rpartition("/")[0])).body["value"] == [profile]
    assert (await ask.send("GET", WEST)).body == profile["properties"]["endpoints"][1]


async def test_an_endpoint_that_is_unwell_is_shown_as_degraded(ask, door):
    door.origins["east"].samples.extend([False] * 3)
    profile = (await ask.send("GET", PROFILE)).body["properties"]
    assert profile["endpoints"][0]["properties"]["endpointMonitorStatus"] == "Degraded"
    assert profile["monitorConfig"]["profileMonitorStatus"] == "Degraded"


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_a_changed_endpoint_moves_users_and_is_seen_through_front_door(ask, door, method):
    door.origins["west"].priority = 2
    answer = await ask.send(method, WEST, properties(endpointStatus="Enabled", weight=250, target="kept", priority=9))
    assert (answer.status, answer.body) == (200, (await ask.send("GET", WEST)).body)
    assert settings(door) == {"east": (True, 1000), "west": (True, 250)}
    assert door.percent("west") == 20
    origin = (await ask.send("GET", f"{ORIGINS}/west")).body["properties"]
    assert (origin["enabledState"], origin["weight"]) == ("Enabled", 250)
    assert (door.changes_total, door.weighted_changes_total) == (1, 1)


async def test_a_changed_origin_is_seen_through_traffic_manager(ask, door):
    await ask.send("PATCH", f"{ORIGINS}/west", properties(enabledState="Enabled", weight=3))
    shown = (await ask.send("GET", WEST)).body["properties"]
    assert (shown["endpointStatus"], shown["weight"]) == ("Enabled", 3)
    assert (door.changes_total, door.weighted_changes_total) == (1, 0)


async def test_the_same_again_and_nothing_at_all_change_nothing(ask, door):
    door.origins["west"].priority = 2
    assert (await ask.send("PATCH", WEST, b"{}")).status == 200
    assert door.origins["west"].priority == 2
    for _ in range(2):
        await ask.send("PATCH", WEST, properties(endpointStatus="Enabled"))
    assert (door.changes_total, door.weighted_changes_total) == (1, 1)


@pytest.mark.parametrize(
    "content",
    [
        {"weight": 0},
        {"weight": 1001},
        {"weight": "5"},
        {"weight": True},
        {"endpointStatus": "enabled"},
        {"endpointStatus": 1},
        {"endpointStatus": "Enabled", "weight": -1},
    ],
)
async def test_nonsense_is_refused_and_nothing_is_done(ask, door, content):
    before = [asdict(o) for o in door.origins.values()]
    answer = await ask.send("PATCH", WEST, properties(**content))
    assert (answer.status, answer.code) == (400, "InvalidRequestContent")
    assert [asdict(o) for o in door.origins.values()] == before


@pytest.mark.parametrize(
    "path",
    [f"{PROFILE}x", f"{PROFILE}/externalEndpoints/north", f"{PROFILE}/azureEndpoints/west", WEST.replace("/group/", "/x/")],
)
async def test_what_is_not_there_is_404(ask, path):
    assert (await ask.send("GET", path)).status == 404
