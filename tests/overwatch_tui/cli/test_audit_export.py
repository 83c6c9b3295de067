"""`audit export`, and `audit verify --file` on what it wrote."""

from __future__ import annotations

import gzip
import json

import pytest
from journal_support import tamper

from agents.durable.export import whole_or_not
from agents.events import IncidentResolved


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def exported(cli, book, tmp_path):
    book.opened()
    book.say(IncidentResolved(how="cleared", checks=()))
    book.opened()
    cli("pause", "--reason", "maintenance")
    path = tmp_path / "journal.jsonl"
    said = cli("audit", "export", "-o", str(path))
    assert (said.status, said.out) == (0, "")
    assert said.err.startswith("4 records, head ")
    return path


def test_an_export_has_one_event_a_line_and_is_verified_alone(cli, exported):
    assert [(line["seq"], line["type"]) for line in lines(exported)] == [
        (1, "incident.opened"),
        (2, "incident.resolved"),
        (3, "incident.opened"),
        (4, "automation.paused"),
    ]
    said = cli("audit", "verify", "--file", str(exported))
    assert said.status == 0
    assert said.out == f"whole   4 records\nhead    {lines(exported)[-1]['hash']}\n"
    assert json.loads(cli("audit", "verify", "--json").out)["head"]["hash"] == lines(exported)[-1]["hash"]


def test_an_export_is_its_owner_s_alone_and_leaves_nothing_beside_it(exported):
    assert exported.stat().st_mode & 0o077 == 0
    assert not list(exported.parent.glob(".journal*"))


def test_a_packed_export_is_verified_and_what_is_cut_off_of_it_is_said(cli, exported, tmp_path):
    path = tmp_path / "journal.jsonl.gz"
    cli("audit", "export", "-o", str(path))
    assert gzip.decompress(path.read_bytes()) == exported.read_bytes()
    assert cli("audit", "verify", "--file", str(path)).status == 0
    path.write_bytes(path.read_bytes()[:-20])
    assert cli("audit", "verify", "--file", str(path)).status == 1


def test_to_stdout_it_can_be_piped(cli, exported):
    assert cli("audit", "export").out == exported.read_text()


def test_a_changed_a_missing_and_a_swapped_line_are_named(cli, exported, tmp_path):
    rows = exported.read_text().splitlines(keepends=True)
    for changed, words in (
        ([rows[0], rows[1].replace("cleared", "verified"), *rows[2:]], "record 2 (said:1, incident.resolved"),
        ([rows[0], *rows[2:]], "record 3 (open:INC-2"),
        ([rows[0], rows[2], rows[1], rows[3]], "record 3 (open:INC-2"),
        ([rows[0], "{}\n", *rows[2:]], "line 2 is no record"),
        ([rows[0], "[" * 100_000 + "\n"], "line 2 is no record"),
        ([rows[0], rows[1][:40]], "line 2 is no record"),
    ):
        other = tmp_path / "other.jsonl"
        other.write_text("".join(changed))
        said = cli("audit", "verify", "--file", str(other))
        assert said.status == 1
        assert words in said.out, said


def test_a_tail_that_was_cut_off_is_found_by_the_head_that_was_kept(cli, exported, tmp_path):
    head = lines(exported)[-1]["hash"]
    assert cli("audit", "verify", "--file", str(exported), "--head", head).status == 0
    exported.write_text("".join(exported.read_text().splitlines(keepends=True)[:-1]))
    assert cli("audit", "verify", "--file", str(exported)).status == 0
    said = cli("audit", "verify", "--file", str(exported), "--head", head)
    assert said.status == 1
    assert "it was cut off" in said.err


def test_one_incident_s_export_has_gaps_and_each_of_its_records_is_checked(cli, book, exported, tmp_path):
    book.say(IncidentResolved(how="cleared", checks=()), incident="INC-2")
    path = tmp_path / "one.jsonl"
    cli("audit", "export", "--incident", "INC-2", "-o", str(path))
    assert [line["seq"] for line in lines(path)] == [3, 5]
    said = cli("audit", "verify", "--file", str(path))
    assert said.status == 0
    assert "with 1 gap," in said.out
    path.write_text(path.read_text().replace("cleared", "verified"))
    assert cli("audit", "verify", "--file", str(path)).status == 1
    assert "'INC-9' is not an incident here" in cli("audit", "export", "--incident", "INC-9").err


def test_since_a_moment_it_begins_behind_an_earlier_record(cli, exported, tmp_path):
    third = lines(exported)[2]
    path = tmp_path / "since.jsonl"
    assert cli("audit", "export", "--since", third["time"], "-o", str(path)).status == 0
    assert [line["seq"] for line in lines(path)] == [3, 4]
    assert "whole   2 records behind record 2" in cli("audit", "verify", "--file", str(path)).out
    assert cli("audit", "export", "--since", "2999-01-01").out == ""
    said = cli("audit", "export", "--since", "yesterday")
    assert (said.status, "'yesterday' is no time" in said.err) == (2, True)


def test_a_file_that_could_not_be_finished_is_not_there(tmp_path):
    path = tmp_path / "journal.jsonl.gz"
    path.write_text("the one before")

    def broken_off():
        with whole_or_not(path) as file:
            file.write("half")
            raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        broken_off()
    assert path.read_text() == "the one before"
    assert [p.name for p in tmp_path.iterdir()] == ["journal.jsonl.gz"]


def test_an_export_overwrites_no_other_file_unless_told_to(cli, exported):
    before = exported.read_bytes()
    cli("resume")
    said = cli("audit", "export", "-o", str(exported))
    assert said.status == 1
    assert f"{str(exported)!r} is there already: --force overwrites it, -o names another one" in said.err
    assert exported.read_bytes() == before
    assert cli("audit", "export", "-o", str(exported), "--force").err.startswith("5 records, head ")
    assert len(lines(exported)) == 5


def test_a_file_that_came_while_the_export_was_written_is_kept(tmp_path):
    path = tmp_path / "journal.jsonl"

    def overtaken():
        with whole_or_not(path, replace=False) as file:
            file.write("mine")
            path.write_text("another's")

    with pytest.raises(FileExistsError):
        overtaken()
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("journal.jsonl", "another's")]


def test_a_place_that_can_not_be_written_to_is_said(cli, exported, tmp_path):
    said = cli("audit", "export", "-o", str(tmp_path / "none" / "x.jsonl"))
    assert said.status == 1
    assert "none" in said.err


def test_an_export_replaces_neither_the_database_nor_what_is_no_file(cli, exported, home, tmp_path):
    database = home / "overwatch.db"
    before = database.read_bytes()
    (tmp_path / "folder").mkdir()
    (tmp_path / "nowhere").symlink_to(tmp_path / "absent")
    for name in (database, tmp_path / "folder", tmp_path / "nowhere", "/dev/null"):
        said = cli("audit", "export", "-o", str(name))
        assert said.status == 2
        assert "name another one" in said.err
    assert database.read_bytes() == before


@pytest.mark.parametrize("command", [("incidents", "list"), ("incidents", "report", "INC-1", "-o", "-")])
def test_what_was_changed_beyond_reading_is_one_line_that_names_verify(cli, exported, home, command):
    tamper(home / "overwatch.db", "UPDATE incident SET state = '{}'")
    said = cli(*command)
    assert said.status == 1
    assert "audit verify" in said.err


@pytest.mark.parametrize("taken", ["DELETE FROM event", "DELETE FROM event WHERE incident = 'INC-1'"])
@pytest.mark.parametrize("command", ["report", "record"])
def test_an_incident_whose_records_were_taken_away_is_one_line_that_names_verify(cli, exported, home, taken, command):
    tamper(home / "overwatch.db", taken)
    said = cli("incidents", command, "INC-1", "-o", "-")
    assert said.status == 1
    assert "'INC-1' has no records in the journal any more" in said.err
    assert "`overwatch-tui audit verify`" in said.err
    assert "Traceback" not in said.err
    assert cli("audit", "verify").status == 1


def test_a_file_that_is_not_there_is_said_in_a_word(cli, tmp_path):
    said = cli("audit", "verify", "--file", str(tmp_path / "none.jsonl"))
    assert (said.status, said.err) == (1, f"overwatch-tui: '{tmp_path}/none.jsonl' can't be read: No such file or directory\n")
