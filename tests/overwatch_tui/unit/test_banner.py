"""The lines that can't be missed."""

from __future__ import annotations

from datetime import UTC, datetime

from agents.telemetry import SwarmState
from overwatch_tui.state.format import UNICODE
from overwatch_tui.state.models import HostView, State
from overwatch_tui.widgets.banner import LINES, banner_lines
from overwatch_tui.widgets.board import board_lines

PROBLEM = "process 7 runs a swarm on /home/ada/.local/state/overwatch.db: end it, or set OVERWATCH_HOME to another folder"


def words(lines):
    return " ".join(" ".join(text for text, _ in line) for line in lines).split()


def test_the_worst_is_told_in_full_with_its_remedy():
    lines = banner_lines(State(host=HostView("failed", PROBLEM)), 80, UNICODE)
    assert 1 < len(lines) <= LINES
    assert " ".join(words(lines)).endswith("set OVERWATCH_HOME to another folder · R starts it again")
    assert all(len(text) <= 80 for line in lines for text, _ in line)


def test_the_board_tells_it_in_full_too():
    assert PROBLEM in " ".join(words(board_lines(State(host=HostView("failed", PROBLEM)), UNICODE)))


def test_a_log_that_can_t_be_written_is_said_with_its_remedy_on_a_small_screen():
    told = (
        "/home/ada/.local/state/overwatch/overwatch.db can't be used now (database or disk is full): make room on its disk; "
        "nothing is carried out until it can be written again"
    )
    swarm = SwarmState(datetime.now(UTC), "armed", "embedded", "embedded", 0.85, problem=told)
    lines = banner_lines(State(swarm=swarm), 80, UNICODE)
    assert len(lines) <= LINES
    assert " ".join(words(lines)).endswith(told)
    assert all(len(text) <= 80 for line in lines for text, _ in line)
