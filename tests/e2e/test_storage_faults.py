"""The real swarm on a disk without room, and beside a program that holds its log: said, nothing done, and over by itself."""

from __future__ import annotations

import contextlib
import json
import resource
import sqlite3

import pytest
from killed_support import Program, all_well, serving

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]


def problems(program: Program, since: int) -> list[str]:
    """What the swarm said of itself since a byte of its log."""
    told = []
    for line in program.log.read_bytes()[since:].decode().splitlines():
        with contextlib.suppress(ValueError):
            said = json.loads(line)
            if said.get("kind") == "swarm":
                told.append(said["problem"])
    return told


@contextlib.contextmanager
def no_room(program: Program):
    """The kernel gives the swarm no more room for any file than its log has now: what a full disk does to it."""
    pid, wal = program.process.pid, program.home / "overwatch.db-wal"
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    assert wal.stat().st_size > program.log.stat().st_size, "the limit must not hit what it says"
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (wal.stat().st_size, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@contextlib.contextmanager
def held(program: Program):
    """Another program holds the log's lock for writing."""
    with contextlib.closing(sqlite3.connect(program.home / "overwatch.db", isolation_level=None, timeout=60)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def test_p02_while_its_log_can_t_be_written_the_swarm_says_so_and_does_nothing_and_goes_on_afterwards(environment, tmp_path):
    program = Program(environment, tmp_path)
    try:
        program.start()
        program.wait(lambda: all_well(program), 90, "the demo")
        region = serving(program)
        since = program.log.stat().st_size
        with no_room(program):
            assert program.command("chaos", "outage", "--region", region, "--duration", "600").returncode == 0
            program.wait(
                lambda: any("is its disk full" in told for told in problems(program, since)), 60, "the full disk to be said"
            )
            assert program.query("SELECT count(*) FROM incident") == [(0,)]
            assert program.process.poll() is None
        program.wait(lambda: program.query("SELECT status FROM incident") == [("awaiting",)], 90, "the request")
        program.wait(lambda: problems(program, since)[-1] == "", 30, "what has passed not to be said any more")
        since = program.log.stat().st_size
        with held(program):
            said = ("another program holds its lock", "does another program hold its lock")
            program.wait(lambda: any(s in told for told in problems(program, since) for s in said), 60, "the lock to be said")
            refused = program.command("approve", "INC-1", "--confirm", "demo")
            assert refused.returncode == 1
            assert "another program holds its lock" in refused.stderr
            assert program.effects()["origin_changes_total"] == 0
            assert program.process.poll() is None
        program.wait(lambda: program.approve_what_waits() or program.settled(), 120, "the incident to be resolved")
        assert program.effects()["origin_changes_total"] == 2, "one switch"
        assert program.query("SELECT count(*) FROM delivery WHERE parked") == [(0,)]
    finally:
        program.end()
