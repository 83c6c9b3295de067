"""Log queries: the lines that the replicas really wrote, for the one form of query that is known, and nothing for any other."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime, timedelta

import pytest

from mini_app.backend import log_lines
from mini_app.local_azure import kql, log_files
from mini_app.local_azure.kql import LogQuery, QueryError, parse

PATH = "/v1/workspaces/workspace/query"
APP_LINES = 'ContainerAppConsoleLogs_CL | where ContainerAppName_s == "demo-east"'
TOP = "top 100 by TimeGenerated desc"


def ago(minutes: float) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=minutes)


def stamp(minutes_ago: float) -> str:
    return ago(minutes_ago).strftime("%Y-%m-%dT%H:%M:%S.000Z")


@pytest.fixture
def folder(tmp_path):
    """Three replicas' files, and some that belong to nobody."""
    (tmp_path / "demo-east--r1-1.log").write_text(
        f"{stamp(90)} WARNING a: old\nTraceback\n  of an old one\n{stamp(30)} WARNING a: slow\n", encoding="utf-8"
    )
    (tmp_path / "demo-east--r1-1.out").write_text(f"{stamp(95)} INFO a: starts\n\n", encoding="utf-8")
    (tmp_path / "demo-east--ow-1-2.log").write_bytes(stamp(1).encode() + b" WARNING a: \xff\x1b[31mred\r\n")
    (tmp_path / "demo-west--r1-3.log").write_text(f"{stamp(1)} WARNING a: west\n", encoding="utf-8")
    (tmp_path / "local_azure.log").write_text("secret", encoding="utf-8")
    (tmp_path / "demo-east--r1-1.txt").write_text("secret", encoding="utf-8")
    return tmp_path


@pytest.fixture
def query(ask, folder, tokens):
    """The status and the answer of a query."""
    bearer = f"Bearer {tokens.issue('https://api.loganalytics.io')}"

    async def call(text: str, **more):
        answer = await ask.send("POST", PATH, json.dumps({"query": text, **more}).encode(), bearer)
        return answer.status, answer.body

    return call


def lines(answer) -> list[str]:
    (table,) = answer["tables"]
    column = [c["name"] for c in table["columns"]].index("Log_s")
    return [row[column].partition(": ")[2] or row[column] for row in table["rows"]]


async def test_the_newest_lines_of_an_app_come_first_each_with_who_wrote_it(query):
    status, answer = await query(f"{APP_LINES} | {TOP}")
    assert status == 200
    (table,) = answer["tables"]
    assert (table["name"], [c["name"] for c in table["columns"]]) == ("PrimaryResult", list(kql.COLUMNS))
    assert lines(answer) == ["\ufffd\x1b[31mred", "slow", "  of an old one", "Traceback", "old", "starts"]
    first, last = dict(zip(kql.COLUMNS, table["rows"][0], strict=True)), dict(zip(kql.COLUMNS, table["rows"][-1], strict=True))
    assert (first["RevisionName_s"], first["ContainerGroupName_s"]) == ("demo-east--ow-1", "demo-east--ow-1-2")
    assert (first["Stream_s"], last["Stream_s"]) == ("stderr", "stdout")
    assert ago(15) < datetime.fromisoformat(first["TimeGenerated"]) <= ago(1)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ('where RevisionName_s == "demo-east--ow-1" | ' + TOP, 1),
        ("where ContainerGroupName_s == 'demo-east--r1-1' | " + TOP, 5),
        ("where TimeGenerated > ago(1h) | " + TOP, 2),
        ("where TimeGenerated > ago(900s) | " + TOP, 1),
        ("where TimeGenerated > ago(20m) | " + TOP, 1),
        ("top 3 by TimeGenerated desc", 3),
        ('where RevisionName_s == "demo-east--none" | ' + TOP, 0),
    ],
)
async def test_lines_are_chosen_by_revision_replica_age_and_number(query, steps, expected):
    status, answer = await query(f"{APP_LINES}\n  | {steps}")
    assert (status, len(lines(answer))) == (200, expected)


async def test_a_timespan_narrows_the_query_down(query):
    assert len(lines((await query(f"{APP_LINES} | {TOP}", timespan="PT1H"))[1])) == 2
    until = f"{ago(180).isoformat()}/{ago(80).isoformat()}"
    assert len(lines((await query(f"{APP_LINES} | {TOP}", timespan=until))[1])) == 4
    assert (await query(f"{APP_LINES} | {TOP}", timespan="yesterday"))[0] == 400


async def test_only_the_columns_that_are_asked_for_are_told(query):
    _, answer = await query(f"{APP_LINES} | {TOP} | project TimeGenerated, Log_s")
    (table,) = answer["tables"]
    assert table["columns"] == [{"name": "TimeGenerated", "type": "datetime"}, {"name": "Log_s", "type": "string"}]
    assert {len(row) for row in table["rows"]} == {2}


STRANGE = [
    "",
    "AzureActivity | take 5",
    f"{APP_LINES}",
    f"ContainerAppConsoleLogs_CL | {TOP}",
    f"{APP_LINES} | take 5",
    f"{APP_LINES} | {TOP} | summarize count()",
    f"{APP_LINES} | {TOP} | {TOP}",
    f"{APP_LINES} | {TOP} | where TimeGenerated > ago(1h)",
    f"{APP_LINES} | project Log_s | {TOP}",
    f"{APP_LINES} | {TOP} | project Secrets",
    f"{APP_LINES} | top 0 by TimeGenerated desc",
    f"{APP_LINES} | top 99999 by TimeGenerated desc",
    f"{APP_LINES} | top 5 by TimeGenerated asc",
    f"{APP_LINES} | where Log_s contains 'x' | {TOP}",
    f"{APP_LINES} or 1 == 1 | {TOP}",
    f"{APP_LINES} | where TimeGenerated > ago(1y) | {TOP}",
    f'ContainerAppConsoleLogs_CL | where ContainerAppName_s == "../../etc/passwd" | {TOP}',
    f'ContainerAppConsoleLogs_CL | where ContainerAppName_s == "a" or "b" | {TOP}',
    f"ContainerAppConsoleLogs_CL | where ContainerAppName_s == \"demo-east' | {TOP}",
    f"{APP_LINES}; drop | {TOP}",
    f'{APP_LINES} | where ContainerAppName_s == "demo-west" | {TOP}',
    "union *",
]


@pytest.mark.parametrize("text", STRANGE)
async def test_any_other_query_is_refused_in_the_words_of_log_analytics(query, text):
    status, answer = await query(text)
    assert (status, answer["error"]["code"], answer["error"]["innererror"]["code"]) == (400, "BadArgumentError", "SyntaxError")
    with pytest.raises(QueryError):
        parse(text)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"query": 7}', b'{"query": "x", "timespan": 7}', b"\xff"])
async def test_a_body_that_is_no_query_is_refused(ask, tokens, body):
    answer = await ask.send("POST", PATH, body, f"Bearer {tokens.issue('https://own')}")
    assert (answer.status, answer.code) == (400, "BadArgumentError")


async def test_another_workspace_is_not_known(ask, tokens):
    bearer = f"Bearer {tokens.issue('https://api.loganalytics.io')}"
    answer = await ask.send("POST", PATH.replace("workspace/", "other/"), b"{}", bearer)
    assert (answer.status, answer.code) == (404, "WorkspaceNotFoundError")


def test_of_a_huge_file_the_end_is_read_and_no_half_line_is_told(tmp_path):
    line = f"{stamp(1)} INFO a: " + "x" * 500
    path = tmp_path / "demo-east--r1-1.log"
    path.write_text("\n".join([line] * 3000 + ["y" * 20_000]) + "\n", encoding="utf-8")
    found = log_files.newest(tmp_path, LogQuery("demo-east", 10_000), None, None)
    assert found[0].text == "y" * log_files.LONGEST_LINE
    assert {one.text for one in found[1:]} == {line}
    assert 900 < len(found) < 1100


def test_an_app_whose_name_begins_like_another_is_not_confused_with_it(tmp_path):
    (tmp_path / "demo-east-2--r1-1.log").write_text("other\n", encoding="utf-8")
    assert log_files.newest(tmp_path, LogQuery("demo-east", 10), None, None) == []


def test_a_replica_writes_lines_that_begin_with_their_time_warnings_apart_from_the_rest(capsys, monkeypatch):
    root, ours = logging.getLogger(), logging.getLogger("mini_app")
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(ours, "level", ours.level)
    monkeypatch.setattr(ours, "_cache", {})
    log_lines.configure()
    logging.getLogger("mini_app.x").info("hello")
    logging.getLogger("mini_app.x").warning("careful")
    logging.getLogger("other").info("chatter")
    written = capsys.readouterr()
    for text, word in ((written.out, "INFO mini_app.x: hello"), (written.err, "WARNING mini_app.x: careful")):
        (line,) = text.splitlines()
        at, _, rest = line.partition(" ")
        assert rest == word
        assert abs(datetime.fromisoformat(at) - datetime.now(UTC)) < timedelta(minutes=1)
    assert sys.stdout is not sys.stderr
