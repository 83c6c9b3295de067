"""What is done to a database beside its records is named, and whoever did it chooses no words on anybody's terminal."""

from __future__ import annotations

import asyncio
import json

import pytest
from journal_support import healed_incident, resolved_incident, say, tamper, write_journal

from agents.durable import log
from agents.durable.audit import examine
from agents.durable.errors import DurableError
from agents.durable.export import verify_file, whole_or_not
from agents.durable.keeper import JournalKeeper
from agents.durable.retention import Retention
from agents.events import IncidentDiagnosed, JournalPruned, StrategyApproved, StrategyProposed
from agents.journal_settings import JournalSettings


@pytest.fixture
def journal(tmp_path, build):
    path = tmp_path / "overwatch.db"
    asyncio.run(write_journal(path, build))
    return path


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("CREATE TRIGGER t AFTER UPDATE ON automation BEGIN UPDATE automation SET paused = 0; END", "trigger, 't'"),
        ("CREATE VIEW intents AS SELECT * FROM intent WHERE 0", "view, 'intents'"),
        ("DROP INDEX one_unresolved_incident_per_target", "'one_unresolved_incident_per_target' is missing"),
        ("DROP TABLE approval", "'approval' is missing"),
        ("UPDATE alembic_version SET version_num = '0001'", "the older schema 0001, and has not"),
    ],
)
def test_what_changes_rows_or_hides_them_from_the_comparison_is_named(journal, statement, named):
    tamper(journal, statement)
    broken = examine(journal).broken
    assert broken is not None
    assert broken.flaw == "schema"
    assert named in broken.text
    assert examine(journal, newest=5).broken == broken, "a start looks at it as well"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM alembic_version",
        "UPDATE alembic_version SET version_num = '9999'",
        "INSERT INTO alembic_version VALUES ('0001')",
    ],
)
def test_a_schema_that_nobody_knows_does_not_pass_as_an_older_one(journal, statement):
    tamper(journal, statement)
    with pytest.raises(DurableError, match="says that it has the schema"):
        examine(journal)


@pytest.mark.parametrize(
    ("statement", "flaw", "named"),
    [
        ("UPDATE intent SET status = 'failed'", "intent", "'INC-1.s1:0' is not what the events say"),
        ("UPDATE intent SET tool = 'restart_service'", "intent", "is not what the events say"),
        ("UPDATE intent SET arguments_hash = 'x'", "intent", "is not what the events say"),
        ("UPDATE intent SET incident = 'INC-9'", "intent", "is not what the events say"),
        ("DELETE FROM intent WHERE incident = 'INC-1'", "intent", "'INC-1.s1:0' was carried out, say the events"),
        ("UPDATE outcome SET succeeded = 0", "outcome", "'INC-1.s1:0' is not what the events say"),
        ("UPDATE outcome SET action = 'restart_service'", "outcome", "is not what the events say"),
        ("UPDATE outcome SET fault_class = 'bad_revision'", "outcome", "is not what the events say"),
        ("UPDATE outcome SET target = 'shop'", "outcome", "is not what the events say"),
        ("UPDATE outcome SET simulated = 1", "outcome", "is not what the events say"),
        ("UPDATE outcome SET evidence = 0.1", "outcome", "is not what the events say"),
        ("UPDATE outcome SET decided_by = 'policy'", "outcome", "is not what the events say"),
        ("UPDATE outcome SET at = '2026-11-24T00:00:00+00:00'", "outcome", "is not what the events say"),
        ("DELETE FROM outcome WHERE operation = 'INC-2.s1:0'", "outcome", "'INC-2.s1:0' is in the events, and is not counted"),
        ("UPDATE outcome SET at = 'soon'", "outcome", "'INC-1.s1:0' is not what the events say"),
        (
            "INSERT INTO outcome SELECT 'new', target, action, fault_class, 1, 0, '-', 1, 1, 1, 1, 'policy' FROM outcome LIMIT 1",
            "outcome",
            "'new' is counted, and no event speaks of it",
        ),
        (
            "INSERT INTO outcome SELECT 'more', target, action, fault_class, 1, 0, at, 1, 1, 1, 1, 'policy' FROM outcome LIMIT 1",
            "outcome",
            "'more' is counted, and no event speaks of it",
        ),
    ],
)
async def test_what_was_carried_out_and_came_of_it_is_compared_with_the_events(store, build, tmp_path, statement, flaw, named):
    journal = tmp_path / "overwatch.db"
    await healed_incident(store, build)
    await healed_incident(store, build)
    assert examine(journal).broken is None
    assert tamper(journal, statement) > 0
    broken = examine(journal).broken
    assert broken is not None
    assert broken.flaw == flaw
    assert named in broken.text


async def test_an_outcome_of_no_moment_is_named_where_older_ones_have_outlived_their_events(store, build, clock, tmp_path):
    await healed_incident(store, build)
    clock.advance(40 * 86_400)
    await healed_incident(store, build)
    assert (await Retention(store, JournalSettings(keep_days=30), tmp_path / "archive").prune()).incidents == 1
    for at in ("2026-01-01T00:00:00", "", "soon"):
        assert tamper(tmp_path / "overwatch.db", "UPDATE outcome SET at = ? WHERE operation = 'INC-1.s1:0'", values=(at,)) == 1
        broken = examine(tmp_path / "overwatch.db").broken
        assert broken is not None
        assert "'INC-1.s1:0' is counted, and no event speaks of it" in broken.text


@pytest.mark.parametrize(
    ("more", "flaw"), [({"step": 7}, "incident"), ({"step": -1}, "incident"), ({"strategy": "other"}, "incident")]
)
async def test_a_step_that_no_plan_has_is_named_though_it_is_chained(store, build, tmp_path, more, flaw):
    await healed_incident(store, build)
    opened = await store.open_incident(build.opened(), "Sentry", build.clock.now())
    plan = build.strategy(id="INC-2.s1")
    approved = StrategyApproved(strategy=plan, by="ada", reasons=())
    await say(store, build, "INC-2", IncidentDiagnosed(diagnosis=build.diagnosis()), StrategyProposed(strategy=plan), approved)
    forged = build.finished(await store.incident(opened.incident)).model_copy(update=more)
    await chained_only(store, build.event(forged, incident="INC-2", id_="forged"))
    broken = examine(tmp_path / "overwatch.db").broken
    assert broken is not None
    assert (broken.flaw, broken.id) == (flaw, "forged")


@pytest.mark.parametrize("days", [10**9, -(10**9)])
async def test_a_pruning_that_counts_back_beyond_all_time_excuses_no_outcome(store, build, tmp_path, days):
    await healed_incident(store, build)
    forged = JournalPruned(upto=0, hash="0" * 64, records=0, incidents=0, keep_days=days)
    await chained_only(store, build.event(forged, incident="", id_="forged"))
    assert examine(tmp_path / "overwatch.db").broken is None
    more = "INSERT INTO outcome SELECT 'more', target, action, fault_class, 1, 0, at, 1, 1, 1, 1, 'policy' FROM outcome LIMIT 1"
    tamper(tmp_path / "overwatch.db", more)
    broken = examine(tmp_path / "overwatch.db").broken
    assert broken is not None
    assert broken.flaw == "outcome"


async def chained_only(store, event):
    """A record as somebody would put it there who knows how the chain is made, and nothing else."""
    await store.database.run(lambda connection: log._write(connection, event))


@pytest.mark.parametrize("change", ["UPDATE automation SET paused = 1", "DELETE FROM automation"])
def test_a_start_sees_that_a_pause_was_made_or_taken_away_behind_the_journal(journal, change):
    assert examine(journal, newest=5).broken is None
    tamper(journal, change)
    assert examine(journal, newest=5).broken.flaw == "automation"


def test_a_second_row_that_says_how_automation_stands_is_named(journal):
    tamper(journal, "INSERT INTO automation VALUES (7, 0, 'eve', '', '2026-11-23T14:00:00+00:00')")
    assert examine(journal).broken.flaw == "schema"


async def test_a_pause_that_is_taken_away_a_second_time_is_a_second_finding(store, build, clock, tmp_path):
    await resolved_incident(store, build)
    keeper = JournalKeeper(store, JournalSettings(), tmp_path / "archive", clock)
    for _ in range(2):
        await store.pause(by="ada")
        tamper(store.database.path, "UPDATE automation SET paused = 0")
        await keeper.check()
        assert keeper.problem
        assert (await store.automation()).paused
        await keeper.check()
        assert not keeper.problem
        clock.advance(1)
        await store.arm(by="grace")


@pytest.mark.parametrize("planted", ["open\x1b]0;owned\x07\u202e", b"\xff\xfe", "\x9b2J"])
async def test_a_planted_id_reaches_no_terminal_and_does_not_keep_automation_from_being_paused(
    store, build, clock, tmp_path, planted
):
    await resolved_incident(store, build)
    tamper(store.database.path, "UPDATE event SET id = CAST(? AS TEXT) WHERE seq = 2", values=(planted,))
    said = examine(store.database.path).broken.line()
    assert said.isprintable()
    assert said.encode()
    keeper = JournalKeeper(store, JournalSettings(), tmp_path / "archive", clock)
    await keeper.check()
    standing = await store.automation()
    assert standing.paused
    assert standing.reason.isprintable()


def test_a_file_with_values_of_other_types_is_refused_not_followed(journal, tmp_path):
    deep = "[" * 900 + "]" * 900
    record = dict.fromkeys(("id", "type", "source", "incident", "time", "data", "prev_hash", "hash"), "x")
    line = json.dumps(record | {"seq": 1, "traceparent": None})[:-1] + f', "cause": {deep}}}\n'
    path = tmp_path / "forged.jsonl"
    path.write_text(line)
    assert verify_file(path).broken.flaw == "unreadable"


def test_a_link_that_lies_where_an_export_is_written_is_not_followed(tmp_path, monkeypatch):
    monkeypatch.setattr("agents.durable.export.os.getpid", lambda: 7)
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / ".out.jsonl.7.part").symlink_to(victim)
    with whole_or_not(tmp_path / "out.jsonl") as file:
        file.write("x\n")
    assert (victim.read_text(), (tmp_path / "out.jsonl").read_text()) == ("mine", "x\n")
