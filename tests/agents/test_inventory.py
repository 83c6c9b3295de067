"""The facts that plans are made on and judged by: read anew each time, and None where they can't be read."""

from __future__ import annotations

import pytest
from sentry_support import target_settings

from agents.inventory import TargetInventory
from agents.seams import ToolError, ToolsUnavailableError
from agents.world import UnknownTargetError


class Answers:
    """Tools that answer from a table; an exception in it is raised."""

    def __init__(self) -> None:
        self.states = {r: {"replicas_ready": 2, "replicas_desired": 3, "image": "shop:2"} for r in ("east", "west")}
        self.traffic = {"weights": {"east": 60, "west": 40}}
        self.revisions = {r: {"revisions": []} for r in ("east", "west")}

    async def read(self, tool, arguments):
        table = self.revisions if tool == "list_revisions" else self.states
        answer = self.traffic if tool == "get_traffic" else table[arguments["region"]]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def write(self, tool, arguments):
        raise AssertionError(f"the inventory wrote: {tool}")


class Seen:
    """What Sentry last saw, set by the test."""

    def __init__(self) -> None:
        self.health, self.lag, self.images = {"east": "fail", "west": "ok"}, {}, {}

    def latest(self, target):
        return self.health

    def replication_lag(self, target):
        return self.lag

    def previous_image(self, target):
        return self.images


class Here:
    def __init__(self, settings=None) -> None:
        self.tools, self.seen = Answers(), Seen()
        self.targets = {"demo": settings or target_settings()}
        self.inventory = TargetInventory(self.targets, self.tools, self.seen)

    async def region(self, name):
        return (await self.inventory.world("demo")).region(name)


@pytest.fixture
def here():
    return Here()


async def test_a_region_s_facts_are_what_the_platform_and_sentry_say(here):
    east = await here.region("east")
    assert (east.health, east.traffic, east.replicas_ready, east.replicas_desired, east.image) == ("fail", 60, 2, 3, "shop:2")
    assert (await here.region("west")).traffic == 40


async def test_what_sentry_saw_of_lag_is_handed_on(here):
    here.seen.lag = {"west": 7.5}
    east, west = await here.region("east"), await here.region("west")
    assert (east.replication_lag_s, west.replication_lag_s) == (None, 7.5)


def revisions(*rows):
    """Revisions, the newest first: name, image and what is wrong with it."""
    return {"revisions": [{"name": name, "image": image, "error": error} for name, image, error in rows]}


@pytest.fixture
def with_images():
    settings = target_settings()
    here = Here(settings.model_copy(update={"platform": settings.platform.model_copy(update={"images": ("shop:",)})}))
    here.tools.states["east"] |= {"revision": "e4"}
    return here


LISTED = revisions(
    ("e5", "shop:3", "ImagePullBackOff"),
    ("e4", "shop:2", None),
    ("e3", "shop:2", None),
    ("e2", "shop:1", None),
    ("e1", "shop:0", None),
)


@pytest.mark.parametrize(
    ("seen_well", "back_to"), [(None, ("e2", "shop:1")), ("shop:0", ("e1", "shop:0")), ("shop:9", (None, None))]
)
async def test_the_revision_to_go_back_to_is_the_newest_with_another_image_that_ran_well(with_images, seen_well, back_to):
    with_images.tools.revisions["east"] = LISTED
    with_images.seen.images = {} if seen_well is None else {"east": seen_well}
    east = await with_images.region("east")
    assert (east.revision, east.previous_revision, east.previous_image) == ("e4", *back_to)


@pytest.mark.parametrize(
    "listed",
    [
        revisions(("e4", "shop:2", None), ("e3", "shop:1", "crashed")),
        revisions(("e4", "shop:2", None), ("e3", None, None)),
        revisions(("e3", "shop:1", None)),
        {"revisions": None},
        {"revisions": ["e3", 7]},
        {"revisions": "e3"},
        ToolError("no"),
    ],
)
async def test_without_a_revision_that_came_up_there_is_none_to_go_back_to(with_images, listed):
    with_images.tools.revisions["east"] = listed
    assert (await with_images.region("east")).previous_revision is None


async def test_a_target_without_images_is_not_asked_for_revisions(here):
    here.tools.revisions = {}
    assert (await here.region("east")).previous_revision is None


@pytest.mark.parametrize("error", [ToolError("no such app"), ToolsUnavailableError("away")])
async def test_what_can_not_be_read_is_not_known_and_the_rest_is(here, error):
    here.tools.states["east"] = error
    east, west = await here.region("east"), await here.region("west")
    assert (east.replicas_ready, east.replicas_desired, east.image, east.traffic) == (None, None, None, 60)
    assert west.replicas_ready == 2
    here.tools.traffic = error
    assert (await here.region("west")).traffic is None


async def test_nothing_is_remembered_from_the_last_answer(here):
    assert (await here.region("east")).replicas_ready == 2
    here.tools.states["east"] = ToolsUnavailableError("away")
    assert (await here.region("east")).replicas_ready is None


@pytest.mark.parametrize("odd", ["100", -1, 0.5, True, None, [100], float("nan")])
async def test_a_number_that_is_none_is_not_known(here, odd):
    here.tools.traffic = {"weights": {"east": odd, "west": 100}}
    here.tools.states["east"] = {"replicas_ready": odd, "replicas_desired": odd}
    east = await here.region("east")
    assert (east.traffic, east.replicas_ready, east.replicas_desired) == (None, None, None)


@pytest.mark.parametrize("odd", [None, [], "east", 7])
async def test_weights_of_another_shape_are_not_known(here, odd):
    here.tools.traffic = {"weights": odd}
    assert (await here.region("east")).traffic is None


async def test_an_image_from_outside_is_cleaned(here):
    here.tools.states["east"] = {"image": "shop:2\x1b[31m\u202e"}
    assert (await here.region("east")).image == "shop:2"


async def test_a_region_that_sentry_has_not_seen_is_unknown(here):
    here.seen.health = {}
    assert (await here.region("west")).health == "unknown"


async def test_a_target_without_a_platform_asks_no_tool_and_allows_nothing():
    here = Here(target_settings(platform=False))
    here.tools.states = here.tools.traffic = AssertionError("a tool was asked")
    world = await here.inventory.world("demo")
    assert (world.allowed, world.max_replicas) == (frozenset(), 0)
    assert [r.traffic for r in world.regions] == [None, None]


async def test_an_unknown_target_is_named_with_the_known_ones(here):
    with pytest.raises(UnknownTargetError, match="'bank' is not a target"):
        await here.inventory.world("bank")
