"""What was begun may have been done: no later word of the configuration, the key or the clock may say that it was not."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from overwatch_mcp.approval_token import content_hash, sign
from overwatch_mcp.journal import Journal
from overwatch_mcp.operations import Call

IMAGE = {"region": "east", "image": "mini-app:2"}
WEST = {"east": 0, "west": 100}


class Killed(BaseException):
    """The process is gone."""


class DyingOnceAccepted(Journal):
    async def accepted(self, operation_id, at, continuation=None):
        await super().accepted(operation_id, at, continuation)
        raise Killed


class DyingOnceBegun(Journal):
    async def begin(self, entry, limit=None):
        await super().begin(entry, limit)
        raise Killed


@pytest.fixture
async def left_behind(bench):
    """A deployment that was accepted by the platform when its server was killed."""
    bench.anew(DyingOnceAccepted)
    with pytest.raises(Killed):
        await bench.run("deploy_container", **IMAGE)
    return bench


async def test_a_stored_result_is_given_whatever_the_configuration_has_become(bench):
    first = await bench.run("deploy_container", **IMAGE)
    bench.config["targets"]["demo"]["images"] = ["other:"]
    bench.anew()
    assert await bench.run("deploy_container", **IMAGE) == first.model_copy(update={"replayed": True})


async def test_what_is_not_allowed_any_more_but_was_begun_is_unknown_and_stays_on_record(left_behind):
    left_behind.config["targets"]["demo"]["images"] = ["other:"]
    left_behind.anew()
    result = await left_behind.run("deploy_container", **IMAGE)
    assert result.status == "unknown"
    assert "may have been done, but it is not taken up: the image 'mini-app:2' is not allowed" in result.error
    assert (result.state_before["image"], result.inverse.tool) == ("mini-app:1", "deploy_container")
    assert (await left_behind.workshop.operations.get("op-1")).status == "started"


async def test_what_was_begun_is_unknown_without_an_approval_and_seen_through_with_one(left_behind, tmp_path):
    key = tmp_path / "approval.key"
    key.write_bytes(b"k" * 32)
    key.chmod(0o600)
    left_behind.config["targets"]["demo"]["approval_key_file"] = str(key)
    left_behind.anew()
    result = await left_behind.run("deploy_container", **IMAGE)
    assert result.status == "unknown"
    assert "it is not taken up: this target demands an approval token" in result.error
    content = content_hash("deploy_container", "demo", IMAGE)
    token = sign(b"k" * 32, "op-1", content, left_behind.clock.now() + timedelta(minutes=1))
    effect = await left_behind.workshop.effect("deploy_container", "demo", IMAGE, "op-1")
    assert (await left_behind.workshop.operations.execute(effect, Call("op-1", approval_token=token))).status == "succeeded"
    assert left_behind.platform.revisions_made() == 1


async def test_a_clock_that_was_set_back_does_not_hold_a_restart_up(bench):
    bench.anew(DyingOnceBegun)
    with pytest.raises(Killed):
        await bench.run("restart_service", region="east")
    bench.clock.advance(-86_400)
    bench.anew()
    began = bench.clock.monotonic()
    assert (await bench.run("restart_service", region="east")).status == "succeeded"
    assert 5 <= bench.clock.monotonic() - began < 15
    assert bench.platform.calls["restart east"] == 1


@pytest.mark.parametrize(("hours", "status", "made"), [(0.9, "succeeded", 1), (1.1, "failed", 0)])
async def test_what_was_not_done_is_not_issued_long_after(bench, hours, status, made):
    bench.anew(DyingOnceBegun)
    with pytest.raises(Killed):
        await bench.run("deploy_container", **IMAGE)
    bench.clock.advance(hours * 3_600)
    bench.anew()
    result = await bench.run("deploy_container", **IMAGE)
    assert (result.status, bench.platform.revisions_made()) == (status, made)
    if status == "failed":
        assert "begun at 2026-11-23 14:02:11 and not finished, too long ago to be issued now" in result.error


async def test_what_was_done_is_found_long_after(left_behind):
    left_behind.clock.advance(86_400)
    left_behind.anew()
    assert (await left_behind.run("deploy_container", **IMAGE)).status == "succeeded"
    assert left_behind.platform.revisions_made() == 1


async def undo(bench, undoes: str, operation_id: str):
    effect = await bench.workshop.undo(undoes, operation_id)
    return await bench.workshop.operations.execute(effect, Call(operation_id, undoes=undoes))


@pytest.mark.parametrize("first", ["undone", "plain"])
async def test_one_id_is_for_undoing_or_for_the_same_call_by_itself_never_for_both(bench, first):
    await bench.run("switch_traffic", "do", weights=WEST)
    east = {"weights": {"east": 100, "west": 0}}
    if first == "undone":
        await undo(bench, "do", "op-1")
        second = await bench.run("switch_traffic", "op-1", **east)
        assert "undoing 'do'" in second.error
    else:
        await bench.run("switch_traffic", "op-1", **east)
        second = await undo(bench, "do", "op-1")
    assert second.status == "refused"
    assert "was begun with other arguments (switch_traffic" in second.error


async def test_an_operation_does_not_pass_for_its_own_undoing(bench):
    await bench.run("scale_service", "op-1", region="east", replicas=2)
    result = await undo(bench, "op-1", "op-1")
    assert result.status == "refused"
    assert "other arguments" in result.error


async def test_an_undoing_under_way_is_not_joined_by_the_same_call_by_itself(bench):
    await bench.run("switch_traffic", "do", weights=WEST)
    held = asyncio.Event()
    bench.platform.before["set_origin"] = [held.wait]
    undoing = asyncio.create_task(undo(bench, "do", "op-1"))
    await bench.until(lambda: not bench.platform.before["set_origin"])
    other = asyncio.create_task(bench.run("switch_traffic", "op-1", weights={"east": 100, "west": 0}))
    await bench.until(other.done)
    assert other.result().status == "refused"
    held.set()
    assert (await undoing).status == "succeeded"
