"""The limits that hold whoever calls."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overwatch_mcp.envelope import refuse_image, refuse_weights
from overwatch_mcp.errors import RequestError
from overwatch_mcp.weights import percentages

BAD_WEIGHTS = [
    {},
    {"east": 100},
    {"east": 0, "west": 0},
    {"east": 50, "west": 51},
    {"east": 50, "west": 49},
    {"east": -1, "west": 101},
    {"east": 101, "west": -1},
    {"east": 0, "west": 100, "north": 0},
    {"East": 0, "west": 100},
    {"east": 0.5, "west": 99.5},
    {"east": True, "west": 99},
    {"east": "0", "west": "100"},
    {"east": None, "west": 100},
]


@pytest.mark.parametrize("weights", BAD_WEIGHTS)
async def test_weights_that_are_not_100_percent_over_the_known_regions_are_refused(bench, weights):
    result = await bench.run("switch_traffic", weights=weights)
    assert result.status == "refused"
    assert result.error
    assert not bench.platform.history
    assert (await bench.workshop.operations.get("op-1")).status == "absent"


@given(st.dictionaries(st.sampled_from(["east", "west", "north"]), st.integers(-5, 105)))
def test_weights_that_pass_are_never_empty(weights):
    class Config:
        regions = {"east": None, "west": None}  # noqa: RUF012 - read only

    if refuse_weights(Config, weights) is None:
        assert set(weights) == {"east", "west"}
        assert sum(weights.values()) == 100
        assert any(weight > 0 for weight in weights.values())
        assert all(0 <= weight <= 100 for weight in weights.values())


@pytest.mark.parametrize("replicas", [0, -1, 6, 10_000, True])
@pytest.mark.parametrize("dry_run", [False, True])
async def test_replicas_outside_of_the_limits_are_refused(bench, replicas, dry_run):
    result = await bench.run("scale_service", dry_run=dry_run, region="east", replicas=replicas)
    assert result.status == "refused"
    assert "1 to 5" in result.error
    assert bench.platform.revisions_made() == 0


BAD_IMAGES = [
    "other:1",
    "",
    "MINI-APP:1",
    "mini-app",
    "mini-app:1 --rm",
    "mini-app:1;reboot",
    "mini-app:\n1",
    "mini-app:" + "1" * 300,
]


@pytest.mark.parametrize("image", BAD_IMAGES)
async def test_an_image_without_an_allowed_prefix_is_refused(bench, image):
    result = await bench.run("deploy_container", region="east", image=image)
    assert result.status == "refused"
    assert bench.platform.revisions_made() == 0


@pytest.mark.parametrize(
    ("allowed", "image", "may"),
    [
        ("reg.example/shop:", "reg.example/shop:2", True),
        ("reg.example/", "reg.example/shop:2", True),
        ("reg.example/shop:2", "reg.example/shop:2", True),
        ("reg.example/shop:2", "reg.example/shop:22", False),
        ("reg.example", "reg.example.evil.example/shop:2", False),
        ("reg.example/shop", "reg.example/shopkeeper:2", False),
        ("reg.example/shop@", "reg.example/shop@sha256:0a", True),
    ],
)
def test_a_prefix_of_images_ends_at_a_boundary(bench, allowed, image, may):
    config = bench.workshop.config.target("demo").model_copy(update={"images": (allowed,)})
    assert (refuse_image(config, image) is None) is may


async def test_no_image_may_be_deployed_where_none_is_allowed(bench):
    bench.config["targets"]["demo"]["images"] = []
    bench.anew()
    assert (await bench.run("deploy_container", region="east", image="mini-app:2")).status == "refused"


HUGE = 10**4_000
UNUSABLE = [
    ("rollback_revision", {"region": "east", "revision": ""}, "leave it out"),
    ("rollback_revision", {"region": "east", "revision": "x" * 256}, "1 to 255 visible ASCII"),
    ("rollback_revision", {"region": "east", "revision": "\ud800"}, "visible ASCII"),
    ("restart_service", {"region": "east", "expected_revision": "demo\x1b[2J"}, r"'demo\\x1b\[2J' is not usable"),
    ("deploy_container", {"region": "east", "image": "mini-app:2", "expected_image": "a\nb"}, "expected_image 'a"),
    ("scale_service", {"region": "east", "replicas": HUGE}, "replicas 10{39} is out of all bounds"),
    ("scale_service", {"region": "east", "replicas": 3, "expected_replicas": -HUGE}, "out of all bounds"),
    ("switch_traffic", {"weights": {"east": HUGE, "west": 0}}, "weights of 'east' 10+ is out of all bounds"),
    ("switch_traffic", {"weights": {"e" * 64: 0}}, "weights is too long"),
    ("switch_traffic", {"weights": {"east": 0, "west": 100}, "expected_weights": {str(n): 0 for n in range(101)}}, "too long"),
]


@pytest.mark.parametrize(("tool", "arguments", "words"), UNUSABLE)
@pytest.mark.parametrize("dry_run", [False, True])
async def test_what_no_platform_can_have_is_an_error_and_is_not_journalled(bench, tool, arguments, words, dry_run):
    with pytest.raises(RequestError, match=words) as error:
        await bench.run(tool, dry_run=dry_run, **arguments)
    assert len(str(error.value)) < 300
    assert (await bench.workshop.operations.get("op-1")).status == "absent"


@pytest.mark.parametrize("epoch", [-1, 2**53, 2**63, HUGE])
async def test_an_epoch_that_no_lease_can_have_is_an_error(bench, epoch):
    with pytest.raises(RequestError, match=r"epoch .* is not usable: give 0 to 9007199254740991"):
        await bench.run("restart_service", epoch=epoch, region="east")


async def test_an_absurd_epoch_is_refused_and_locks_nobody_out(bench):
    await bench.run("restart_service", "op-1", epoch=7, region="east")
    for n, epoch in enumerate((1_008, 2**53 - 1)):
        for dry_run in (True, False):
            refused = await bench.run("restart_service", f"absurd-{n}", epoch=epoch, dry_run=dry_run, region="east")
            assert refused.status == "refused"
            assert "more than 1000 above 7" in refused.error
    assert (await bench.run("restart_service", "op-2", epoch=7, region="east")).status == "succeeded"
    assert (await bench.run("restart_service", "op-3", epoch=1_007, region="east")).status == "succeeded"


async def test_a_journal_that_is_new_takes_the_epoch_of_a_swarm_that_is_old(bench):
    refused = await bench.run("restart_service", "absurd", epoch=1_000_001, region="east")
    assert "more than 1000000 above 0" in refused.error
    assert (await bench.run("restart_service", "op-1", epoch=1_500, region="east")).status == "succeeded"
    assert (await bench.workshop.summary("demo")).highest_epoch == 1_500


async def test_a_target_tells_the_epoch_that_a_new_lease_has_to_be_above(bench):
    assert (await bench.workshop.summary("demo")).highest_epoch == 0
    await bench.run("restart_service", "op-1", epoch=7, region="east")
    assert (await bench.workshop.summary("demo")).highest_epoch == 7


async def test_an_unknown_target_is_an_error_that_names_the_known_ones(bench):
    with pytest.raises(RequestError, match=r"'prod' is not a target; known: \['demo'\]"):
        await bench.workshop.effect("restart_service", "prod", {"region": "east"}, "op-1")


@pytest.mark.parametrize("tool", ["restart_service", "scale_service", "deploy_container"])
async def test_an_unknown_region_is_an_error_that_names_the_known_ones(bench, tool):
    with pytest.raises(RequestError, match=r"'north' is not a region of 'demo'; known: \['east', 'west'\]"):
        await bench.run(tool, region="north")


async def test_a_tool_that_is_not_allowed_is_an_error_that_names_the_allowed_ones(bench):
    bench.config["targets"]["demo"]["allowed_tools"] = ["restart_service"]
    bench.anew()
    with pytest.raises(RequestError, match=r"'switch_traffic' is not allowed on 'demo'; allowed: \['restart_service'\]"):
        await bench.run("switch_traffic", weights={"east": 0, "west": 100})
    assert (await bench.run("restart_service", region="east")).status == "succeeded"


async def test_traffic_can_not_be_switched_where_there_is_no_way_to(bench):
    bench.config["targets"]["demo"]["traffic"] = None
    bench.anew()
    assert (await bench.run("switch_traffic", weights={"east": 0, "west": 100})).status == "refused"


@given(st.dictionaries(st.text(min_size=1, max_size=3), st.integers(0, 1000), min_size=1, max_size=6))
def test_percentages_sum_to_100_or_are_all_0(shares):
    percent = percentages(shares)
    assert sum(percent.values()) == (100 if sum(shares.values()) else 0)
    assert all(not percent[name] for name, share in shares.items() if share == 0)
