"""What the platform says about a long operation is heard, also by the next process; and clients hear how it goes."""

from __future__ import annotations

import pytest

from overwatch_mcp.errors import LostError, NotDoneError
from overwatch_mcp.journal import Journal
from overwatch_mcp.operations import Call


class Killed(BaseException):
    """The process is gone."""


def raising(error: Exception):
    def fail() -> None:
        raise error

    return fail


class DyingOnceAccepted(Journal):
    async def accepted(self, operation_id, at, continuation=None):
        await super().accepted(operation_id, at, continuation)
        raise Killed


async def test_a_continuation_is_journalled_and_followed(bench):
    bench.platform.continuation = "lro-1"
    bench.platform.start_seconds = 3
    assert (await bench.run("deploy_container", region="east", image="mini-app:2")).status == "succeeded"
    assert (await bench.workshop.journal.get("op-1")).continuation == "lro-1"
    assert bench.platform.followed == ["lro-1"]


async def test_the_next_process_goes_on_following(bench):
    bench.platform.continuation = "lro-1"
    bench.platform.start_seconds = 3
    bench.anew(DyingOnceAccepted)
    with pytest.raises(Killed):
        await bench.run("deploy_container", region="east", image="mini-app:2")
    bench.anew()
    assert (await bench.run("deploy_container", region="east", image="mini-app:2")).status == "succeeded"
    assert bench.platform.followed == ["lro-1"]
    assert bench.platform.revisions_made() == 1


async def test_the_platforms_word_that_it_failed_ends_the_waiting(bench):
    bench.platform.continuation = "lro-1"
    bench.platform.start_seconds = 1_000
    bench.platform.before["follow"] = [raising(NotDoneError("deploying: Failed ImagePullFailure: no such tag"))]
    result = await bench.run("deploy_container", region="east", image="mini-app:2")
    assert result.status == "failed"
    assert "ImagePullFailure" in result.error
    assert 20 <= result.duration_s < 30


async def test_the_word_about_a_repetition_does_not_fail_what_comes_true(bench):
    bench.platform.continuation = "lro-1"
    bench.platform.start_seconds = 10
    bench.platform.before["follow"] = [raising(NotDoneError("Failed: a revision with this suffix already exists"))]
    assert (await bench.run("deploy_container", region="east", image="mini-app:2")).status == "succeeded"


async def test_the_word_that_it_failed_counts_at_once_where_nothing_is_seen_of_it(bench):
    async def nothing(region: str, image: str, suffix: str) -> str:
        return "lro-1"

    bench.platform.deploy = nothing
    bench.platform.before["follow"] = [raising(NotDoneError("deploying: Failed QuotaExceeded"))]
    result = await bench.run("deploy_container", region="east", image="mini-app:2")
    assert (result.status, "QuotaExceeded" in result.error) == ("failed", True)
    assert result.duration_s < 2


async def test_a_failure_that_the_world_contradicts_is_none(bench):
    bench.platform.continuation = "lro-1"
    bench.platform.start_seconds = 0
    bench.platform.before["follow"] = [raising(NotDoneError("Failed"))]
    assert (await bench.run("deploy_container", region="east", image="mini-app:2")).status == "succeeded"


async def test_trouble_with_hearing_the_platform_changes_nothing(bench):
    bench.platform.continuation = "lro-1"
    bench.platform.start_seconds = 3
    bench.platform.before["follow"] = [raising(LostError("reset"))]
    assert (await bench.run("deploy_container", region="east", image="mini-app:2")).status == "succeeded"


async def test_a_client_hears_how_it_goes_until_it_stops_listening(bench):
    bench.platform.start_seconds = 5
    heard: list[tuple[float, float, str]] = []
    effect = await bench.workshop.effect("deploy_container", "demo", {"region": "east", "image": "mini-app:2"}, "op-1")
    result = await bench.workshop.operations.execute(effect, Call("op-1"), lambda *said: heard.append(said))
    assert result.status == "succeeded"
    assert heard
    assert [passed for passed, _, _ in heard] == sorted({passed for passed, _, _ in heard})
    assert all(allowed == effect.settle_seconds for _, allowed, _ in heard)
    assert "serves" in heard[0][2]


async def test_a_listener_that_fails_holds_nobody_up(bench):
    heard: list[str] = []

    def broken(passed: float, allowed: float, seen: str) -> None:
        del passed, allowed
        heard.append(seen)
        raise BrokenPipeError

    effect = await bench.workshop.effect("restart_service", "demo", {"region": "east"}, "op-1")
    assert (await bench.workshop.operations.execute(effect, Call("op-1"), broken)).status == "succeeded"
    assert heard
