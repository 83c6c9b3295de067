"""The real program in a real terminal, over the real demo: break East, watch it heal, leave nothing behind."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
from processes import children_of, left_after
from terminal import Terminal

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def control_room(tmp_path):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OVERWATCH_")}
    environment |= {
        "OVERWATCH_HOME": str(tmp_path / "home"),
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LANG": "C.UTF-8",
    }
    terminal = Terminal(
        [sys.executable, "-m", "overwatch_tui", "launch"], columns=120, rows=40, environment=environment, cwd=tmp_path
    )
    try:
        yield terminal
    finally:
        terminal.close()


def traffic(region: str, percent: int):
    return lambda text: re.search(rf"\b{region}\b.*\b{percent} ?%", text) is not None


@pytest.mark.processes
@pytest.mark.terminal
@pytest.mark.timeout(180)
def test_east_is_broken_with_a_key_and_its_users_end_up_in_west(control_room):
    both_well = re.compile(r"\beast\b.*\bok\b.*\n(.*\n)*?.*\bwest\b.*\bok\b")
    control_room.wait_for(lambda t: both_well.search(t) and traffic("east", 100)(t), 60, "both regions to be well")
    started = children_of(control_room.process.pid)
    assert len(started) >= 5, "the demo's processes and the MCP server run as processes of their own"

    control_room.press("o")
    control_room.wait_for(lambda t: "INC-1" in t, 15, "the incident")
    asked = re.compile(r"Approvals \(1\)")
    done = re.compile(r"resolved")
    control_room.wait_for(lambda t: asked.search(t) or done.search(t), 20, "the request or the automatic decision")
    if not done.search(control_room.text):
        control_room.approve("demo")
    control_room.wait_for(lambda t: bool(done.search(t)), 60, "the incident to be resolved")
    control_room.wait_for(traffic("west", 100), 15, "the traffic bar to show West")
    control_room.wait_for(lambda t: bool(done.search(t)), 30, "the incident to be resolved")

    control_room.press("r")
    control_room.wait_for(lambda t: bool(both_well.search(t)), 30, "East to be well again")
    control_room.press("q")
    assert control_room.wait_end(5) == 0
    assert left_after(2, started) == []
