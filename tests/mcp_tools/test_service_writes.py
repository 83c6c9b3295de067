"""Restarting, scaling and deploying: when each counts as done, and how it is undone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from overwatch_mcp.effect import revision_suffix


async def test_a_restart_replaces_a_dead_replica(bench):
    bench.platform.kill_replica("east")
    before = await bench.platform.service("east")
    assert before.replicas_ready == 1
    result = await bench.run("restart_service", region="east")
    assert result.status == "succeeded"
    after = await bench.platform.service("east")
    assert after.replicas_ready == 2
    assert {r.name for r in after.replicas}.isdisjoint(r.name for r in before.replicas)


async def test_a_restart_is_done_only_when_all_replicas_are_new(bench):
    async def only_one(region: str, revision: str) -> None:
        bench.platform.calls["restart east"] += 1
        bench.platform.replicas[region][0] = bench.platform._new(region, 0)

    bench.platform.restart = only_one
    result = await bench.run("restart_service", region="east")
    assert result.status == "failed"
    assert "1 of 2 replicas of east are new" in result.error


async def test_a_replica_that_keeps_its_name_is_known_by_its_start(bench):
    async def in_place(region: str, revision: str) -> None:
        for one in bench.platform.replicas[region]:
            one["created_at"] += timedelta(seconds=1)

    bench.platform.restart = in_place
    bench.clock.advance(5)
    assert (await bench.run("restart_service", region="east")).status == "succeeded"


async def test_a_restart_has_no_inverse_and_says_which_revision(bench):
    result = await bench.run("restart_service", region="east")
    assert result.inverse is None
    assert result.command == "az restart east demo-east--first"
    assert "demo-east--first" in result.summary


async def test_scaling_up_and_back_restores_the_state_before(bench):
    up = await bench.run("scale_service", "up", region="east", replicas=4)
    assert (up.state_before["replicas_desired"], up.state_after["replicas_ready"]) == (2, 4)
    assert up.inverse.arguments == {"target": "demo", "region": "east", "replicas": 2}
    down = await bench.run("scale_service", "down", region="east", replicas=2)
    assert down.state_after["replicas_ready"] == 2


async def test_scaling_to_what_is_there_changes_nothing(bench):
    result = await bench.run("scale_service", region="east", replicas=2)
    assert result.status == "succeeded"
    assert "already" in result.summary
    assert bench.platform.revisions_made() == 0


async def test_scaling_to_the_same_number_heals_a_dead_replica(bench):
    bench.platform.kill_replica("east")
    result = await bench.run("scale_service", region="east", replicas=2)
    assert result.status == "succeeded"
    assert (await bench.platform.service("east")).replicas_ready == 2


async def test_the_upper_bound_makes_room_and_is_never_lowered(bench):
    bench.platform.bounds["east"] = (2, 3)
    await bench.run("scale_service", "up", region="east", replicas=4)
    assert bench.platform.bounds["east"] == (4, 4)
    bench.platform.bounds["west"] = (2, 5)
    await bench.run("scale_service", "west", region="west", replicas=3)
    assert bench.platform.bounds["west"] == (3, 5)


async def test_scaling_from_nothing_has_no_inverse(bench):
    bench.platform.bounds["east"] = (0, 5)
    assert (await bench.run("scale_service", region="east", replicas=2)).inverse is None


async def test_a_deployment_is_named_by_its_operation(bench):
    result = await bench.run("deploy_container", "op-7", region="east", image="mini-app:2")
    assert result.state_after["revision"] == f"demo-east--{revision_suffix('op-7')}"
    assert revision_suffix("op-7").startswith("ow-")
    assert len(revision_suffix("op-7")) == 11


async def test_a_deployment_and_its_inverse_restore_the_image(bench):
    done = await bench.run("deploy_container", "do", region="east", image="mini-app:2")
    undone = await bench.run("deploy_container", "undo", region="east", image=done.inverse.arguments["image"])
    assert undone.state_after["image"] == done.state_before["image"] == "mini-app:1"


async def test_an_image_that_does_not_come_up_is_a_failure_with_the_platforms_words(bench):
    result = await bench.run("deploy_container", region="east", image="mini-app:404")
    assert result.status == "failed"
    assert "no such image" in result.error
    assert result.state_after["image"] == "mini-app:1"


async def test_a_suffix_that_exists_with_another_image_is_a_failure_not_a_silent_success(bench):
    name = f"demo-east--{revision_suffix('op-1')}"
    bench.platform.known[name] = {"image": "mini-app:1", "min": 2}
    result = await bench.run("deploy_container", region="east", image="mini-app:2")
    assert result.status == "failed"
    assert "use another operation id" in result.error


async def test_there_is_no_way_back_to_an_image_that_is_not_allowed(bench):
    bench.platform.known["demo-east--first"]["image"] = "legacy:1"
    result = await bench.run("deploy_container", region="east", image="mini-app:2")
    assert result.status == "succeeded"
    assert result.inverse is None


@pytest.mark.parametrize("tool", ["restart_service", "scale_service", "deploy_container"])
async def test_the_expected_state_lets_a_write_pass(bench, tool):
    arguments = {
        "restart_service": {"expected_revision": "demo-east--first"},
        "scale_service": {"replicas": 3, "expected_replicas": 2},
        "deploy_container": {"image": "mini-app:2", "expected_image": "mini-app:1"},
    }[tool]
    assert (await bench.run(tool, region="east", **arguments)).status == "succeeded"
