"""Property 20: every decision is in a hash-chained journal, and whatever is done to one record is detected."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from journal_support import tamper, write_journal

from agents.durable import chain
from agents.durable.audit import examine

RECORDS = 14
EXAMPLES = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
seqs = st.integers(1, RECORDS)
columns = st.sampled_from((*chain.CONTENT, "prev_hash", "hash"))
words = st.one_of(st.text(max_size=20), st.binary(max_size=8), st.none(), st.integers(-9, 9))


@pytest.fixture
def journal(tmp_path, build):
    path = tmp_path / "overwatch.db"
    asyncio.run(write_journal(path, build))
    tamper(path, "PRAGMA journal_mode=DELETE")
    assert (examine(path).records, examine(path).broken) == (RECORDS, None)
    return path


@pytest.fixture
def copy(journal, tmp_path):
    def fresh():
        return shutil.copy(journal, tmp_path / "tampered.db")

    return fresh


def found(path):
    broken = examine(path).broken
    assert broken is not None
    return broken


@EXAMPLES
@given(seq=seqs, column=columns, word=words)
def test_a_record_of_which_one_column_was_edited_is_named(copy, seq, column, word):
    path = copy()
    with closing(sqlite3.connect(path)) as database:
        before = database.execute(f"SELECT {column} FROM event WHERE seq = ?", (seq,)).fetchone()
    try:
        tamper(path, f"UPDATE event SET {column} = ? WHERE seq = {seq}", values=(word,))
    except sqlite3.IntegrityError:
        return
    with closing(sqlite3.connect(path)) as database:
        after = database.execute(f"SELECT {column} FROM event WHERE seq = ?", (seq,)).fetchone()
    if after == before:
        return
    assert found(path).seq == seq
    assert found(path).flaw == "content"


@EXAMPLES
@given(seq=seqs, column=st.sampled_from(chain.CONTENT))
def test_a_record_that_was_edited_and_hashed_anew_is_betrayed_by_the_next_one_or_by_the_head(copy, seq, column):
    path = copy()
    with closing(sqlite3.connect(path)) as database:
        record = chain.Record(*database.execute("SELECT * FROM event WHERE seq = ?", (seq,)).fetchone())
    forged = record._replace(**{column: f"{getattr(record, column)} "})
    hash_ = chain.chained(forged.prev_hash, forged.content())
    tamper(path, f"UPDATE event SET {column} = ?, hash = '{hash_}' WHERE seq = {seq}", values=(getattr(forged, column),))
    broken = found(path)
    assert (broken.flaw, broken.seq) == (("link", seq + 1) if seq < RECORDS else ("head", seq))


@EXAMPLES
@given(seq=seqs)
def test_a_record_that_was_taken_out_is_missed(copy, seq):
    path = copy()
    tamper(path, f"DELETE FROM event WHERE seq = {seq}")
    broken = found(path)
    assert (broken.flaw, broken.seq) == (("missing", seq + 1) if seq < RECORDS else ("tail", seq))


@EXAMPLES
@given(seq=seqs)
def test_a_record_that_was_taken_out_and_the_others_moved_up_is_missed(copy, seq):
    path = copy()
    tamper(path, f"DELETE FROM event WHERE seq = {seq}", f"UPDATE event SET seq = seq - 1 WHERE seq > {seq}")
    broken = found(path)
    assert broken.seq == seq
    assert broken.flaw == ("tail" if seq == RECORDS else "link")


@EXAMPLES
@given(pair=st.lists(seqs, min_size=2, max_size=2, unique=True))
def test_two_records_that_changed_places_are_named(copy, pair):
    path = copy()
    one, other = sorted(pair)
    tamper(
        path,
        f"UPDATE event SET seq = 99 WHERE seq = {one}",
        f"UPDATE event SET seq = {one} WHERE seq = {other}",
        f"UPDATE event SET seq = {other} WHERE seq = 99",
    )
    broken = found(path)
    assert (broken.flaw, broken.seq) == ("order", one)


@EXAMPLES
@given(most=st.integers(0, RECORDS - 1))
def test_a_tail_that_was_cut_off_is_missed(copy, most):
    path = copy()
    tamper(path, f"DELETE FROM event WHERE seq > {most}")
    assert (found(path).flaw, found(path).seq) == ("tail", most + 1)


@EXAMPLES
@given(seq=seqs)
def test_a_record_that_was_put_in_between_is_named(copy, seq):
    path = copy()
    tamper(
        path,
        f"UPDATE event SET seq = -seq WHERE seq > {seq}",
        "UPDATE event SET seq = 1 - seq WHERE seq < 0",
        "INSERT INTO event SELECT seq + 1, id || 'x', type, source, incident, cause, time, data, traceparent, prev_hash, hash "
        f"FROM event WHERE seq = {seq}",
    )
    assert found(path).seq == seq + 1


def test_a_well_chained_record_that_nobody_wrote_is_named_at_the_end(copy):
    path = copy()
    with closing(sqlite3.connect(path)) as database:
        last = chain.Record(*database.execute("SELECT * FROM event WHERE seq = ?", (RECORDS,)).fetchone())
    forged = last._replace(seq=RECORDS + 1, id="arm:forged", prev_hash=last.hash)
    forged = forged._replace(hash=chain.chained(forged.prev_hash, forged.content()))
    tamper(path, f"INSERT INTO event VALUES ({','.join('?' * 11)})", values=tuple(forged))
    assert (found(path).flaw, found(path).seq) == ("extra", RECORDS + 1)


@pytest.mark.parametrize("seq", [0, -3])
def test_a_record_that_was_put_before_the_first_one_is_named(copy, seq):
    path = copy()
    tamper(
        path,
        "INSERT INTO event SELECT ?, id || 'x', type, source, incident, cause, time, data, traceparent, prev_hash, hash "
        "FROM event WHERE seq = 1",
        values=(seq,),
    )
    assert (found(path).flaw, found(path).seq) == ("extra", seq)


@pytest.mark.parametrize("key", ["journal.head", "journal.anchor"])
def test_what_is_remembered_of_the_chain_can_not_be_edited_unseen(copy, key):
    path = copy()
    tamper(path, "INSERT OR REPLACE INTO meta VALUES (?, '7 0000')", values=(key,))
    assert found(path).flaw == key.removeprefix("journal.")
    tamper(path, "INSERT OR REPLACE INTO meta VALUES (?, ?)", values=(key, f"3 {'a' * 64}"))
    assert found(path).flaw in {"head", "extra", "link", "missing", "anchor"}
    tamper(path, "DELETE FROM meta WHERE key = 'journal.anchor'", "DELETE FROM meta WHERE key = 'journal.head'")
    assert found(path).flaw == "head"


@pytest.mark.parametrize(
    ("statement", "flaw"),
    [
        ("UPDATE incident SET status = 'resolved' WHERE id = 'INC-2'", "incident"),
        ("UPDATE incident SET state = replace(state, 'nothing is left', 'all is well') WHERE id = 'INC-2'", "incident"),
        ("UPDATE incident SET state = '{' WHERE id = 'INC-1'", "incident"),
        ("UPDATE incident SET number = 7 WHERE id = 'INC-1'", "incident"),
        ("DELETE FROM incident WHERE id = 'INC-1'", "incident"),
        ("INSERT INTO incident SELECT 'INC-9', 9, 'shop', status, version, state FROM incident WHERE id = 'INC-1'", "incident"),
        ("UPDATE approval SET decided = 1", "approval"),
        ("UPDATE approval SET by = 'grace'", "approval"),
        ("UPDATE approval SET binding = 'other'", "approval"),
        ("DELETE FROM approval", "approval"),
        ("INSERT INTO approval (id, incident, binding, deadline) VALUES ('A9', 'INC-2', 'b', '2026-11-23')", "approval"),
        ("UPDATE automation SET paused = 1", "automation"),
        ("DELETE FROM automation", "automation"),
    ],
)
def test_rows_that_do_not_follow_from_the_events_are_named(copy, statement, flaw):
    path = copy()
    assert tamper(path, statement) == 1
    assert found(path).flaw == flaw


async def test_what_is_written_after_a_tail_was_cut_off_does_not_hide_it(copy, build):
    from agents.durable.store import Store

    path = copy()
    tamper(path, f"DELETE FROM event WHERE seq = {RECORDS}")
    store = await Store.open(path, exclusive=True, clock=build.clock)
    build.clock.advance(5)
    await store.pause(by="ada")
    await store.close()
    assert (found(path).flaw, found(path).seq) == ("missing", RECORDS + 1)


async def test_what_is_written_after_the_memory_was_taken_away_does_not_hide_it(copy, build):
    from agents.durable.store import Store

    path = copy()
    tamper(path, f"DELETE FROM event WHERE seq = {RECORDS}", "DELETE FROM meta WHERE key = 'journal.head'")
    store = await Store.open(path, exclusive=True, clock=build.clock)
    build.clock.advance(5)
    await store.pause(by="ada")
    await store.close()
    assert (found(path).flaw, found(path).seq) == ("link", RECORDS)


def test_every_decision_is_in_the_chain_also_a_refusal(journal):
    with closing(sqlite3.connect(journal)) as database:
        types = [kind for (kind,) in database.execute("SELECT type FROM event ORDER BY seq")]
    assert types.count("strategy.refused") == 2
    assert {"approval.requested", "approval.decided", "incident.escalated", "automation.paused", "automation.armed"} <= set(types)
    assert examine(journal).records == len(types)
