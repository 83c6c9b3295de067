"""Once each, whatever happens: the engine under every write tool, over a platform in memory."""

from __future__ import annotations

import asyncio

import pytest

from overwatch_mcp.errors import (
    ConflictError,
    DeniedError,
    JournalError,
    LostError,
    MissingError,
    NotDoneError,
    RequestError,
    ThrottledError,
)
from overwatch_mcp.journal import Journal

WEST = {"east": 0, "west": 100}

WRITES = {
    "restart_service": {"region": "east"},
    "scale_service": {"region": "east", "replicas": 3},
    "deploy_container": {"region": "east", "image": "mini-app:2"},
    "switch_traffic": {"weights": WEST},
}
METHODS = {"restart_service": "restart", "scale_service": "scale", "deploy_container": "deploy", "switch_traffic": "set_origin"}


def effects(bench) -> dict[str, int]:
    """How often each tool's effect really happened."""
    calls = bench.platform.calls
    return {
        "restart_service": calls["restart east"],
        "scale_service": bench.platform.revisions_made(),
        "deploy_container": bench.platform.revisions_made(),
        "switch_traffic": calls["origin west"],
    }


def raises(error: BaseException):
    def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize("tool", WRITES)
async def test_each_write_comes_true_and_says_so(bench, tool):
    result = await bench.run(tool, **WRITES[tool])
    assert result.status == "succeeded", result
    assert effects(bench)[tool] == 1
    assert result.command.startswith("az ")
    assert result.state_before is not None
    assert result.state_after is not None
    assert result.replayed is False
    assert result.error is None


@pytest.mark.parametrize("tool", WRITES)
async def test_a_repeated_id_returns_the_stored_result_and_does_nothing(bench, tool):
    first = await bench.run(tool, **WRITES[tool])
    again = await bench.run(tool, **WRITES[tool])
    assert again == first.model_copy(update={"replayed": True})
    assert effects(bench)[tool] == 1


@pytest.mark.parametrize("tool", WRITES)
async def test_a_repeated_id_returns_the_stored_result_in_the_next_process(bench, tool):
    first = await bench.run(tool, **WRITES[tool])
    bench.anew()
    again = await bench.run(tool, **WRITES[tool])
    assert again == first.model_copy(update={"replayed": True})
    assert effects(bench)[tool] == 1


async def test_a_repeated_id_with_other_arguments_is_refused(bench):
    await bench.run("restart_service", region="east")
    again = await bench.run("restart_service", region="west")
    assert again.status == "refused"
    assert "other arguments" in again.error
    assert bench.platform.calls["restart west"] == 0


async def test_a_repeated_id_with_another_tool_is_refused(bench):
    await bench.run("restart_service", region="east")
    again = await bench.run("scale_service", region="east", replicas=3)
    assert again.status == "refused"
    assert bench.platform.revisions_made() == 0


async def test_a_repeated_id_with_other_arguments_is_refused_while_the_first_runs(bench):
    bench.platform.start_seconds = 5
    first = asyncio.create_task(bench.run("restart_service", region="east"))
    await bench.until(lambda: bench.platform.calls["restart east"])
    assert (await bench.run("restart_service", region="west")).status == "refused"
    assert (await first).status == "succeeded"


async def test_two_calls_at_once_with_one_id_share_one_effect(bench):
    both = await asyncio.gather(*(bench.run("restart_service", region="east") for _ in range(5)))
    assert {result.status for result in both} == {"succeeded"}
    assert sorted(result.replayed for result in both) == [False, True, True, True, True]
    assert bench.platform.calls["restart east"] == 1


async def test_a_caller_that_stops_waiting_leaves_nothing_half_done(bench):
    held = asyncio.Event()
    bench.platform.before["set_origin"] = [held.wait]
    call = asyncio.create_task(bench.run("switch_traffic", weights=WEST))
    await bench.until(lambda: not bench.platform.before["set_origin"])
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    held.set()
    result = await bench.run("switch_traffic", weights=WEST)
    assert result.status == "succeeded"
    assert bench.platform.calls["origin west"] == 1
    assert (await bench.platform.traffic()).weights == WEST


async def test_a_lower_epoch_than_the_highest_seen_is_refused(bench):
    await bench.run("restart_service", "op-new", epoch=7, region="east")
    stale = await bench.run("restart_service", "op-old", epoch=6, region="west")
    assert stale.status == "refused"
    assert "epoch 6 is stale" in stale.error
    assert bench.platform.calls["restart west"] == 0
    assert (await bench.workshop.operations.get("op-old")).known is False


async def test_a_stale_epoch_is_refused_in_the_next_process_too(bench):
    await bench.run("restart_service", "op-new", epoch=7, region="east")
    bench.anew()
    assert (await bench.run("restart_service", "op-old", epoch=6, region="west")).status == "refused"


async def test_what_was_refused_for_its_epoch_may_be_done_by_the_next_holder(bench):
    await bench.run("restart_service", "op-new", epoch=7, region="east")
    await bench.run("restart_service", "op-old", epoch=6, region="west")
    assert (await bench.run("restart_service", "op-old", epoch=8, region="west")).status == "succeeded"


async def test_a_stale_epoch_may_still_read_a_stored_result(bench):
    await bench.run("restart_service", "op-old", epoch=6, region="east")
    await bench.run("restart_service", "op-new", epoch=7, region="west")
    assert (await bench.run("restart_service", "op-old", epoch=6, region="east")).replayed


async def test_a_left_behind_operation_is_not_taken_up_by_a_stale_epoch(bench):
    await crash_at(bench, "accepted", "restart_service", "op-1", epoch=3)
    bench.anew()
    await bench.run("scale_service", "op-2", epoch=5, region="west", replicas=3)
    stale = await bench.run("restart_service", "op-1", epoch=3, region="east")
    assert (stale.status, bench.platform.calls["restart east"]) == ("unknown", 1)
    assert "it is not taken up: epoch 3 is stale" in stale.error
    assert (await bench.run("restart_service", "op-1", epoch=5, region="east")).status == "succeeded"
    assert bench.platform.calls["restart east"] == 1


@pytest.mark.parametrize("tool", WRITES)
async def test_a_dry_run_says_what_would_be_done_and_does_nothing(bench, tool):
    result = await bench.run(tool, dry_run=True, **WRITES[tool])
    assert result.status == "planned"
    assert result.command.startswith("az ")
    assert result.state_before
    assert (result.inverse is None) is (tool == "restart_service")
    assert effects(bench)[tool] == 0
    assert (await bench.workshop.operations.get("op-1")).status == "absent"


async def test_a_dry_run_and_the_real_one_may_share_an_id(bench):
    await bench.run("restart_service", dry_run=True, region="east")
    assert (await bench.run("restart_service", region="east")).replayed is False
    assert bench.platform.calls["restart east"] == 1


EXPECTATIONS = [
    ("restart_service", {"region": "east", "expected_revision": "demo-east--other"}),
    ("scale_service", {"region": "east", "replicas": 3, "expected_replicas": 4}),
    ("deploy_container", {"region": "east", "image": "mini-app:2", "expected_image": "mini-app:7"}),
    ("switch_traffic", {"weights": WEST, "expected_weights": {"east": 50, "west": 50}}),
]


@pytest.mark.parametrize(("tool", "arguments"), EXPECTATIONS)
@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_state_that_changed_since_is_refused(bench, tool, arguments, dry_run):
    result = await bench.run(tool, dry_run=dry_run, **arguments)
    assert result.status == "refused"
    assert "state changed since" in result.error
    assert effects(bench)[tool] == 0
    assert (await bench.workshop.operations.get("op-1")).status == ("absent" if dry_run else "refused")


async def test_a_refusal_for_the_state_is_stored_and_repeated(bench):
    first = await bench.run("scale_service", region="east", replicas=3, expected_replicas=4)
    bench.platform.bounds["east"] = (4, 5)
    again = await bench.run("scale_service", region="east", replicas=3, expected_replicas=4)
    assert again == first.model_copy(update={"replayed": True})


@pytest.mark.parametrize("tool", WRITES)
@pytest.mark.parametrize("error", [DeniedError("no rights"), MissingError("not there"), NotDoneError("never sent")])
async def test_what_certainly_was_not_done_has_failed(bench, tool, error):
    bench.platform.before[METHODS[tool]] = [raises(error)]
    result = await bench.run(tool, **WRITES[tool])
    assert result.status == "failed"
    assert str(error) in result.error
    assert "nothing was done" in result.summary
    assert effects(bench)[tool] == 0


@pytest.mark.parametrize("tool", WRITES)
async def test_an_answer_that_was_lost_after_the_effect_is_a_success_and_no_repetition(bench, tool):
    bench.platform.after[METHODS[tool]] = [raises(LostError("connection reset"))]
    result = await bench.run(tool, **WRITES[tool])
    assert result.status == "succeeded", result
    assert effects(bench)[tool] == 1


async def test_what_came_true_though_its_answer_was_lost_is_not_sent_again(bench):
    sent = []
    bench.platform.before["deploy"] = [lambda: sent.append(bench.clock.now())] * 3
    bench.platform.after["deploy"] = [raises(LostError("connection reset"))]
    assert (await bench.run("deploy_container", **WRITES["deploy_container"])).status == "succeeded"
    assert len(sent) == 1


async def test_a_restart_that_was_lost_before_its_effect_is_unknown_and_never_repeated(bench):
    bench.platform.before["restart"] = [raises(LostError("connection reset"))]
    result = await bench.run("restart_service", region="east")
    assert result.status == "unknown"
    assert "connection reset" in result.error
    assert (await bench.run("restart_service", region="east")).replayed
    assert bench.platform.calls["restart east"] == 0


@pytest.mark.parametrize("tool", sorted(set(WRITES) - {"restart_service"}))
async def test_what_can_be_repeated_without_harm_is_when_its_request_was_lost(bench, tool):
    bench.platform.before[METHODS[tool]] = [raises(LostError("connection reset"))]
    assert (await bench.run(tool, **WRITES[tool])).status == "succeeded"
    assert effects(bench)[tool] == 1


@pytest.mark.parametrize("tool", sorted(set(WRITES) - {"restart_service"}))
async def test_requests_that_are_lost_again_and_again_are_unknown(bench, tool):
    bench.platform.before[METHODS[tool]] = [raises(LostError("connection reset")) for _ in range(100)]
    result = await bench.run(tool, **WRITES[tool])
    assert result.status == "unknown"
    assert len(bench.platform.before[METHODS[tool]]) == 97
    assert effects(bench)[tool] == 0


@pytest.mark.parametrize("tool", WRITES)
async def test_a_busy_platform_is_asked_again(bench, tool):
    bench.platform.before[METHODS[tool]] = [raises(ConflictError("busy")), raises(ThrottledError("slow down", 3.0))]
    began = bench.clock.monotonic()
    result = await bench.run(tool, **WRITES[tool])
    assert result.status == "succeeded"
    assert effects(bench)[tool] == 1
    assert bench.clock.monotonic() - began >= 3.5


async def test_a_platform_that_stays_busy_fails_in_bounded_time(bench):
    bench.platform.before["restart"] = [raises(ConflictError("busy")) for _ in range(100)]
    began = bench.clock.monotonic()
    result = await bench.run("restart_service", region="east")
    assert result.status == "failed"
    assert "busy" in result.error
    assert bench.clock.monotonic() - began <= 31


async def test_a_platform_that_says_retry_at_once_is_not_hammered(bench):
    asked = []

    def throttle() -> None:
        asked.append(bench.clock.now())
        raise ThrottledError("too many requests", 0)

    bench.platform.before["restart"] = [throttle] * 2_000
    assert (await bench.run("restart_service", region="east")).status == "failed"
    assert len(asked) <= 201


async def test_a_retry_after_beyond_patience_fails_at_once(bench):
    bench.platform.before["restart"] = [raises(ThrottledError("slow down", 3600))]
    began = bench.clock.monotonic()
    assert (await bench.run("restart_service", region="east")).status == "failed"
    assert bench.clock.monotonic() - began < 1


async def test_a_state_that_can_not_be_read_before_means_that_nothing_is_done(bench):
    bench.platform.before["service"] = [raises(DeniedError("no rights"))]
    result = await bench.run("restart_service", region="east")
    assert result.status == "failed"
    assert bench.platform.calls["restart east"] == 0
    assert (await bench.workshop.operations.get("op-1")).status == "absent"


async def test_an_effect_that_can_not_be_seen_any_more_is_unknown(bench):
    def blind() -> None:
        bench.platform.before["service"] = [raises(LostError("no answer")) for _ in range(1000)]

    bench.platform.after["restart"] = [blind]
    result = await bench.run("restart_service", region="east")
    assert result.status == "unknown"
    assert "could not be observed" in result.error


@pytest.mark.parametrize("name", ["accepted", "finish"])
async def test_a_journal_that_fails_after_the_effect_makes_it_unknown_and_the_next_process_finds_out(bench, monkeypatch, name):
    async def full(*_):
        raise JournalError("disk full")

    monkeypatch.setattr(bench.workshop.journal, name, full)
    result = await bench.run("restart_service", region="east")
    assert result.status == "unknown"
    assert "disk full" in result.error
    bench.anew()
    assert (await bench.run("restart_service", region="east")).status == "succeeded"
    assert bench.platform.calls["restart east"] == 1


async def test_a_bug_after_the_effect_makes_it_unknown_never_an_error(bench):
    def bug() -> None:
        raise ZeroDivisionError

    bench.platform.after["restart"] = [bug]
    assert (await bench.run("restart_service", region="east")).status == "unknown"
    assert (await bench.run("restart_service", region="east")).status == "succeeded"
    assert bench.platform.calls["restart east"] == 1


async def test_replicas_that_never_get_ready_are_a_failure(bench):
    bench.platform.start_seconds = 1000
    result = await bench.run("restart_service", region="east")
    assert result.status == "failed"
    assert "not done within 60 s" in result.error


# --- a process that dies between two steps ---------------------------------------------------------------------------------


class Killed(BaseException):
    """Ends the process at a step, as a kill would: nothing after it runs."""


STEPS = ("before begin", "begin", "issued", "accepted", "before finish", "finish")


class DyingJournal(Journal):
    """A journal whose process dies before or after one of its steps."""

    step = ""

    async def begin(self, entry, limit=None):
        self._die("before begin")
        overtaken = await super().begin(entry, limit)
        self._die("begin")
        return overtaken

    async def accepted(self, operation_id, at, continuation=None):
        self._die("issued")
        await super().accepted(operation_id, at, continuation)
        self._die("accepted")

    async def finish(self, result, at):
        self._die("before finish")
        await super().finish(result, at)
        self._die("finish")

    def _die(self, step: str) -> None:
        if step == self.step:
            raise Killed(step)


async def crash_at(bench, step: str, tool: str, operation_id: str = "op-1", epoch: int = 0) -> None:
    """Carry out a write in a process that dies at `step`."""
    dying = type("Dying", (DyingJournal,), {"step": step})
    bench.anew(dying)
    with pytest.raises(Killed):
        await bench.run(tool, operation_id, epoch=epoch, **WRITES[tool])


@pytest.mark.parametrize("tool", WRITES)
@pytest.mark.parametrize("step", STEPS)
async def test_a_process_that_dies_at_any_step_leaves_one_effect(bench, tool, step):
    await crash_at(bench, step, tool)
    bench.anew()
    result = await bench.run(tool, **WRITES[tool])
    assert result.status == "succeeded", result
    assert effects(bench)[tool] == 1


@pytest.mark.parametrize("tool", WRITES)
@pytest.mark.parametrize("step", STEPS)
async def test_dying_twice_still_leaves_one_effect(bench, tool, step):
    await crash_at(bench, step, tool)
    if step == "finish":
        return
    bench.platform.clock.advance(30)
    dying = type("Dying", (DyingJournal,), {"step": "before finish"})
    bench.anew(dying)
    with pytest.raises(Killed):
        await bench.run(tool, **WRITES[tool])
    bench.anew()
    result = await bench.run(tool, **WRITES[tool])
    assert result.status == "succeeded", result
    assert effects(bench)[tool] == 1


async def test_a_restart_that_was_accepted_and_shows_nothing_is_unknown_and_never_repeated(bench):
    bench.platform.after["restart"] = []
    await crash_at(bench, "accepted", "restart_service")
    state = (await bench.workshop.operations.get("op-1")).state_before
    names = [replica["name"] for replica in state["replicas"]]
    for one, name, old in zip(bench.platform.replicas["east"], names, state["replicas"], strict=True):
        one["name"] = name
        one["created_at"] = one["created_at"].fromisoformat(old["created_at"])
    bench.anew()
    result = await bench.run("restart_service", region="east")
    assert result.status == "unknown"
    assert bench.platform.calls["restart east"] == 1


async def test_a_restart_that_nobody_saw_accepted_is_given_time_to_show_before_it_is_issued_again(bench):
    await crash_at(bench, "begin", "restart_service")
    began = bench.clock.now()
    bench.anew()
    issued_at = []
    bench.platform.before["restart"] = [lambda: issued_at.append(bench.clock.now())]
    assert (await bench.run("restart_service", region="east")).status == "succeeded"
    assert (issued_at[0] - began).total_seconds() >= 5


async def test_a_left_behind_switch_in_a_world_that_someone_else_changed_is_unknown(bench):
    await crash_at(bench, "begin", "switch_traffic")
    bench.platform.origins = {"east": (True, 300), "west": (True, 700)}
    bench.anew()
    result = await bench.run("switch_traffic", weights=WEST)
    assert result.status == "unknown"
    assert "neither as before nor as wanted" in result.error
    assert bench.platform.calls["origin west"] == 0


async def test_a_left_behind_operation_that_can_not_be_observed_is_unknown(bench):
    await crash_at(bench, "begin", "restart_service")
    bench.anew()
    bench.platform.before["service"] = [raises(LostError("no answer"))]
    result = await bench.run("restart_service", region="east")
    assert result.status == "unknown"
    assert bench.platform.calls["restart east"] == 0


async def test_a_half_done_switch_is_finished_by_the_next_process(bench):
    bench.platform.after["set_origin"] = [raises(Killed())]
    with pytest.raises(Killed):
        await bench.run("switch_traffic", weights=WEST)
    assert (await bench.platform.traffic()).weights == {"east": 50, "west": 50}
    bench.anew()
    assert (await bench.run("switch_traffic", weights=WEST)).status == "succeeded"
    assert bench.platform.calls["origin west"] == 1
    assert bench.platform.calls["origin east"] == 1


async def test_an_operation_under_way_is_known_as_started(bench):
    await crash_at(bench, "accepted", "restart_service")
    record = await bench.workshop.operations.get("op-1")
    assert (record.known, record.status, record.tool, record.target) == (True, "started", "restart_service", "demo")
    assert record.arguments == {"region": "east"}
    assert record.finished_at is None


async def test_draining_waits_for_what_is_under_way(bench):
    call = asyncio.create_task(bench.run("restart_service", region="east"))
    await bench.until(lambda: bench.platform.calls["restart east"])
    assert await bench.workshop.operations.drain(10) == 0
    assert (await call).status == "succeeded"


async def test_draining_is_bounded_and_leaves_a_started_row(bench):
    held = asyncio.Event()
    bench.platform.before["restart"] = [held.wait]
    call = asyncio.create_task(bench.run("restart_service", region="east"))
    await bench.until(lambda: not bench.platform.before["restart"])
    assert await bench.workshop.operations.drain(0.01) == 1
    await bench.until(call.done)
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await bench.workshop.operations.get("op-1")).status == "started"


@pytest.mark.parametrize("operation_id", ["", "a" * 129, "a b", "a/b", "a\n", "ä", "'; DROP TABLE operations; --"])
async def test_a_malformed_operation_id_is_an_error(bench, operation_id):
    with pytest.raises(RequestError, match="operation_id"):
        await bench.run("restart_service", operation_id, region="east")
    with pytest.raises(RequestError, match="operation_id"):
        await bench.workshop.operations.get(operation_id)


async def test_an_operation_id_may_look_like_a_step_of_a_strategy(bench):
    operation_id = "01JD.evt>Strategist:0:1u-" + "x" * 103
    assert (await bench.run("restart_service", operation_id, region="east")).status == "succeeded"
