"""`audit verify`, as a person and a script call it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from journal_support import tamper

from agents.events import IncidentUpdated

RELEASED = Path(__file__).resolve().parents[2] / "agents" / "durable" / "released" / "overwatch-0.1.0.db"


def test_a_whole_journal_says_so_with_its_head(cli, book):
    book.awaiting()
    said = cli("audit", "verify")
    assert (said.status, said.err) == (0, "")
    whole, head = said.out.splitlines()
    assert whole == "whole   4 records"
    assert len(head.removeprefix("head    ")) == 64


def test_as_json_it_has_what_a_script_compares(cli, book):
    book.awaiting()
    found = json.loads(cli("audit", "verify", "--json").out)
    assert (found["whole"], found["records"], found["broken"]) == (True, 4, None)
    assert found["head"]["seq"] == 4


def test_a_changed_record_is_named_with_the_remedy_and_the_status_is_1(cli, book):
    book.awaiting()
    tamper(book.path, "UPDATE event SET data = replace(data, 'east', 'west') WHERE seq = 2")
    said = cli("audit", "verify")
    assert said.status == 1
    assert said.out.startswith("BROKEN  record 2 (said:1, incident.diagnosed, ")
    assert "its content is not what was written\n" in said.out
    assert "go on from a copy" in said.err
    broken = json.loads(cli("audit", "verify", "--json").out)["broken"]
    assert (broken["flaw"], broken["seq"], broken["id"]) == ("content", 2, "said:1")


def test_a_head_that_was_kept_has_to_be_there(cli, book):
    book.opened()
    head = json.loads(cli("audit", "verify", "--json").out)["head"]["hash"]
    book.say(IncidentUpdated(symptoms=(), observations=()))
    said = cli("audit", "verify", "--head", head)
    assert said.status == 0
    assert "1 of them were written since the head that you kept" in said.out
    assert cli("audit", "verify", "--head", head[:12]).status == 0
    said = cli("audit", "verify", "--head", "f" * 64)
    assert said.status == 1
    assert "is not in this journal" in said.err


@pytest.mark.parametrize("head", ["", "abc", "g" * 64, "a" * 65])
def test_what_is_no_head_is_refused(cli, book, head):
    book.opened()
    said = cli("audit", "verify", "--head", head)
    assert said.status == 2
    assert "is no head: give the 64 digits" in said.err


def test_a_journal_that_was_written_anew_does_not_have_the_head_that_was_kept(cli, book):
    book.opened()
    head = json.loads(cli("audit", "verify", "--json").out)["head"]["hash"]
    book.path.unlink()
    book.opened()
    assert cli("audit", "verify").status == 0
    assert cli("audit", "verify", "--head", head).status == 1


def test_it_works_on_a_copy_of_an_older_version_without_touching_it(cli, tmp_path):
    copy = Path(shutil.copy(RELEASED, tmp_path / "old.db"))
    before = copy.read_bytes()
    said = cli("audit", "verify", "--database", str(copy))
    assert said.status == 0
    assert said.out.startswith("whole   9 records\n")
    assert "only the chain" in said.out
    assert copy.read_bytes() == before


def test_a_copy_in_a_folder_that_can_not_be_written_to_is_read(cli, book, tmp_path):
    book.awaiting()
    place = tmp_path / "shelf"
    place.mkdir()
    copy = Path(shutil.copy(book.path, place / "copy.db"))
    copy.chmod(0o400)
    place.chmod(0o500)
    try:
        assert cli("audit", "verify", "--database", str(copy)).status == 0
    finally:
        place.chmod(0o700)


@pytest.mark.parametrize("content", [b"", b"this is no database at all, but long enough to be one" * 30])
def test_what_is_no_database_is_said(cli, tmp_path, content):
    path = tmp_path / "odd.db"
    path.write_bytes(content)
    said = cli("audit", "verify", "--database", str(path))
    assert said.status == 1
    assert str(path) in said.err


def test_a_home_without_a_swarm_and_a_file_that_is_not_there_are_said(cli, tmp_path):
    assert "no swarm has run here" in cli("audit", "verify").err
    said = cli("audit", "verify", "--database", str(tmp_path / "none.db"))
    assert said.status == 1
    assert "does not exist" in said.err


def test_pruning_says_what_would_go_then_takes_it_away_and_leaves_a_whole_journal(cli, book, home):
    from datetime import UTC, datetime

    from agents.clock import SystemClock
    from agents.events import IncidentResolved

    class LongAgo(SystemClock):
        def now(self):
            return datetime(2020, 1, 1, tzinfo=UTC)

    book.clock = book.build.clock = LongAgo()
    book.opened()
    book.say(IncidentResolved(how="cleared", checks=()))
    book.clock = book.build.clock = SystemClock()
    book.opened()
    said = cli("audit", "prune", "--dry-run")
    assert said.out == "2 records of 1 incidents, 0 samples and 0 outcomes would be pruned\n"
    assert cli("audit", "verify").out.startswith("whole   3 records\n")
    done = json.loads(cli("audit", "prune", "--json").out)
    assert (done["records"], done["incidents"]) == (2, 1)
    (archive,) = done["archives"]
    assert Path(archive).parent == home / "archive"
    assert cli("audit", "verify").out.startswith("whole   2 records, 2 older ones were pruned\n")
    assert cli("audit", "verify", "--file", archive).status == 0
    assert cli("audit", "prune").out.startswith("0 records")
