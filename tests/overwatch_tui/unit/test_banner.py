"""The lines that can't be missed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agents.telemetry import AgentState, SwarmState
from overwatch_tui.state.format import UNICODE
from overwatch_tui.state.models import AGENTS, HostView, State
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


@pytest.mark.parametrize("phase", ["failed", "stopped", "away"])
def test_the_board_of_a_swarm_that_is_not_there_calls_nobody_starting(phase):
    agents = {name: AgentState(name, "starting", datetime.now(UTC)) for name in AGENTS}
    assert words(board_lines(State(agents=agents), UNICODE)).count("starting") == len(AGENTS)
    assert "starting" not in words(board_lines(State(agents=agents, host=HostView(phase, PROBLEM)), UNICODE))


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
