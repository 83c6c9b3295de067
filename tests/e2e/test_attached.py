"""The swarm runs headless; a person attaches from another process, breaks East, approves, sees it heal, and leaves."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time

import pytest
from processes import children_of, left_after, running
from terminal import Terminal

PROGRAM = [sys.executable, "-m", "overwatch_tui"]


@pytest.fixture
def headless(environment, tmp_path):
    """`overwatch-tui run` in a home of its own."""
    with (tmp_path / "run.log").open("wb") as log:
        process = subprocess.Popen(
            [*PROGRAM, "run", "--json", "--heartbeat-seconds", "1"], env=environment, cwd=tmp_path, stdout=log, stderr=log
        )
    yield process
    if process.poll() is None:
        process.kill()
        process.wait()


def command(environment, tmp_path, *words):
    return subprocess.run([*PROGRAM, *words], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)


def wait_healthy(environment, tmp_path, process):
    deadline = time.monotonic() + 60
    while (said := command(environment, tmp_path, "health")).returncode != 0:
        assert process.poll() is None, "the swarm ended"
        assert time.monotonic() < deadline, said.stderr
    return said.stdout


@pytest.mark.processes
@pytest.mark.terminal
@pytest.mark.timeout(180)
def test_an_attached_person_breaks_approves_and_leaves_and_the_swarm_goes_on(headless, environment, tmp_path):
    assert "6 agents are up" in wait_healthy(environment, tmp_path, headless)
    started: list[int] = []
    room = Terminal([*PROGRAM, "attach"], columns=120, rows=40, environment=environment, cwd=tmp_path)
    try:
        both_well = re.compile(r"\beast\b.*\bok\b.*\n(.*\n)*?.*\bwest\b.*\bok\b")
        east_serves = re.compile(r"\beast\b.*\b100 ?%")
        room.wait_for(lambda t: "attached" in t and both_well.search(t) and east_serves.search(t), 60, "both regions to be well")
        started = children_of(headless.pid)
        assert len(started) >= 5, "the demo and the MCP server belong to the swarm"
        assert children_of(room.process.pid) == [], "the screen starts nothing"

        room.press("o")
        room.wait_for(lambda t: "INC-1" in t, 20, "the incident")
        room.wait_for(lambda t: "Approvals (1)" in t, 30, "the request")
        room.approve("demo")
        room.wait_for(lambda t: re.search(r"\bwest\b.*\b100 ?%", t), 30, "the users to be in West")
        room.wait_for(lambda t: "resolved" in t, 60, "the incident to be resolved")

        room.press("q")
        assert room.wait_end(5) == 0
        assert "detached: the swarm goes on" in room.text
    finally:
        room.close()

    assert headless.poll() is None
    assert running(started) == started
    assert "6 agents are up" in wait_healthy(environment, tmp_path, headless)
    told = command(environment, tmp_path, "incidents", "show", "INC-1").stdout
    assert re.search(r"approved by \w+", told), told
    assert '"type": "heartbeat"' in (tmp_path / "run.log").read_text()

    headless.send_signal(signal.SIGTERM)
    assert headless.wait(8) == 0
    assert not (tmp_path / "home" / "swarm.sock").exists()
    assert left_after(5, started) == []
