"""Targets and operations as resources."""

from __future__ import annotations

import json

import pytest
from mcp import Client, MCPError

from overwatch_mcp.azure_mcp_server import build_server
from overwatch_mcp.config import ServerConfig
from overwatch_mcp.errors import LostError
from overwatch_mcp.models import OperationRecord, WriteResult
from overwatch_mcp.resources import TargetPicture
from overwatch_mcp.summaries import summarize

TARGET = "overwatch://targets/demo"


async def with_client(bench, use):
    async with Client(build_server(bench.workshop, lambda: None)) as client:
        return await use(client)


async def content(bench, uri: str):
    found = (await with_client(bench, lambda client: client.read_resource(uri))).contents
    assert [(one.uri, one.mime_type) for one in found] == [(uri, "application/json")]
    return found[0].text


async def refusal(bench, uri: str) -> MCPError:
    async def use(client):
        with pytest.raises(MCPError) as refused:
            await client.read_resource(uri)
        return refused.value

    return await with_client(bench, use)


async def test_every_target_is_listed_and_both_kinds_have_a_template(bench):
    async def use(client):
        return (await client.list_resources()).resources, (await client.list_resource_templates()).resource_templates

    resources, templates = await with_client(bench, use)
    assert [(one.uri, one.mime_type) for one in resources] == [(TARGET, "application/json")]
    assert {one.uri_template for one in templates} == {"overwatch://targets/{name}", "overwatch://operations/{id}"}
    assert {one.mime_type for one in templates} == {"application/json"}
    assert all(one.description for one in (*resources, *templates))


async def test_a_target_shows_its_configuration_its_regions_and_its_traffic(bench):
    picture = TargetPicture.model_validate_json(await content(bench, TARGET))
    assert picture.summary.regions == ["east", "west"]
    assert [(one.region, one.state.replicas_ready, one.problem) for one in picture.regions] == [
        ("east", 2, None),
        ("west", 2, None),
    ]
    assert picture.traffic.weights == {"east": 100, "west": 0}
    assert picture.traffic_problem is None


async def test_a_region_that_can_not_be_read_says_so_and_hides_no_other(bench):
    def lost() -> None:
        raise LostError("reset by peer")

    bench.platform.before = {"service": [lost], "traffic": [lost]}
    picture = TargetPicture.model_validate_json(await content(bench, TARGET))
    east, west = picture.regions
    assert (east.state, east.problem) == (None, "reset by peer")
    assert west.state.replicas_ready == 2
    assert (picture.traffic, picture.traffic_problem) == (None, "reset by peer")


async def test_the_writes_that_are_left_are_counted(bench):
    before = json.loads(await content(bench, TARGET))["summary"]["writes_left"]
    await bench.run("restart_service", "op-1", region="east", expected_revision=None)
    await bench.run("restart_service", "op-2", region="east", expected_revision="another")
    assert json.loads(await content(bench, TARGET))["summary"]["writes_left"] == before - 1
    bench.clock.advance(3601)
    assert json.loads(await content(bench, TARGET))["summary"]["writes_left"] == before


async def test_an_operation_is_the_record_of_the_journal_whatever_its_id_is_made_of(bench):
    operation_id = "inc-7>Strategist:0"
    done = await bench.run("restart_service", operation_id, region="east", expected_revision=None)
    for shown in ("inc-7%3EStrategist%3A0", "inc-7>Strategist:0"):
        record = OperationRecord.model_validate_json(await content(bench, f"overwatch://operations/{shown}"))
        assert (record.operation_id, record.status) == (operation_id, "succeeded")
        assert isinstance(done, WriteResult)
        assert record.result == done


async def test_an_operation_whose_id_looks_like_a_path_is_found(bench):
    await bench.run("restart_service", "c:..", region="east", expected_revision=None)
    assert json.loads(await content(bench, "overwatch://operations/c%3A.."))["status"] == "succeeded"


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("overwatch://targets/prod", "known: ['demo']"),
        ("overwatch://targets/..", "nknown"),
        ("overwatch://targets/%2e%2e%2fdemo", "nknown"),
        ("overwatch://targets/demo/more", "nknown"),
        ("overwatch://operations/op-404", "never begun"),
        ("overwatch://operations/a%20b", "not usable"),
        ("overwatch://operations/", "not usable"),
        ("file:///etc/passwd", "nknown"),
    ],
)
async def test_what_is_not_there_is_not_found_as_the_protocol_says_it(bench, uri, words):
    error = await refusal(bench, uri)
    assert error.code == -32602
    assert error.data == {"uri": uri}
    assert words in error.message


async def test_what_goes_wrong_unexpectedly_is_not_shown(bench):
    def bug() -> None:
        raise ZeroDivisionError("secret detail")

    bench.platform.before["service"] = [bug]
    error = await refusal(bench, TARGET)
    assert error.code == -32603
    assert "secret" not in error.message


def test_a_summary_names_the_writes_that_the_target_allows(config):
    def summary(**changes):
        config["targets"]["demo"] |= changes
        return summarize("demo", ServerConfig.model_validate(config).target("demo"), 7, 3)

    assert summary().write_tools == [
        "deploy_container",
        "restart_service",
        "rollback_revision",
        "scale_service",
        "switch_traffic",
    ]
    assert summary().writes_left == 7
    assert summary().needs_approval is False
    assert summary(allowed_tools=["restart_service", "get_traffic"]).write_tools == ["restart_service"]
    assert "switch_traffic" not in summary(allowed_tools=None, traffic=None).write_tools
    assert "deploy_container" not in summary(images=[]).write_tools
    assert summary(approval_key_file="/run/secrets/key").needs_approval is True
