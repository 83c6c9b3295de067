"""Databases that released versions wrote are opened, upgraded and worked on; a copy of each stays."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from journal_support import resolved_incident, tamper

from agents.durable import upgrade
from agents.durable.audit import examine
from agents.durable.errors import NewerDatabaseError, StorageError
from agents.durable.schema import HEAD
from agents.durable.store import Store

ROOT = Path(__file__).resolve().parents[3]
FOLDER = Path(__file__).parent / "released"
RELEASED = sorted(FOLDER.glob("overwatch-*.db"))
NEVER_RELEASED: frozenset[str] = frozenset()
"""Schemas that came and went between two releases."""


def state(path: Path):
    with closing(sqlite3.connect(path)) as database:
        revision = database.execute("SELECT version_num FROM alembic_version").fetchone()[0]
        return revision, database.execute("SELECT count(*), max(hash) FROM event").fetchone()


@pytest.fixture(params=RELEASED, ids=lambda path: path.stem)
def released(request, tmp_path) -> Path:
    return Path(shutil.copy(request.param, tmp_path / "overwatch.db"))


def test_every_schema_before_this_one_and_every_release_has_its_database_here():
    kept = {state(path)[0] for path in RELEASED}
    assert set(upgrade.KNOWN) - {HEAD} <= kept | NEVER_RELEASED, "scripts/keep_released.py makes one, before the schema changes"
    assert upgrade.KNOWN[-1] == HEAD
    versions = re.findall(r"^## \[?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert {f"overwatch-{version}.db" for version in versions} <= {path.name for path in RELEASED}


async def test_it_is_upgraded_and_its_journal_is_whole_with_incidents_that_follow(released, clock):
    _, events = state(released)
    store = await Store.open(released, exclusive=True, clock=clock)
    await store.close()
    verdict = examine(released)
    assert (verdict.broken, verdict.derived, verdict.records) == (None, True, events[0])
    assert state(released) == (HEAD, events)


async def test_a_swarm_s_store_works_on_it(released, build):
    store = await Store.open(released, exclusive=True, clock=build.clock)
    before = {incident.id: incident for incident in await store.incidents()}
    assert before
    assert all(incident.status == "resolved" and incident.steps for incident in before.values())
    assert await resolved_incident(store, build) not in before
    await store.close()
    assert examine(released).broken is None


async def test_the_copy_is_what_it_was_for_its_owner_alone_and_works(released, clock, tmp_path):
    before = state(released)
    await (await Store.open(released, exclusive=True, clock=clock)).close()
    (copy,) = upgrade.copies(released)
    assert state(copy) == before
    assert copy.stat().st_mode & 0o777 == 0o600
    assert examine(copy).broken is None
    assert not list(tmp_path.glob("*.part"))


async def test_a_copy_from_before_is_never_written_over(released, clock, tmp_path):
    other = tmp_path / f"overwatch-before-{HEAD}-from-{state(released)[0]}.db"
    other.write_text("somebody's only copy")
    await (await Store.open(released, exclusive=True, clock=clock)).close()
    assert other.read_text() == "somebody's only copy"
    assert len(upgrade.copies(released)) == 2


async def test_without_a_copy_nothing_is_upgraded(released, clock, monkeypatch):
    before = state(released)

    def full(*_: object):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(upgrade.os, "link", full)
    with pytest.raises(StorageError, match=r"No space left.*it was not upgraded: make room"):
        await Store.open(released, exclusive=True, clock=clock)
    assert state(released) == before
    monkeypatch.undo()
    await (await Store.open(released, exclusive=True, clock=clock)).close()
    assert state(released)[0] == HEAD


async def test_a_copy_that_is_not_what_it_was_made_of_is_not_trusted(released, clock, monkeypatch):
    before = state(released)
    read_back = upgrade._read_back

    def spoilt(copy, expected):
        tamper(copy, "DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)")
        read_back(copy, expected)

    monkeypatch.setattr(upgrade, "_read_back", spoilt)
    with pytest.raises(StorageError, match="the copy is damaged"):
        await Store.open(released, exclusive=True, clock=clock)
    assert state(released) == before
    assert upgrade.copies(released) == []


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from sqlalchemy import Engine, event
from agents.clock import SystemClock
from agents.durable.store import Store
left = int(sys.argv[2])
@event.listens_for(Engine, "after_cursor_execute")
def count(connection, cursor, statement, *_):
    global left
    if statement.lstrip().split()[0] in {"CREATE", "ALTER", "UPDATE", "INSERT"}:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(Store.open(Path(sys.argv[1]), exclusive=True, clock=SystemClock()))
os._exit(0)
"""


@pytest.mark.processes
@pytest.mark.parametrize("moment", [1, 3, 6, 9])
async def test_killed_in_the_middle_of_an_upgrade_it_is_the_older_one_and_the_next_start_upgrades_it(released, clock, moment):
    before = state(released)
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, str(released), str(moment), cwd=ROOT)
    assert await killed.wait() == -signal.SIGKILL
    assert state(released) == before
    await (await Store.open(released, exclusive=True, clock=clock)).close()
    assert (state(released)[0], examine(released).broken) == (HEAD, None)


async def test_a_newer_one_is_refused_and_left_alone(released, clock):
    tamper(released, "UPDATE alembic_version SET version_num = '9999'")
    before = state(released)
    with pytest.raises(NewerDatabaseError, match="'9999'"):
        await Store.open(released, exclusive=True, clock=clock)
    assert state(released) == before
    assert upgrade.copies(released) == []


async def test_an_incident_of_which_an_older_version_kept_less_is_folded_anew(released, clock):
    tamper(released, "UPDATE incident SET state = json_remove(state, '$.diagnosed_at', '$.decided_at')")
    await (await Store.open(released, exclusive=True, clock=clock)).close()
    assert examine(released).broken is None


def test_its_incident_is_shown(released, tmp_path, monkeypatch, capsys):
    from overwatch_tui.cli import main

    monkeypatch.setenv("OVERWATCH_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["overwatch-tui", "incidents", "show", "INC-1"])
    main_left = None
    try:
        main()
    except SystemExit as left:
        main_left = left.code
    assert main_left in {None, 0}
    assert "[resolved]" in capsys.readouterr().out
