"""`incidents report`, `incidents record` and `replay --check`, as a person types them."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from agents.clock import SystemClock
from agents.durable import samples
from agents.durable.store import Store
from agents.telemetry import RegionSample, UsersSample

RELEASED = Path(__file__).parents[2] / "agents" / "durable" / "released" / "overwatch-0.1.0.db"


@pytest.fixture
def measured(book):
    """INC-1 waits for a person, and something was measured around it."""
    book.awaiting()
    now = book.clock.now()
    rows = [
        ("demo", RegionSample("demo", "east", now, "fail", p95_ms=1900.0, error_rate=0.4, traffic=100, replicas_ready=2)),
        ("demo", UsersSample("demo", now, "fail", 0.4, 1900.0, 18.0, "east")),
    ]
    book.do(lambda store: store.database.run(lambda c: samples.write(c, rows, at=now)))
    return book


def test_a_report_is_written_as_both_where_nothing_else_is_said(cli, measured):
    said = cli("incidents", "report", "INC-1")
    assert (said.status, said.out.split()) == (0, ["INC-1.md", "INC-1.html"])
    assert Path("INC-1.md").read_text().startswith("# INC-1")
    assert "<svg" in Path("INC-1.html").read_text()
    assert sorted(p.name for p in Path().glob(".*")) == [], "nothing half done is left"


@pytest.mark.parametrize(
    ("words", "files"),
    [
        (["-o", "out.html"], ["out.html"]),
        (["-o", "out.md"], ["out.md"]),
        (["-o", "out"], ["out.md", "out.html"]),
        (["-o", "out", "--format", "md"], ["out.md"]),
        (["--format", "html"], ["INC-1.html"]),
        (["-o", "out.html", "--format", "both"], ["out.html.md", "out.html"]),
    ],
)
def test_the_name_of_the_file_or_the_format_says_what_is_written(cli, measured, words, files):
    said = cli("incidents", "report", "INC-1", *words)
    assert (said.status, said.out.split()) == (0, files)
    assert all(Path(name).is_file() for name in files)


def test_a_dash_is_stdout_and_takes_one_of_the_two(cli, measured):
    assert cli("incidents", "report", "INC-1", "-o", "-").out.startswith("# INC-1")
    assert cli("incidents", "report", "INC-1", "-o", "-", "--format", "html").out.startswith("<!doctype html>")
    said = cli("incidents", "report", "INC-1", "-o", "-", "--format", "both")
    assert said.status == 2
    assert "only one of md and html fits on stdout" in said.err


def test_nothing_is_overwritten_unless_it_is_forced_and_then_nothing_at_all_is_written(cli, measured):
    Path("INC-1.html").write_text("mine")
    said = cli("incidents", "report", "INC-1")
    assert said.status == 1
    assert "'INC-1.html' is there already: --force overwrites it" in said.err
    assert Path("INC-1.html").read_text() == "mine"
    assert not Path("INC-1.md").exists()
    assert cli("incidents", "report", "INC-1", "--force").status == 0
    assert "<svg" in Path("INC-1.html").read_text()


@pytest.mark.parametrize(
    ("out", "says"),
    [("no/such/INC-1.md", "does not exist: make it first"), ("folder.md", "is a folder"), ("folder", "is a folder")],
)
def test_a_place_that_can_not_be_written_to_is_said(cli, measured, out, says):
    Path("folder.md").mkdir()
    Path("folder").mkdir()
    said = cli("incidents", "report", "INC-1", "-o", out)
    assert said.status == 1
    assert says in said.err


@pytest.mark.parametrize("command", [["report", "INC-99"], ["record", "INC-99", "-o", "x"], ["report", "../../etc/passwd"]])
def test_an_incident_that_does_not_exist_is_said_with_those_that_do(cli, measured, command):
    said = cli("incidents", *command)
    assert said.status == 1
    assert "is not an incident here; the newest: INC-1" in said.err
    assert list(Path().glob("*.md")) == []


def test_scripts_read_where_the_files_are_and_the_key_times_in_seconds(cli, measured):
    told = json.loads(cli("incidents", "report", "INC-1", "--json", "-o", "r.md").out)
    assert (told["incident"], told["paths"], told["heal_s"]) == ("INC-1", ["r.md"], None)
    assert told["detect_s"] is not None
    assert told["state"].startswith("OPEN")


def test_an_incident_of_the_first_release_can_be_reported_and_recorded(cli, home):
    home.mkdir()
    shutil.copy(RELEASED, home / "overwatch.db")

    async def first() -> str:
        store = await Store.open(home / "overwatch.db", exclusive=False, clock=SystemClock())
        try:
            return (await store.incidents(limit=1))[0].id
        finally:
            await store.close()

    incident = asyncio.run(first())
    said = cli("incidents", "report", incident, "-o", "-")
    assert said.status == 0
    assert "Nothing was recorded around this incident" in said.out
    assert cli("incidents", "record", incident, "-o", "old.jsonl").status == 0
    assert cli("replay", "--check", "old.jsonl").status == 0


def test_a_recording_is_sound_and_says_what_it_holds(cli, measured):
    assert cli("incidents", "record", "INC-1", "-o", "INC-1.jsonl").out.split() == ["INC-1.jsonl"]
    said = cli("replay", "--check", "INC-1.jsonl")
    assert said.status == 0
    assert "INC-1  demo: east: health fail, errors  [awaiting]" in said.out
    assert "4 events, 2 samples" in said.out
    told = json.loads(cli("replay", "--check", "--json", "INC-1.jsonl").out)
    assert (told["incident"], told["events"], told["samples"]) == ("INC-1", 4, 2)
    assert cli("incidents", "record", "INC-1", "-o", "INC-1.jsonl").status == 1
    assert cli("incidents", "record", "INC-1", "-o", "-").out.count("\n") == Path("INC-1.jsonl").read_text().count("\n")


def test_a_recording_that_was_changed_is_refused(cli, measured):
    cli("incidents", "record", "INC-1", "-o", "x.jsonl")
    text = Path("x.jsonl").read_text()
    Path("x.jsonl").write_text(text.replace("east is gone", "west is gone", 1))
    said = cli("replay", "--check", "x.jsonl")
    assert said.status == 1
    assert "'x.jsonl' can't be played: line 3: the record" in said.err
    assert "was changed after it was written" in said.err


def test_a_replay_without_a_terminal_says_what_else_there_is(cli, measured, monkeypatch):
    monkeypatch.setattr("sys.__stdin__", None)
    cli("incidents", "record", "INC-1", "-o", "x.jsonl")
    said = cli("replay", "x.jsonl")
    assert said.status == 2
    assert "overwatch-tui replay --check FILE" in said.err


def test_a_recording_that_is_not_there_is_named_before_a_terminal_is_missed(cli, measured, monkeypatch):
    monkeypatch.setattr("sys.__stdin__", None)
    said = cli("replay", "nope.jsonl")
    assert said.status == 1
    assert "'nope.jsonl' is not a file: make one with" in said.err
    assert "terminal" not in said.err


@pytest.mark.parametrize("moment", ["later", "-1", "1e9", "nan", "resolved"])
def test_a_moment_that_the_recording_does_not_have_is_refused(cli, measured, monkeypatch, moment):
    monkeypatch.setattr("sys.__stdin__", type("tty", (), {"isatty": lambda _: True})())
    cli("incidents", "record", "INC-1", "-o", "x.jsonl")
    said = cli("replay", "x.jsonl", "--from", moment)
    assert said.status == 2
    assert "--from" in said.err
