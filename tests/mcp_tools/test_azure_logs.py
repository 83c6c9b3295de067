"""Logs from Log Analytics: what is asked, and what others wrote as it may be shown."""

from __future__ import annotations

import datetime as dt

import pytest
from odd_arm import reply

from overwatch_mcp.azure_logs import MOST_LINES, log_query
from overwatch_mcp.errors import DeniedError, NotDoneError, PlatformError, ThrottledError

pytest_plugins = ("odd_arm",)

WORKSPACE = "33333333-3333-3333-3333-333333333333"
QUERY = f"/v1/workspaces/{WORKSPACE}/query"
COLUMNS = ["TimeGenerated", "RevisionName_s", "ContainerGroupName_s", "Stream_s", "Log_s"]


def table(*rows):
    columns = [{"name": name, "type": "datetime" if name == "TimeGenerated" else "string"} for name in COLUMNS]
    return {"tables": [{"name": "PrimaryResult", "columns": columns, "rows": [list(row) for row in rows]}]}


@pytest.fixture
async def workspace(arm, made):
    return made(log_workspace=WORKSPACE, logs_url=arm.url)


NEWEST = ("2026-11-23T14:02:12Z", "demo-east--a", "demo-east--a-1", "stderr", "it broke")
OLDER = ("2026-11-23T14:02:11.5Z", "demo-east--a", "demo-east--a-2", "stdout", "it ran")


async def test_the_last_lines_come_with_the_oldest_first(workspace, arm):
    arm.answers[f"POST {QUERY}"] = table(NEWEST, OLDER)
    lines = await workspace.logs("east", 50, None)
    assert [line.text for line in lines] == ["it ran", "it broke"]
    assert lines[1].at == dt.datetime(2026, 11, 23, 14, 2, 12, tzinfo=dt.UTC)
    assert (lines[1].revision, lines[1].replica, lines[1].stream) == ("demo-east--a", "demo-east--a-1", "stderr")
    assert arm.bodies[0]["query"] == log_query("demo-east", 50, None)


def test_the_query_names_the_app_and_the_revision_and_is_bounded():
    assert log_query("demo-east", 50, "demo-east--a") == (
        'ContainerAppConsoleLogs_CL | where ContainerAppName_s == "demo-east" | where RevisionName_s == "demo-east--a"'
        " | where TimeGenerated > ago(1h) | top 50 by TimeGenerated desc"
        " | project TimeGenerated, RevisionName_s, ContainerGroupName_s, Stream_s, Log_s"
    )
    assert f"top {MOST_LINES} by" in log_query("a", 10**9, None)
    assert "top 1 by" in log_query("a", -5, None)


@pytest.mark.parametrize("name", ['x" | union *', "a|b", "", "a b", "-a", "a\n", "ä", "a" * 200])
async def test_a_name_that_is_none_is_never_put_into_a_query(workspace, arm, name):
    with pytest.raises(NotDoneError, match="can't be the name"):
        await workspace.logs("east", 5, name)
    with pytest.raises(NotDoneError, match="can't be the name"):
        log_query(name, 5, None)
    assert not arm.arrived


async def test_what_a_replica_wrote_is_shown_as_text_and_no_more(workspace, arm):
    wild = "\x1b[2J\x1b]0;owned\x07\u202eGET\u200b /\x00" + "x" * 5_000
    arm.answers[f"POST {QUERY}"] = table(("no time", "a\x1b[1mb", None, "", wild))
    (line,) = await workspace.logs("east", 5, None)
    assert line.text.startswith("GET /xxx")
    assert len(line.text) == 2_000
    assert (line.at, line.revision, line.replica, line.stream) == (None, "ab", None, None)


async def test_a_part_of_the_answer_is_better_than_none(workspace, arm, caplog):
    error = {"code": "PartialError", "message": "some shards are late", "details": []}
    arm.answers[f"POST {QUERY}"] = table(OLDER) | {"error": error}
    assert [line.text for line in await workspace.logs("east", 5, None)] == ["it ran"]
    assert "a part only" in caplog.text


async def test_without_a_workspace_there_are_no_logs_and_the_remedy_is_said(platform, arm):
    with pytest.raises(PlatformError, match="`log_workspace`"):
        await platform.logs("east", 5, None)
    assert not arm.arrived


FAULTS = [
    (reply({"error": {"code": "InsufficientAccessError", "message": "no"}}, 403), DeniedError),
    (reply({"error": {"code": "BadArgumentError", "message": "no such table"}}, 400), NotDoneError),
    (reply({"error": {"code": "TooMany", "message": "slow"}}, 429, Retry_After="60"), ThrottledError),
    (reply({"tables": 7}), PlatformError),
    (reply([]), PlatformError),
    (reply({"tables": [{"name": "x", "columns": [], "rows": [["too", "many"]]}]}), PlatformError),
]


@pytest.mark.parametrize(("answer", "error"), FAULTS, ids=range(len(FAULTS)))
async def test_a_workspace_that_can_not_answer_is_a_platform_error(workspace, arm, answer, error):
    arm.answers[f"POST {QUERY}"] = answer
    with pytest.raises(error):
        await workspace.logs("east", 5, None)
    assert arm.arrived["POST"] == 1
