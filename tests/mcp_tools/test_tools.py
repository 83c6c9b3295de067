"""The tools as a client of the protocol sees them."""

from __future__ import annotations

import asyncio

import pytest
from mcp import Client

from overwatch_mcp.azure_mcp_server import build_server
from overwatch_mcp.models import (
    LogLine,
    LogTail,
    Metrics,
    OperationRecord,
    RevisionList,
    ServiceState,
    TargetList,
    TrafficState,
    WriteResult,
)

WEST = {"east": 0, "west": 100}
READS = {
    "get_service_state",
    "list_revisions",
    "tail_logs",
    "get_traffic",
    "get_metrics",
    "get_operation",
    "list_targets",
}
WRITES = {
    "restart_service",
    "scale_service",
    "deploy_container",
    "rollback_revision",
    "switch_traffic",
    "undo_operation",
}


@pytest.fixture
async def client(bench):
    """A connected client. One task enters and leaves it, as its cancel scopes demand."""
    answered: list[int] = []
    ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()

    async def own() -> None:
        async with Client(build_server(bench.workshop, lambda: answered.append(1))) as connected:
            connected.answered = answered
            ready.set_result(connected)
            await over.wait()

    owner = asyncio.create_task(own())
    yield await ready
    over.set()
    await owner


async def call(client, tool, **arguments):
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result
    return result.structured_content


async def problem(client, tool, **arguments):
    result = await client.call_tool(tool, arguments)
    assert result.is_error, result
    return result.content[0].text


async def test_the_tools_are_those_of_the_contract_with_their_hints(client):
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(tools) == READS | WRITES
    for name, tool in tools.items():
        assert tool.annotations.read_only_hint is (name in READS)
        assert tool.annotations.destructive_hint is (name in WRITES)
        assert tool.output_schema["type"] == "object"
        assert tool.description


async def test_the_background_work_starts_once_and_after_the_first_answer(client):
    await client.list_tools()
    await client.list_tools()
    assert client.answered == [1]


async def test_reads_answer_with_their_models(client):
    state = ServiceState.model_validate(await call(client, "get_service_state", target="demo", region="west"))
    assert (state.region, state.replicas_ready, state.image) == ("west", 2, "mini-app:1")
    traffic = TrafficState.model_validate(await call(client, "get_traffic", target="demo"))
    assert traffic.weights == {"east": 100, "west": 0}
    record = OperationRecord.model_validate(await call(client, "get_operation", operation_id="op-1"))
    assert (record.known, record.status) == (False, "absent")


async def test_evidence_and_lists_answer_with_their_models(client, bench):
    await call(client, "deploy_container", target="demo", operation_id="op-2", region="east", image="mini-app:2")
    listed = RevisionList.model_validate(await call(client, "list_revisions", target="demo", region="east"))
    assert [one.image for one in listed.revisions] == ["mini-app:2", "mini-app:1"]
    assert listed.serving == listed.revisions[0].name
    bench.platform.log["east"] = [
        LogLine(at=None, revision="r", replica="a", stream="stdout", text=f"line {n}") for n in range(3)
    ]
    tail = LogTail.model_validate(await call(client, "tail_logs", target="demo", region="east", lines=2))
    assert [line.text for line in tail.lines] == ["line 1", "line 2"]
    measured = Metrics.model_validate(await call(client, "get_metrics", target="demo", region="east", minutes=3))
    assert [len(series.points) for series in measured.series] == [3]
    (target,) = TargetList.model_validate(await call(client, "list_targets")).targets
    assert (target.name, target.platform, target.traffic, target.needs_approval) == ("demo", "azure", "front_door", False)
    assert set(target.write_tools) == WRITES - {"undo_operation"}
    assert target.writes_left == 59


CALLS = {
    "rollback_revision": {"region": "east", "revision": "demo-east--old"},
    "restart_service": {"region": "east"},
    "scale_service": {"region": "east", "replicas": 3},
    "deploy_container": {"region": "east", "image": "mini-app:2"},
    "switch_traffic": {"weights": WEST},
}


@pytest.mark.parametrize("tool", sorted(CALLS))
async def test_a_write_answers_with_its_model_and_is_on_record(client, bench, tool):
    bench.platform.known["demo-east--old"] = {"image": "mini-app:2", "min": 2, "at": bench.clock.now()}
    answer = await call(client, tool, target="demo", operation_id="op-1", epoch=3, **CALLS[tool])
    result = WriteResult.model_validate(answer)
    assert (result.status, result.tool, result.target) == ("succeeded", tool, "demo")
    record = OperationRecord.model_validate(await call(client, "get_operation", operation_id="op-1"))
    assert (record.known, record.status, record.tool, record.epoch) == (True, "succeeded", tool, 3)
    assert record.arguments == CALLS[tool]
    assert record.result == result
    assert record.started_at <= record.finished_at


async def test_the_inverse_can_be_called_as_it_stands(client, bench):
    for number, tool in enumerate(["scale_service", "deploy_container", "switch_traffic"]):
        done = await call(client, tool, target="demo", operation_id=f"do-{number}", **CALLS[tool])
        inverse = done["inverse"]
        undone = await call(client, inverse["tool"], operation_id=f"undo-{number}", **inverse["arguments"])
        assert undone["status"] == "succeeded"
    state = await call(client, "get_service_state", target="demo", region="east")
    assert (state["image"], state["replicas_desired"]) == ("mini-app:1", 2)
    assert (await call(client, "get_traffic", target="demo"))["weights"] == {"east": 100, "west": 0}


async def test_an_operation_is_undone_by_its_id(client):
    await call(client, "switch_traffic", target="demo", operation_id="do", weights=WEST)
    undone = await call(client, "undo_operation", undoes="do", operation_id="undo")
    assert (undone["status"], undone["tool"], undone["undoes"]) == ("succeeded", "switch_traffic", "do")
    assert (await call(client, "get_traffic", target="demo"))["weights"] == {"east": 100, "west": 0}
    assert "never begun" in await problem(client, "undo_operation", undoes="nothing", operation_id="undo-2")


async def test_a_client_that_asked_hears_how_a_long_operation_goes(client, bench):
    bench.platform.start_seconds = 5
    heard: list[tuple[float, float | None, str | None]] = []

    async def progress(passed: float, allowed: float | None, text: str | None) -> None:
        heard.append((passed, allowed, text))

    arguments = {"target": "demo", "operation_id": "op-1", **CALLS["deploy_container"]}
    result = await client.call_tool("deploy_container", arguments, progress_callback=progress)
    assert result.structured_content["status"] == "succeeded"
    assert heard
    assert [passed for passed, _, _ in heard] == sorted(passed for passed, _, _ in heard)
    assert all(allowed == 90 and "serves" in text for _, allowed, text in heard)


ERRORS = [
    ("tail_logs", {"target": "demo", "region": "east", "lines": 501}, "lines"),
    ("tail_logs", {"target": "demo", "region": "north"}, "known: ['east', 'west']"),
    ("get_metrics", {"target": "demo", "region": "east", "minutes": 0}, "minutes"),
    ("list_revisions", {"target": "prod", "region": "east"}, "known: ['demo']"),
    ("get_service_state", {"target": "prod", "region": "east"}, "known: ['demo']"),
    ("get_service_state", {"target": "demo", "region": "north"}, "known: ['east', 'west']"),
    ("get_traffic", {"target": "prod"}, "known: ['demo']"),
    ("get_operation", {"operation_id": "a b"}, "1 to 128"),
    ("restart_service", {"target": "prod", "region": "east", "operation_id": "op-1"}, "known: ['demo']"),
    ("restart_service", {"target": "demo", "region": "north", "operation_id": "op-1"}, "known: ['east', 'west']"),
    ("restart_service", {"target": "demo", "region": "east", "operation_id": "op 1"}, "1 to 128"),
    ("restart_service", {"target": "demo", "region": "east"}, "operation_id"),
    ("restart_service", {"target": "demo", "region": "east", "operation_id": "op-1", "epoch": -1}, "epoch"),
    ("restart_service", {"target": "demo", "region": "east", "operation_id": "op-1", "dry_run": "yes"}, "dry_run"),
    ("scale_service", {"target": "demo", "region": "east", "replicas": "3", "operation_id": "op-1"}, "replicas"),
    ("scale_service", {"target": "demo", "region": "east", "replicas": 2.0, "operation_id": "op-1"}, "replicas"),
    ("scale_service", {"target": "demo", "region": "east", "replicas": True, "operation_id": "op-1"}, "replicas"),
    ("switch_traffic", {"target": "demo", "weights": {"east": 0.0, "west": 100}, "operation_id": "op-1"}, "weights"),
    ("switch_traffic", {"target": "demo", "weights": [0, 100], "operation_id": "op-1"}, "weights"),
]


@pytest.mark.parametrize(("tool", "arguments", "words"), ERRORS)
async def test_a_call_that_makes_no_sense_is_an_error_that_says_why(client, bench, tool, arguments, words):
    assert words in await problem(client, tool, **arguments)
    assert not bench.platform.history
    assert bench.platform.calls["restart east"] == 0
    assert bench.platform.revisions_made() == 0


async def test_zero_replicas_are_refused(client, bench):
    answer = await call(client, "scale_service", target="demo", region="east", replicas=0, operation_id="op-1")
    assert answer["status"] == "refused"
    assert bench.platform.revisions_made() == 0


async def test_what_the_platform_throws_unexpectedly_is_not_shown(client, bench):
    def bug() -> None:
        raise ZeroDivisionError("secret detail")

    bench.platform.before["service"] = [bug]
    assert "secret" not in await problem(client, "get_service_state", target="demo", region="east")
