"""The command line as processes of its own: beside a running swarm, interrupted, and with a reader that goes away."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from processes import children_of, running

from agents.clock import SystemClock
from agents.durable.store import Store
from agents.events import ApprovalDecided, AutomationPaused

pytestmark = pytest.mark.processes
SILENT = '[targets.shop.regions.east]\nurl = "http://127.0.0.1:9"\n'
PROGRAM = [sys.executable, "-m", "overwatch_tui"]


@pytest.fixture
def environment(home):
    root = Path(__file__).resolve().parents[3]
    return os.environ | {"OVERWATCH_HOME": str(home), "PYTHONPATH": str(root)}


def test_another_terminal_s_words_reach_the_swarm_that_holds_the_database(book, environment):
    book.awaiting()
    heard = []

    async def swarm() -> None:
        store = await Store.open(book.path, exclusive=True, clock=SystemClock())
        store.subscribe(lambda events: heard.extend(type(event.data) for event in events))
        try:
            for words in (("pause",), ("approve", "INC-1")):
                other = await asyncio.create_subprocess_exec(*PROGRAM, *words, env=environment)
                assert await other.wait() == 0
            while {AutomationPaused, ApprovalDecided} - set(heard):
                await asyncio.sleep(0.01)
        finally:
            await store.close()

    asyncio.run(asyncio.wait_for(swarm(), 30))
    assert heard.count(ApprovalDecided) == 1


def test_a_second_swarm_in_one_home_is_refused_and_names_the_first(book, environment, tmp_path):
    book.empty()
    (tmp_path / "overwatch.toml").write_text(SILENT)

    async def first() -> subprocess.CompletedProcess[str]:
        store = await Store.open(book.path, exclusive=True, clock=SystemClock())
        try:
            return await asyncio.to_thread(
                subprocess.run, [*PROGRAM, "run"], env=environment, capture_output=True, text=True, timeout=60
            )
        finally:
            await store.close()

    second = asyncio.run(first())
    assert second.returncode == 1
    assert second.stderr.startswith(f"overwatch-tui: process {os.getpid()} runs a swarm on")
    assert "OVERWATCH_HOME" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.fixture
def watching(environment, tmp_path):
    """`run` over a target of one's own that does not answer, once its first page is in the log."""
    (tmp_path / "overwatch.toml").write_text(SILENT)
    process = subprocess.Popen(
        [*PROGRAM, "run", "--json"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def lines_until(process, type_: str) -> list[dict]:
    lines = []
    for line in process.stdout:
        lines.append(json.loads(line))
        if lines[-1].get("type") == type_:
            return lines
    raise AssertionError(f"{type_} never came: {lines} {process.stderr.read()}")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_one_s_own_silent_service_is_found_and_paged_and_the_run_ends_as_it_is_told(watching, number, status):
    told = [line["type"] for line in lines_until(watching, "incident.escalated") if line["kind"] == "event"]
    assert told == ["incident.opened", "incident.diagnosed", "strategy.proposed", "incident.escalated"]
    started = children_of(watching.pid)
    watching.send_signal(number)
    assert watching.wait(20) == status
    assert running(started) == []
    assert watching.stderr.read() == ""


def test_a_reader_that_goes_away_ends_the_run_without_a_complaint(watching):
    watching.stdout.readline()
    watching.stdout.close()
    assert watching.wait(20) == 0
    assert watching.stderr.read() == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full disk to write to")
def test_a_full_disk_is_one_line_and_a_failure(book, environment):
    book.opened()
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*PROGRAM, "incidents", "list"], env=environment, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == "overwatch-tui: the system refused: No space left on device\n"
