"""One writer for each target, also across processes."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from overwatch_mcp.clock import SystemClock
from overwatch_mcp.errors import BusyError, JournalError
from overwatch_mcp.target_lock import TargetLocks

HOLDER = """
import fcntl, os, sys
lock = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(lock, fcntl.LOCK_EX)
os.write(lock, b"op-9 of another process")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "operations.db"


@pytest.fixture
def holder(journal):
    """Another process that holds the target's lock."""
    file = journal.with_name("operations.db.locks") / "demo"
    file.parent.mkdir()
    process = subprocess.Popen([sys.executable, "-c", HOLDER, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"held\n"
        yield process
    finally:
        process.kill()
        process.communicate()


async def test_another_process_holds_a_target_until_it_ends_however_it_ends(journal, holder):
    locks = TargetLocks(journal, SystemClock(), patience=0.1)
    with pytest.raises(BusyError, match="'demo' was busy with 'op-9 of another process"):
        async with locks.hold("demo", "op-1"):
            pytest.fail("held twice")
    async with locks.hold("other", "op-1"):
        pass
    holder.kill()
    async with TargetLocks(journal, SystemClock(), patience=5).hold("demo", "op-1"):
        held = (journal.with_name("operations.db.locks") / "demo").read_text(encoding="utf-8")
    assert held == f"op-1 of process {os.getpid()}"


async def test_whoever_comes_through_a_link_finds_the_same_lock(journal):
    link = linked(journal)
    async with TargetLocks(journal, SystemClock(), patience=0.1).hold("demo", "op-1"):
        with pytest.raises(BusyError, match="op-1 of process"):
            async with TargetLocks(link, SystemClock(), patience=0).hold("demo", "op-2"):
                pytest.fail("held twice")


def linked(journal: Path) -> Path:
    journal.touch()
    link = journal.with_name("link.db")
    link.symlink_to(journal)
    return link


async def test_a_full_disk_holds_no_lock_up(journal, monkeypatch):
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    async with TargetLocks(journal, SystemClock(), patience=0.1).hold("demo", "op-1"):
        pass


async def test_a_file_system_without_locks_is_an_error_that_says_so(journal, monkeypatch):
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", none)
    with pytest.raises(JournalError, match=r"can't lock 'demo' \(No locks available\): put the journal on a local disk"):
        async with TargetLocks(journal, SystemClock(), patience=0.1).hold("demo", "op-1"):
            pytest.fail("held without a lock")


async def test_two_operations_on_one_target_come_one_after_the_other(journal):
    locks = TargetLocks(journal, SystemClock(), patience=5)
    inside: list[str] = []

    async def work(name: str) -> None:
        async with locks.hold("demo", name):
            inside.append(name)
            assert inside == [name]
            await asyncio.sleep(0)
            inside.remove(name)

    await asyncio.gather(*(work(f"op-{n}") for n in range(4)))
    assert inside == []


async def test_a_lock_ends_with_a_failure_inside(journal):
    locks = TargetLocks(journal, SystemClock(), patience=0.1)
    with contextlib.suppress(ValueError):
        async with locks.hold("demo", "op-1"):
            raise ValueError
    async with locks.hold("demo", "op-2"):
        pass
