"""Recordings: what is written is what is read, and nothing that does not fit comes through the door."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from agents.events import Event
from agents.telemetry import RegionSample, Thought
from overwatch_tui.replay import recording as door
from overwatch_tui.replay.recording import RecordingError, read
from tests.overwatch_tui import recorded, story


@pytest.fixture
def path(tmp_path):
    return recorded.file(tmp_path, *story.RESOLVED)


def in_order(samples):
    return sorted(samples, key=lambda s: (s.at, type(s).__name__, getattr(s, "region", "") or "", getattr(s, "agent", "")))


def changed(path, number, change):
    """Apply `change` to the JSON of one line, counted from 1."""
    lines = path.read_text().splitlines()
    raw = json.loads(lines[number - 1])
    change(raw)
    lines[number - 1] = json.dumps(raw)
    path.write_text("\n".join(lines) + "\n")


def test_what_is_read_is_what_was_said_and_measured_in_the_order_of_time(path):
    found = read(path)
    assert found.events == story.told(*story.RESOLVED)
    assert found.incident.status == "resolved"
    assert [item.at for item in found.items] == sorted(item.at for item in found.items)
    assert in_order(i.what for i in found.items if not isinstance(i.what, Event)) == in_order(recorded.measured())
    assert found.header.regions == ("east", "west")


def test_an_event_that_was_changed_after_it_was_written_is_found(path):
    def approve(raw):
        raw["row"]["data"] = raw["row"]["data"].replace('"anna"', '"ada"')

    changed(path, 6, approve)
    with pytest.raises(RecordingError, match=r"line 6: the record .* was changed after it was written"):
        read(path)


def test_a_hash_that_was_changed_is_found(path):
    changed(path, 3, lambda raw: raw.update(hash="0" * 64))
    with pytest.raises(RecordingError, match="line 3: the record"):
        read(path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda h: h.update(kind="other"), "line 1 is no header"),
        (lambda h: h.update(version=2), "it has version 2, this Overwatch reads version 1"),
        (lambda h: h.update(incident="INC-7; rm -rf"), "line 1: incident"),
        (lambda h: h.update(target="../x"), "line 1: target"),
        (lambda h: h.update(lines=10**9), "line 1: lines"),
        (lambda h: h.update(lines=h["lines"] + 1), "the recording breaks off here"),
        (lambda h: h.update(lines=h["lines"] - 1), "there are more"),
        (lambda h: h.update(since="2026-11-23T14:00:00"), "line 1: since"),
        (lambda h: h.update(until="1999-01-01T00:00:00Z"), "is no time that an incident takes"),
        (lambda h: h.update(since="1999-01-01T00:00:00Z"), "is no time that an incident takes"),
        (lambda h: h.update(head=[-1, "0" * 64]), "line 1: head"),
        (lambda h: h.update(incident="INC-8"), "it is about 'INC-7', not about INC-8"),
        (lambda h: h.update(target="shop"), "it is about 'demo', not about shop"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(path, change, says):
    changed(path, 1, change)
    with pytest.raises(RecordingError, match=says):
        read(path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda raw: raw["body"].update(p95_ms=1e300), "a number is out of all bounds"),
        (lambda raw: raw["body"].update(state="fine"), "state"),
        (lambda raw: raw["body"].update(at="2026-11-23T14:01:50"), "has no time zone"),
        (lambda raw: raw["body"].update(at="2027-11-23T14:01:50Z"), "lies outside of the recording"),
        (lambda raw: raw["body"].update(target="shop"), "it is about 'shop', not about demo"),
        (lambda raw: raw.update(kind="chaos"), "nothing that is said here"),
        (lambda raw: raw.update(kind="answer", body={"id": 1, "text": "ok"}), "'Answer' has no place in a recording"),
        (lambda raw: raw.update(kind="targets", body={"targets": []}), "'Targets' has no place in a recording"),
        (
            lambda raw: raw.update(kind="agent", body={"agent": "root", "state": "idle", "at": "2026-11-23T14:01:50Z"}),
            "none of the",
        ),
        (lambda raw: raw.update(kind="event", row={}, prev_hash="", hash=""), "is no record of the log"),
        (lambda raw: raw.update(kind="event"), "can't be read"),
    ],
)
def test_a_line_that_does_not_fit_is_refused_with_its_number(path, change, says):
    number = 1 + len(story.RESOLVED) + 2 + len(story.agent_states()) + 3

    changed(path, number, change)
    with pytest.raises(RecordingError, match=rf"line {number}\b.*{says}"):
        read(path)


@pytest.mark.parametrize(
    "text", [b"", b"\n", b"[]\n", b"\xff\xfe\n", b"{}\n", b"[" * 100_000 + b"\n", b"null\n", b"SQLite format 3\0\n"]
)
def test_what_is_no_recording_is_refused(tmp_path, text):
    path = tmp_path / "x"
    path.write_bytes(text)
    with pytest.raises(RecordingError, match="line 1"):
        read(path)


def test_what_is_no_file_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(RecordingError, match="is not a file"):
            read(path)


def test_lines_and_files_beyond_all_bounds_are_refused(path, monkeypatch):
    monkeypatch.setattr(door, "LONGEST_LINE", 500)
    with pytest.raises(RecordingError, match=r"line \d+ is longer than 500 bytes"):
        read(path)
    monkeypatch.setattr(door, "LARGEST", 1_000)
    with pytest.raises(RecordingError, match="more than the 1000 that a recording may have"):
        read(path)


def test_what_a_terminal_would_obey_does_not_come_through(tmp_path):
    evil = "\x1b]52;c;ZXZpbA==\x07\x1b[2Jboo\u202e"
    looks = recorded.measured()
    looks[-1] = recorded.hostile(looks[-1], evil)
    looks[10] = recorded.hostile(next(i for i in looks if isinstance(i, RegionSample)), evil)
    found = read(recorded.file(tmp_path, *story.RESOLVED, looks=looks))
    words = [i.what.text for i in found.items if isinstance(i.what, Thought)]
    words += [i.what.detail for i in found.items if isinstance(i.what, RegionSample)]
    assert "boo" in words
    assert not any("\x1b" in word or "\u202e" in word for word in words)


def test_an_order_of_events_that_can_not_be_is_refused(path):
    lines = path.read_text().splitlines(keepends=True)
    lines[2], lines[3] = lines[3], lines[2]
    path.write_text("".join(lines))
    with pytest.raises(RecordingError, match=r"line 3: 'strategy.proposed' does not fit INC-7"):
        read(path)


def test_an_open_incident_can_be_recorded_and_read(tmp_path):
    found = recorded.recording(tmp_path, *story.AWAITING)
    assert found.incident.status == "awaiting"
    assert found.header.until - found.header.since > timedelta(seconds=60)
