"""Moving users: never empty, never claimed before the public address answers accordingly."""

from __future__ import annotations

import pytest

from overwatch_mcp.platform import ProbeAnswer

WEST = {"east": 0, "west": 100}


async def test_destinations_are_enabled_before_sources_are_disabled(bench):
    await bench.run("switch_traffic", weights=WEST)
    assert bench.platform.history == [{"east": 50, "west": 50}, WEST]


@pytest.mark.parametrize("weights", [WEST, {"east": 50, "west": 50}, {"east": 1, "west": 99}, {"east": 100, "west": 0}])
async def test_no_step_on_the_way_leaves_nobody_serving(bench, weights):
    result = await bench.run("switch_traffic", weights=weights)
    assert result.status == "succeeded"
    assert (await bench.platform.traffic()).weights == weights
    assert all(sum(step.values()) == 100 for step in bench.platform.history)


async def test_there_and_back_restores_the_state_before(bench):
    there = await bench.run("switch_traffic", "there", weights=WEST)
    assert there.inverse.tool == "switch_traffic"
    back = await bench.run("switch_traffic", "back", weights=there.inverse.arguments["weights"])
    assert back.state_after["weights"] == there.state_before["weights"] == {"east": 100, "west": 0}


async def test_weights_that_hold_already_change_nothing_but_are_checked(bench):
    result = await bench.run("switch_traffic", weights={"east": 100, "west": 0})
    assert result.status == "succeeded"
    assert not bench.platform.history


async def test_the_api_saying_yes_is_no_success_while_the_wrong_region_answers(bench):
    bench.platform.answers = lambda: ProbeAnswer("east", 200)
    result = await bench.run("switch_traffic", weights=WEST)
    assert result.status == "failed"
    assert "answered by 'east' with 200" in result.error
    assert result.state_after["weights"] == WEST
    assert result.inverse.arguments["weights"] == {"east": 100, "west": 0}


async def test_the_answers_must_come_in_a_row(bench):
    script = [*(["west", "east", "west", "west", "east"]), *["west"] * 3]
    asked = []

    def answer() -> ProbeAnswer:
        asked.append(script[len(asked)])
        return ProbeAnswer(asked[-1], 200)

    bench.platform.answers = answer
    assert (await bench.run("switch_traffic", weights=WEST)).status == "succeeded"
    assert asked == script


async def test_a_switch_is_not_judged_by_the_health_of_its_destination(bench):
    bench.platform.answers = lambda: ProbeAnswer("west", 503)
    result = await bench.run("switch_traffic", weights=WEST)
    assert result.status == "succeeded"
    assert "west 503" in result.summary


NO_ANSWERS = [
    (ProbeAnswer(None, None, "no answer (ClientConnectorError)"), "no answer"),
    (ProbeAnswer(None, 200), "no x-region header"),
    (ProbeAnswer("north", 200), "'north'"),
]


@pytest.mark.parametrize(("answer", "words"), NO_ANSWERS)
async def test_a_public_address_that_does_not_say_who_answers_is_a_failure(bench, answer, words):
    bench.platform.answers = lambda: answer
    began = bench.clock.monotonic()
    result = await bench.run("switch_traffic", weights=WEST)
    assert result.status == "failed"
    assert words in result.error
    assert 20 <= bench.clock.monotonic() - began <= 25


async def test_without_a_public_address_the_summary_says_that_nobody_looked(bench):
    bench.config["targets"]["demo"]["public_url"] = None
    bench.anew()
    result = await bench.run("switch_traffic", weights=WEST)
    assert result.status == "succeeded"
    assert "not checked from outside" in result.summary


async def test_sources_stay_enabled_while_the_destination_does_not_show(bench):
    honest = bench.platform.set_origin

    async def forgetful(region: str, weight: int) -> None:
        if region == "east":
            await honest(region, weight)

    bench.platform.set_origin = forgetful
    result = await bench.run("switch_traffic", weights=WEST)
    assert result.status == "unknown"
    assert (await bench.platform.traffic()).weights == {"east": 100, "west": 0}


async def test_the_command_says_the_same_as_the_call(bench):
    result = await bench.run("switch_traffic", weights=WEST, dry_run=True)
    assert result.command == "az switch east=0 west=100"


async def test_traffic_that_nobody_receives_has_no_inverse(bench):
    bench.platform.origins = {"east": (False, 1000), "west": (False, 1000)}
    result = await bench.run("switch_traffic", weights=WEST)
    assert result.status == "succeeded"
    assert result.inverse is None
