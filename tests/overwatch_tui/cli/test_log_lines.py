"""What `run` writes: one line for each event and change, for people or as JSON, whoever reads it."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime

import pytest
from tests_support import Build

from agents.telemetry import AgentState, SwarmState, Thought
from overwatch_tui.cli.log_lines import LogLines
from tests.overwatch_tui import story

AT = datetime(2026, 11, 23, 14, 2, 11, tzinfo=UTC)


class Clock:
    def now(self) -> datetime:
        return AT


def log(*, json_lines=False) -> LogLines:
    return LogLines(json_lines=json_lines, closed=lambda: pytest.fail("nobody closed it"))


def armed(automation="armed") -> SwarmState:
    return SwarmState(at=AT, automation=automation, reasoning="embedded", bus="embedded", threshold=0.85)


def opened():
    build = Build(Clock())
    return build.event(build.opened(), source="Sentry")


def test_an_event_is_one_line_with_its_words(capsys):
    log().publish(opened())
    line = capsys.readouterr().out
    assert line.startswith("2026-11-23T14:02:11+00:00 event ")
    assert 'incident="INC-1" source="Sentry" text="east: health fail, errors"\n' in line


def test_an_event_as_json_is_one_object_on_one_line(capsys):
    log(json_lines=True).publish(opened())
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "time": "2026-11-23T14:02:11+00:00",
        "kind": "event",
        "type": "incident.opened",
        "incident": "INC-1",
        "source": "Sentry",
        "text": "east: health fail, errors",
    }


def test_a_state_that_stays_is_told_once(capsys):
    lines = log()
    for automation in ("armed", "armed", "paused", "paused", "armed"):
        lines.publish(armed(automation))
    for state in ("starting", "idle", "busy", "idle"):
        lines.publish(AgentState("Sentry", state, AT))
    told = [line.split(" ", 1)[1] for line in capsys.readouterr().out.splitlines()]
    assert told == [
        'swarm automation="armed"',
        'swarm automation="paused"',
        'swarm automation="armed"',
        'agent agent="Sentry" state="starting"',
        'agent agent="Sentry" state="up"',
    ]


def test_samples_and_thoughts_are_no_log(capsys):
    lines = log()
    lines.publish(story.region_sample("east", 0))
    lines.publish(Thought("Sentry", "INC-1", "hm", "embedded", AT))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("error", "is_problem"), [(BrokenPipeError(32, "Broken pipe"), False), (OSError(28, "full"), True)])
def test_a_log_that_can_not_be_written_ends_the_run_and_never_raises(monkeypatch, tmp_path, error, is_problem):
    with (tmp_path / "out").open("w") as out:
        ended = []

        class Gone:
            def write(self, _text):
                raise error

            def fileno(self):
                return out.fileno()

        monkeypatch.setattr(sys, "stdout", Gone())
        lines = LogLines(json_lines=False, closed=lambda: ended.append(True))
        lines.publish(armed())
        assert ended == [True]
        assert (lines.problem is not None) is is_problem
        os.write(out.fileno(), b"what is left goes nowhere")
    assert (tmp_path / "out").read_bytes() == b""
