"""Undoing an operation by its id: the inverse that was recorded before it ran, once, and not over somebody else's change."""

from __future__ import annotations

import pytest

from overwatch_mcp.errors import RequestError
from overwatch_mcp.operations import Call

WEST = {"east": 0, "west": 100}


async def undo(bench, undoes: str, operation_id: str = "undo", dry_run: bool = False):
    effect = await bench.workshop.undo(undoes, operation_id)
    return await bench.workshop.operations.execute(effect, Call(operation_id, dry_run=dry_run, undoes=undoes))


DONE = [
    ("scale_service", {"region": "east", "replicas": 4}),
    ("deploy_container", {"region": "east", "image": "mini-app:2"}),
    ("switch_traffic", {"weights": WEST}),
]


async def facts(bench):
    state = await bench.platform.service("east")
    return state.image, state.replicas_desired, state.replicas_ready, (await bench.platform.traffic()).weights


@pytest.mark.parametrize(("tool", "arguments"), DONE)
async def test_do_then_undo_restores_the_state_before(bench, tool, arguments):
    before = await facts(bench)
    await bench.run(tool, "do", **arguments)
    assert await facts(bench) != before
    result = await undo(bench, "do")
    assert (result.status, result.undoes) == ("succeeded", "do")
    assert await facts(bench) == before
    assert (await bench.workshop.operations.get("undo")).undoes == "do"


async def test_a_second_undo_under_another_id_is_refused(bench):
    await bench.run("switch_traffic", "do", weights=WEST)
    await undo(bench, "do", "undo-1")
    await bench.run("switch_traffic", "again", weights=WEST)
    result = await undo(bench, "do", "undo-2")
    assert result.status == "refused"
    assert "is undone by 'undo-1' already" in result.error
    assert (await bench.platform.traffic()).weights == WEST


async def test_the_same_undo_asked_for_again_gives_its_result(bench):
    await bench.run("switch_traffic", "do", weights=WEST)
    await undo(bench, "do")
    changes = len(bench.platform.history)
    again = await undo(bench, "do")
    assert (again.status, again.replayed) == ("succeeded", True)
    assert len(bench.platform.history) == changes


async def test_what_somebody_else_changed_since_is_not_undone(bench):
    await bench.run("switch_traffic", "do", weights=WEST)
    await bench.run("switch_traffic", "other", weights={"east": 50, "west": 50})
    result = await undo(bench, "do")
    assert result.status == "refused"
    assert "state changed since" in result.error
    assert (await bench.platform.traffic()).weights == {"east": 50, "west": 50}


async def test_a_failed_operation_can_be_undone_without_expecting_what_it_left(bench):
    bench.platform.good_images.discard("mini-app:2")
    failed = await bench.run("deploy_container", "do", region="east", image="mini-app:2")
    assert failed.status == "failed"
    assert (await undo(bench, "do")).status == "succeeded"
    assert (await bench.platform.service("east")).image == "mini-app:1"


async def test_a_dry_run_says_what_would_be_undone(bench):
    await bench.run("scale_service", "do", region="east", replicas=4)
    result = await undo(bench, "do", dry_run=True)
    assert (result.status, result.tool) == ("planned", "scale_service")
    assert "from 4 to 2 replicas" in result.summary
    assert (await bench.platform.service("east")).replicas_desired == 4


async def test_what_can_not_be_undone_is_an_error_that_says_why(bench):
    await bench.run("restart_service", "restarted", region="east")
    await bench.run("deploy_container", "refused", region="east", image="mini-app:2", expected_image="other")
    for undoes, words in (
        ("never", "was never begun here"),
        ("restarted", "has no inverse"),
        ("refused", "was refused: there is nothing to undo"),
    ):
        with pytest.raises(RequestError, match=words):
            await undo(bench, undoes)


async def test_what_the_target_does_not_allow_is_not_done_by_undoing(bench):
    await bench.run("switch_traffic", "do", weights=WEST)
    bench.config["targets"]["demo"]["allowed_tools"] = ["restart_service"]
    bench.anew()
    with pytest.raises(RequestError, match="is not allowed on 'demo'"):
        await undo(bench, "do")
    assert (await bench.platform.traffic()).weights == WEST
