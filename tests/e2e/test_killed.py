"""Property 7, end to end: the program is killed at random moments of an outage, started again, and goes on to the end."""

from __future__ import annotations

import os
import random
import time

import pytest
from killed_support import Program, all_well, serving
from processes import children_of, left_after

pytestmark = [pytest.mark.processes, pytest.mark.timeout(420)]

KILLS = 8  # `tests/chaos` kills many more in the core; `make chaos` kills this one as often
SEED = 20_261_123


def killed_on_the_way(program: Program, moments: random.Random, left: int) -> int:
    """Kill at random moments of one outage, `left` times at most, until the incident is resolved; how often it was killed."""
    kills = 0
    deadline = time.monotonic() + 180
    moment = time.monotonic() + moments.uniform(0.3, 5)
    while not program.settled():
        assert time.monotonic() < deadline, program.query("SELECT id, status, state FROM incident")
        if kills < left and time.monotonic() >= moment:
            program.kill()
            kills += 1
            program.start()
            moment = time.monotonic() + moments.uniform(0.3, 5)
        program.approve_what_waits()
        time.sleep(0.02)
    return kills


def test_p07_killed_at_random_moments_every_outage_still_ends_with_one_switch(environment, tmp_path):
    moments = random.Random(SEED)
    program = Program(environment, tmp_path)
    started: list[int] = []
    try:
        program.start()
        program.wait(lambda: all_well(program), 60, "the demo")
        started = children_of(program.process.pid)
        kills = outages = 0
        while kills < KILLS:
            program.wait(lambda: all_well(program), 30, "both regions to be well")
            region = serving(program)
            assert program.command("chaos", "outage", "--region", region, "--duration", "600").returncode == 0
            outages += 1
            program.wait(lambda: not program.settled(), 60, "the incident")
            kills += killed_on_the_way(program, moments, KILLS - kills)
            assert program.command("chaos", "recover", "--region", region).returncode == 0
        assert program.query("SELECT count(*) FROM incident") == [(outages,)]
        assert program.effects()["origin_changes_total"] == 2 * outages, "each switch enables one origin and disables the other"
        assert program.query("SELECT count(*), min(status), max(status) FROM intent") == [(outages, "succeeded", "succeeded")]
        assert program.query("SELECT count(*) FROM event WHERE type = 'action.finished'") == [(outages,)]
    finally:
        program.end()
        started += children_of(os.getpid())
    assert left_after(10, started) == []
