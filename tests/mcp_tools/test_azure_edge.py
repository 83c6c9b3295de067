"""Both edges by both hands: Front Door and Traffic Manager, by the SDK and by the Azure CLI."""

from __future__ import annotations

import asyncio
import itertools
import json
import shlex
import sys

import pytest
from odd_arm import GROUP, ORIGINS, cut

from overwatch_mcp.az_commands import AzCommands, in_safe_order
from overwatch_mcp.az_edge import FRESH_SECONDS
from overwatch_mcp.config import AzureTarget
from overwatch_mcp.errors import LostError, MissingError, NotDoneError, PlatformError, ThrottledError

pytest_plugins = ("odd_arm",)

PROFILE = f"{GROUP}/Microsoft.Network/trafficmanagerprofiles/demo-tm"
TRAFFIC = {
    "front_door": {
        "kind": "front_door",
        "profile": "demo-fd",
        "origin_group": "demo",
        "origins": {"east": "east", "west": "west"},
    },
    "traffic_manager": {"kind": "traffic_manager", "profile": "demo-tm", "endpoints": {"east": "east", "west": "west"}},
}
SCOPE = ["-g", "overwatch-demo", "--subscription", "00000000-0000-0000-0000-000000000001"]
ASKED = ["-o", "json", "--only-show-errors"]

FAKE_AZ = '''#!{python}
"""Answers as az does: it writes down its arguments and prints what it was given."""
import json, pathlib, sys
home = pathlib.Path(__file__).parent
with (home / "arguments.jsonl").open("a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
words = " ".join(word for word in sys.argv[1:4])
answer = home / f"{{words}}.json"
print(answer.read_text() if answer.exists() else "")
'''


def door(name: str, enabled: bool | str, weight: int | None = 1000, **more) -> dict:
    return {"name": name, "enabled": enabled, "weight": weight, **more}


class SdkWorld:
    """The edge as the Resource Manager has it."""

    def __init__(self, kind: str, arm) -> None:
        self.kind = kind
        self._arm = arm
        arm.answers["PATCH"] = {}

    def has(self, *doors: dict, **profile) -> None:
        documents = [document(self.kind, one) for one in doors]
        if self.kind == "front_door":
            self._arm.answers[f"GET {ORIGINS}"] = {"value": documents}
        else:
            properties = {"trafficRoutingMethod": "Weighted", "profileStatus": "Enabled", "endpoints": documents} | profile
            self._arm.answers[f"GET {PROFILE}"] = {"name": "demo-tm", "properties": properties}

    @property
    def changes(self) -> list[dict]:
        return [body["properties"] for body in self._arm.bodies]


class CliWorld:
    """The edge as the Azure CLI shows it: a raw answer for Front Door, the properties beside the name for Traffic Manager."""

    def __init__(self, kind: str, folder) -> None:
        self.kind = kind
        self._folder = folder
        self.az = folder / "az"
        self.az.write_text(FAKE_AZ.format(python=sys.executable), encoding="utf-8")
        self.az.chmod(0o700)

    def has(self, *doors: dict, **profile) -> None:
        documents = [document(self.kind, one) for one in doors]
        if self.kind == "front_door":
            self.answers("rest --method get", {"value": documents})
        else:
            endpoints = [flat(one) for one in documents]
            properties = {"trafficRoutingMethod": "Weighted", "profileStatus": "Enabled", "endpoints": endpoints} | profile
            self.answers("network traffic-manager profile", {"name": "demo-tm", **properties})

    def answers(self, words: str, content: object) -> None:
        (self._folder / f"{words}.json").write_text(json.dumps(content), encoding="utf-8")

    @property
    def commands(self) -> list[list[str]]:
        path = self._folder / "arguments.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [json.loads(line) for line in lines]

    @property
    def changes(self) -> list[dict]:
        """What the updates ask for, in the words of the Resource Manager."""
        names = {"--endpoint-status": "endpointStatus", "--weight": "weight"}
        found = []
        for words in self.commands:
            if "patch" in words:
                found.append(json.loads(words[words.index("--body") + 1])["properties"])
            elif "update" in words:
                pairs = itertools.pairwise(words)
                found.append({names[key]: int(word) if word.isdecimal() else word for key, word in pairs if key in names})
        return found


def document(kind: str, one: dict) -> dict:
    enabled, name = one["enabled"], one["name"]
    state = enabled if isinstance(enabled, str) else "Enabled" if enabled else "Disabled"
    more = {key: value for key, value in one.items() if key not in {"name", "enabled", "weight", "type"}}
    if kind == "front_door":
        return {"name": name, "properties": {"enabledState": state, "weight": one["weight"], "priority": 1, **more}}
    where = f"Microsoft.Network/trafficManagerProfiles/{one.get('type', 'externalEndpoints')}"
    return {"name": name, "type": where, "properties": {"endpointStatus": state, "weight": one["weight"], **more}}


def flat(resource: dict) -> dict:
    return {key: value for key, value in resource.items() if key != "properties"} | resource["properties"]


@pytest.fixture(params=["front_door", "traffic_manager"])
def kind(request):
    return request.param


@pytest.fixture(params=["sdk", "cli"])
async def edge(request, kind, arm, made, tmp_path):
    """A world that can be set up, and the platform in front of it."""
    traffic = TRAFFIC[kind] | {"via": request.param}
    if request.param == "sdk":
        return SdkWorld(kind, arm), made(traffic=traffic)
    world = CliWorld(kind, tmp_path)
    return world, made(traffic=traffic | {"az": str(world.az)})


SHARES = [
    ([door("east", True), door("west", False)], {"east": 100, "west": 0}),
    ([door("east", True, 300), door("west", True, 700)], {"east": 30, "west": 70}),
    ([door("east", False), door("west", True, 1)], {"east": 0, "west": 100}),
    ([door("east", False), door("west", False)], {"east": 0, "west": 0}),
    ([door("east", True), door("west", False), door("old", False)], {"east": 100, "west": 0}),
    ([door("EAST", True), door("West", False)], {"east": 100, "west": 0}),
    ([door("east", True, None), door("west", True, 1)], {"east": 50, "west": 50}),
]


@pytest.mark.parametrize(("doors", "weights"), SHARES, ids=range(len(SHARES)))
async def test_shares_are_read_as_percent(edge, doors, weights):
    world, platform = edge
    world.has(*doors)
    state = await platform.traffic()
    assert state.weights == weights
    assert [origin.region for origin in state.origins] == ["east", "west"]


async def test_a_door_that_nobody_configured_and_that_takes_traffic_is_an_error(edge):
    world, platform = edge
    world.has(door("east", True), door("west", False), door("north", True))
    with pytest.raises(PlatformError, match=r"'north'.*add it to traffic"):
        await platform.traffic()


async def test_a_door_that_is_missing_is_an_error(edge):
    world, platform = edge
    world.has(door("east", True))
    with pytest.raises(MissingError, match=r"\['west'\]: correct traffic"):
        await platform.traffic()


@pytest.mark.parametrize("odd", [door("west", "Unsure"), door("west", True, "many"), door("west", "None")])
async def test_a_door_that_can_not_be_read_is_not_guessed(edge, odd):
    world, platform = edge
    world.has(door("east", True), odd)
    with pytest.raises(LostError, match="can't be read"):
        await platform.traffic()


async def test_a_share_is_set_in_thousandths_and_none_disables(edge, kind):
    world, platform = edge
    world.has(door("east", True), door("west", True))
    await platform.set_origin("west", 100)
    await platform.set_origin("west", 1)
    await platform.set_origin("east", 0)
    key, more = ("enabledState", {"priority": 1}) if kind == "front_door" else ("endpointStatus", {})
    assert world.changes == [
        {key: "Enabled", "weight": 1000, **more},
        {key: "Enabled", "weight": 10, **more},
        {key: "Disabled"},
    ]


async def test_the_last_region_is_never_disabled_whoever_asks(edge):
    world, platform = edge
    world.has(door("east", True), door("west", False), door("old", False))
    with pytest.raises(NotDoneError, match="'east' is the only region that is enabled"):
        await platform.set_origin("east", 0)
    assert world.changes == []


async def test_nothing_is_disabled_where_the_others_can_not_be_seen(edge):
    world, platform = edge
    with pytest.raises(PlatformError):
        await platform.set_origin("east", 0)
    assert world.changes == []


@pytest.mark.parametrize("kind", ["front_door", "traffic_manager"])
@pytest.mark.parametrize(("fault", "error"), [(429, ThrottledError), (500, LostError), (503, LostError), (cut, LostError)])
async def test_a_share_is_asked_for_once_whatever_comes_back(made, arm, kind, fault, error):
    arm.answers["PATCH"] = fault
    with pytest.raises(error):
        await made(traffic=TRAFFIC[kind]).set_origin("west", 100)
    assert arm.arrived["PATCH"] == 1


@pytest.mark.parametrize("via", ["sdk", "cli"])
class TestTrafficManager:
    @pytest.fixture
    async def manager(self, via, arm, made, tmp_path):
        traffic = TRAFFIC["traffic_manager"] | {"via": via}
        if via == "sdk":
            return SdkWorld("traffic_manager", arm), made(traffic=traffic)
        world = CliWorld("traffic_manager", tmp_path)
        return world, made(traffic=traffic | {"az": str(world.az)})

    @pytest.mark.parametrize("method", ["Priority", "Performance", None])
    async def test_a_profile_that_knows_no_shares_is_an_error_with_the_remedy(self, manager, method):
        world, platform = manager
        world.has(door("east", True), door("west", False), trafficRoutingMethod=method)
        with pytest.raises(PlatformError, match="--routing-method Weighted"):
            await platform.traffic()

    async def test_a_profile_that_is_disabled_is_an_error(self, manager):
        world, platform = manager
        world.has(door("east", True), door("west", False), profileStatus="Disabled")
        with pytest.raises(PlatformError, match="enable the profile"):
            await platform.traffic()

    async def test_an_endpoint_of_another_type_is_an_error(self, manager):
        world, platform = manager
        world.has(door("east", True, type="azureEndpoints"), door("west", False))
        with pytest.raises(PlatformError, match=r"'azureEndpoints': correct traffic\.endpoint_type"):
            await platform.traffic()

    async def test_what_the_monitor_says_of_an_endpoint_is_shown(self, manager):
        world, platform = manager
        world.has(
            door("east", True, endpointMonitorStatus="Degraded"), door("west", False, endpointMonitorStatus="\x1b[1mStopped")
        )
        state = await platform.traffic()
        assert [origin.health for origin in state.origins] == ["Degraded", "Stopped"]
        assert state.weights == {"east": 100, "west": 0}


async def test_front_doors_second_choice_has_no_share_while_the_first_is_enabled(arm, platform):
    first, second = (document("front_door", door(name, True)) for name in ("east", "west"))
    second["properties"]["priority"] = 2
    arm.answers[f"GET {ORIGINS}"] = {"value": [first, second]}
    assert (await platform.traffic()).weights == {"east": 100, "west": 0}
    first["properties"]["enabledState"] = "Disabled"
    assert (await platform.traffic()).weights == {"east": 0, "west": 100}


COMMANDS = {
    "front_door": (
        ["rest", "--method", "get", "--url", f"{ORIGINS}?api-version=2024-02-01"],
        [
            *["rest", "--method", "patch", "--url", f"{ORIGINS}/west?api-version=2024-02-01"],
            *["--body", '{"properties": {"enabledState": "Enabled", "weight": 1000, "priority": 1}}'],
        ],
        ["--body", '{"properties": {"enabledState": "Disabled"}}'],
    ),
    "traffic_manager": (
        ["network", "traffic-manager", "profile", "show", "-n", "demo-tm", *SCOPE],
        [
            *["network", "traffic-manager", "endpoint", "update", "--profile-name", "demo-tm", "-n", "west"],
            *["--type", "ExternalEndpoints", "--endpoint-status", "Enabled", "--weight", "1000", *SCOPE],
        ],
        ["--endpoint-status", "Disabled", *SCOPE],
    ),
}


async def test_the_command_that_is_run_is_the_one_that_is_told(kind, made, tmp_path):
    world = CliWorld(kind, tmp_path)
    world.has(door("east", True), door("west", False))
    platform = made(traffic=TRAFFIC[kind] | {"via": "cli", "az": str(world.az)})
    await platform.traffic()
    await platform.set_origin("west", 100)
    read, update, disabled = COMMANDS[kind]
    assert world.commands == [[*read, *ASKED], [*update, *ASKED]]
    told = [shlex.split(command) for command in platform.commands.switch({"east": 0, "west": 100}).split(" && ")]
    assert told[0] == ["az", *update]
    assert told[1][-len(disabled) :] == disabled


async def test_origins_on_more_than_one_page_are_not_half_read(made, tmp_path):
    world = CliWorld("front_door", tmp_path)
    one = document("front_door", door("east", True))
    world.answers("rest --method get", {"value": [one], "nextLink": "https://arm.example/more"})
    platform = made(traffic=TRAFFIC["front_door"] | {"via": "cli", "az": str(world.az)})
    with pytest.raises(LostError, match="can't be read"):
        await platform.traffic()


def reads(world) -> int:
    return sum(not {"update", "patch"} & set(words) for words in world.commands)


async def test_looks_close_to_each_other_run_one_command_and_a_change_is_seen_at_once(kind, made, tmp_path, stepped):
    world = CliWorld(kind, tmp_path)
    world.has(door("east", True), door("west", False))
    platform = made(stepped, traffic=TRAFFIC[kind] | {"via": "cli", "az": str(world.az)})
    states = await asyncio.gather(*(platform.traffic() for _ in range(3)))
    assert [state.weights["west"] for state in states] == [0, 0, 0]
    assert reads(world) == 1
    world.has(door("east", True), door("west", True))
    await platform.set_origin("west", 100)
    assert (await platform.traffic()).weights["west"] == 50
    stepped.advance(FRESH_SECONDS)
    world.has(door("east", False), door("west", True))
    assert (await platform.traffic()).weights["west"] == 100
    assert reads(world) == 3


def test_without_an_edge_no_command_moves_traffic(config):
    target = AzureTarget.model_validate(config["targets"]["demo"] | {"traffic": None})
    assert AzCommands(target).switch({"east": 0, "west": 100}) == ""


async def test_without_an_edge_traffic_is_a_platform_error_with_the_remedy(made):
    with pytest.raises(PlatformError, match="set `traffic`"):
        await made(traffic=None).traffic()


def test_regions_that_receive_traffic_come_before_those_that_lose_it():
    assert in_safe_order({"a": 0, "b": 30, "c": 0, "d": 70}) == [("b", 30), ("d", 70), ("a", 0), ("c", 0)]
