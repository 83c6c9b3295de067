"""Undoing an operation by its id: the inverse that was recorded before it ran, once, and not over somebody else's change."""

from __future__ import annotations

import pytest
from mcp_support import Killed, journal_that_dies_at

from overwatch_mcp.errors import NotDoneError, RequestError
from overwatch_mcp.operations import Call

WEST = {"east": 0, "west": 100}


async def undo(bench, undoes: str, operation_id: str = "undo", dry_run: bool = False):
    effect = await bench.workshop.undo(undoes, operation_id)
    return await bench.workshop.operations.execute(effect, Call(operation_id, dry_run=dry_run, undoes=undoes))


def raising(error: Exception):
    def fail() -> None:
        raise error

    return fail


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


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_second_undo_hears_of_the_first_and_not_of_a_state_that_somebody_changed(bench, dry_run):
    await bench.run("scale_service", "do", region="east", replicas=4)
    await undo(bench, "do", "undo-1")
    result = await undo(bench, "do", "undo-2", dry_run=dry_run)
    assert (result.status, result.error) == ("refused", "'do' is undone by 'undo-1' already: see get_operation")


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


@pytest.fixture
async def failed(bench):
    """A deployment without success, of which nobody knows for certain what it left."""
    bench.platform.good_images = {"mini-app:1", "mini-app:3"}
    assert (await bench.run("deploy_container", "do", region="east", image="mini-app:2")).status == "failed"
    return bench


async def test_a_failed_operation_is_not_undone_over_a_later_one(failed):
    await failed.run("deploy_container", "later", region="east", image="mini-app:3")
    for dry_run in (True, False):
        result = await undo(failed, "do", dry_run=dry_run)
        assert result.status == "refused"
        assert "'later' has changed the same since 'do', which did not succeed: undo that one first" in result.error
    assert (await failed.platform.service("east")).image == "mini-app:3"
    assert (await undo(failed, "later", "undo-later")).status == "succeeded"
    assert (await undo(failed, "undo-later", "later-again")).status == "succeeded"
    assert (await undo(failed, "do", dry_run=True)).status == "refused"
    assert (await undo(failed, "later-again", "undo-later-again")).status == "succeeded"
    assert (await undo(failed, "do")).status == "succeeded"
    assert (await failed.platform.service("east")).image == "mini-app:1"


async def test_a_failed_operation_is_not_undone_over_the_undoing_of_an_earlier_one(bench):
    bench.platform.good_images = {"mini-app:1", "mini-app:3"}
    await bench.run("deploy_container", "earlier", region="east", image="mini-app:3")
    await bench.run("deploy_container", "do", region="east", image="mini-app:2")
    assert (await undo(bench, "earlier", "undo-earlier")).status == "succeeded"
    assert (await undo(bench, "do")).status == "refused"
    assert (await bench.platform.service("east")).image == "mini-app:1"


async def test_a_failed_operation_is_undone_whatever_happened_elsewhere_meanwhile(failed):
    await failed.run("deploy_container", "there", region="west", image="mini-app:3")
    await failed.run("scale_service", "more", region="east", replicas=3)
    await failed.run("restart_service", "anew", region="east")
    await failed.run("deploy_container", "refused", region="east", image="mini-app:3", expected_image="other")
    assert (await undo(failed, "do")).status == "succeeded"


async def test_undoing_that_failed_may_be_tried_again(failed):
    failed.platform.before["deploy"] = [raising(NotDoneError("no rights"))]
    assert (await undo(failed, "do", "undo-1")).status == "failed"
    assert (await undo(failed, "do", "undo-2")).status == "succeeded"


async def test_a_dry_run_of_a_second_undoing_says_that_it_would_be_refused(bench):
    await bench.run("switch_traffic", "do", weights=WEST)
    await undo(bench, "do", "undo-1")
    await bench.run("switch_traffic", "again", weights=WEST)
    result = await undo(bench, "do", "undo-2", dry_run=True)
    assert (result.status, result.summary) == (
        "refused",
        "would be refused: 'do' is undone by 'undo-1' already: see get_operation",
    )


@pytest.mark.parametrize(("tool", "arguments"), DONE)
@pytest.mark.parametrize("step", ["begin", "issued", "accepted", "before finish", "finish"])
async def test_an_undoing_that_died_at_any_step_is_finished_once_under_its_id_and_under_no_other(bench, tool, arguments, step):
    before = await facts(bench)
    await bench.run(tool, "do", **arguments)
    bench.anew(journal_that_dies_at(step))
    with pytest.raises(Killed):
        await undo(bench, "do")
    bench.anew()
    assert (await undo(bench, "do", "other")).status == "refused"
    assert (await undo(bench, "do")).status == "succeeded"
    assert await facts(bench) == before
    assert len(bench.platform.history) == (4 if tool == "switch_traffic" else 0)
    assert bench.platform.revisions_made() == (0 if tool == "switch_traffic" else 2)


async def test_what_is_under_way_is_not_undone(bench):
    seen = []

    async def meanwhile() -> None:
        with pytest.raises(RequestError, match="'do' is not at its end yet") as error:
            await undo(bench, "do")
        seen.append(error)

    bench.platform.after["set_origin"] = [meanwhile]
    assert (await bench.run("switch_traffic", "do", weights=WEST)).status == "succeeded"
    assert seen


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
