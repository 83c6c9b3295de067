"""The journal is kept short, and stays provable."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest
from journal_support import healed_incident, resolved_incident, say, tamper

from agents.durable.audit import UnknownHeadError, examine
from agents.durable.errors import DurableError
from agents.durable.export import verify_file
from agents.durable.keeper import JournalKeeper
from agents.durable.retention import BrokenJournalError, Retention
from agents.events import IncidentClosed, IncidentDiagnosed
from agents.journal_settings import JournalSettings

DAY = 86_400


@pytest.fixture
def path(tmp_path):
    return tmp_path / "overwatch.db"


@pytest.fixture
def retention(store, tmp_path):
    return Retention(store, JournalSettings(keep_days=30), tmp_path / "archive")


def rows(path, query):
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


async def test_incidents_that_were_over_long_ago_go_whole_and_the_chain_stays_whole(store, build, clock, retention, path):
    await resolved_incident(store, build)
    await resolved_incident(store, build)
    clock.advance(40 * DAY)
    await resolved_incident(store, build)
    done = await retention.prune()
    assert (done.records, done.incidents) == (6, 2)
    assert rows(path, "SELECT id FROM incident") == [("INC-3",)]
    assert rows(path, "SELECT min(seq), max(seq), count(*) FROM event") == [(7, 10, 4)]
    verdict = examine(path)
    assert (verdict.broken, verdict.records, verdict.pruned.seq) == (None, 4, 6)
    assert (await retention.prune()).records == 0


async def test_outcomes_outlive_the_events_that_they_come_from_and_the_oldest_go(store, build, clock, retention, path, tmp_path):
    await healed_incident(store, build)
    clock.advance(40 * DAY)
    await healed_incident(store, build)
    assert (await retention.prune()).incidents == 1
    assert rows(path, "SELECT operation FROM outcome ORDER BY at") == [("INC-1.s1:0",), ("INC-2.s1:0",)]
    assert rows(path, "SELECT operation FROM intent") == [("INC-2.s1:0",)]
    assert examine(path).broken is None
    await Retention(store, JournalSettings(keep_days=30, outcomes_days=30), tmp_path / "archive").prune()
    assert rows(path, "SELECT operation FROM outcome") == [("INC-2.s1:0",)]
    assert examine(path).broken is None
    clock.advance(10 * DAY)
    await resolved_incident(store, build)
    await Retention(store, JournalSettings(keep_days=300, outcomes_days=5), tmp_path / "archive").prune()
    assert rows(path, "SELECT operation FROM outcome") == []
    assert examine(path).broken is None


async def test_what_goes_is_archived_and_the_archive_is_verified_alone(store, build, clock, retention, path):
    await resolved_incident(store, build)
    head = examine(path).head.hash
    clock.advance(40 * DAY)
    await resolved_incident(store, build)
    (archive,) = (await retention.prune()).archives
    found = verify_file(archive, head)
    assert (found.records, found.broken, found.has_head) == (3, None, True)
    assert archive.stat().st_mode & 0o077 == 0
    assert archive.parent.stat().st_mode & 0o077 == 0
    (said,) = rows(path, "SELECT data FROM event WHERE type = 'journal.pruned'")
    assert json.loads(said[0])["archive"] == archive.name
    assert examine(path, head=head).since_head == 4


async def test_what_is_not_over_stays_with_all_that_was_written_since(store, build, clock, retention, path):
    await resolved_incident(store, build)
    await store.open_incident(build.opened(), "Sentry", clock.now())
    clock.advance(100 * DAY)
    await store.open_incident(build.opened().model_copy(update={"target": "shop"}), "Sentry", clock.now())
    assert (await retention.prune()).records == 3
    await store.close_incident("INC-2", by="ada", reason="forgotten", gone=False)
    clock.advance(40 * DAY)
    await store.pause(by="ada")
    assert (await retention.plan()).records == 0, "INC-2 ended behind the beginning of INC-3, which is open"
    assert examine(path).broken is None


async def test_incidents_that_interlace_go_together_or_not_at_all(store, build, clock, retention, path):
    await store.open_incident(build.opened(), "Sentry", clock.now())
    shop = build.opened().model_copy(update={"target": "shop"})
    await store.open_incident(shop, "Sentry", clock.now())
    await say(store, build, "INC-1", IncidentDiagnosed(diagnosis=build.diagnosis()), IncidentClosed(by="ada", reason="over"))
    clock.advance(40 * DAY)
    await say(store, build, "INC-2", IncidentClosed(by="ada", reason="over"))
    await resolved_incident(store, build)
    assert (await retention.prune()).incidents == 0, "INC-1 lies around the beginning of INC-2, which is young"
    clock.advance(40 * DAY)
    await resolved_incident(store, build)
    assert (await retention.prune()).incidents == 3
    assert examine(path).broken is None


async def test_no_number_of_an_incident_is_given_twice_after_everything_old_is_gone(store, build, clock, retention):
    for _ in range(3):
        await resolved_incident(store, build)
    clock.advance(100 * DAY)
    await store.pause(by="ada")
    await retention.prune()
    assert await resolved_incident(store, build) == "INC-4"


async def test_how_automation_stands_is_known_after_the_record_that_said_so_is_gone(store, build, clock, retention, path):
    await store.pause(by="ada", reason="maintenance")
    clock.advance(100 * DAY)
    await resolved_incident(store, build)
    assert (await retention.prune()).records == 1
    assert (await store.automation()).paused
    assert examine(path).broken is None
    tamper(path, "UPDATE automation SET paused = 0")
    assert examine(path).broken.flaw == "automation"


async def test_rows_beside_the_events_go_with_them(store, build, clock, retention, path):
    event = await store.open_incident(build.opened(), "Sentry", clock.now())
    from agents.seams import Outcome

    await store.commit("Diagnostician", event, Outcome(), 1)
    await store.close_incident("INC-1", by="ada", reason="over", gone=False)
    clock.advance(100 * DAY)
    await resolved_incident(store, build)
    await retention.prune()
    assert rows(path, "SELECT * FROM inbox") == []


async def test_a_journal_that_does_not_fit_is_evidence_and_nothing_is_taken_from_it(store, build, clock, retention, path):
    await resolved_incident(store, build)
    clock.advance(100 * DAY)
    await resolved_incident(store, build)
    tamper(path, "UPDATE event SET data = replace(data, 'east', 'west') WHERE seq = 2")
    with pytest.raises(BrokenJournalError, match="record 2"):
        await retention.prune()
    assert rows(path, "SELECT count(*) FROM event") == [(6,)]


async def test_taking_records_away_without_saying_so_is_found(store, build, clock, path):
    await resolved_incident(store, build)
    await resolved_incident(store, build)
    hash_ = rows(path, "SELECT hash FROM event WHERE seq = 3")[0][0]
    tamper(
        path,
        "DELETE FROM event WHERE seq <= 3",
        "DELETE FROM incident WHERE id = 'INC-1'",
        f"INSERT INTO meta VALUES ('journal.anchor', '3 {hash_}')",
    )
    assert examine(path).broken.flaw == "anchor"


async def test_taking_more_away_than_was_said_is_found(store, build, clock, retention, path):
    for _ in range(2):
        await resolved_incident(store, build)
        clock.advance(40 * DAY)
    await resolved_incident(store, build)
    await retention.prune()
    first = rows(path, "SELECT min(seq), hash FROM event")[0]
    tamper(
        path,
        f"DELETE FROM event WHERE seq = {first[0]}",
        f"UPDATE meta SET value = '{first[0]} {first[1]}' WHERE key = 'journal.anchor'",
    )
    assert examine(path).broken is not None


async def test_a_clock_that_jumped_far_ahead_takes_nothing_away(store, build, clock, retention):
    await resolved_incident(store, build)
    await resolved_incident(store, build)
    clock.advance(4_000 * DAY)
    assert (await retention.prune()).records == 0


async def test_what_pruning_itself_writes_with_a_clock_that_jumped_takes_nothing_more_away(store, build, clock, path, tmp_path):
    await resolved_incident(store, build)
    clock.advance(40 * DAY)
    await healed_incident(store, build)
    await resolved_incident(store, build)
    clock.advance(4_000 * DAY)
    done = await Retention(store, JournalSettings(keep_days=30, outcomes_days=30), tmp_path / "archive").prune()
    assert (done.incidents, done.outcomes) == (1, 0)
    assert rows(path, "SELECT id FROM incident ORDER BY number") == [("INC-2",), ("INC-3",)]


async def test_a_clock_set_back_while_it_prunes_makes_no_outcome_suspect(store, build, clock, retention, path, monkeypatch):
    await healed_incident(store, build)
    clock.advance(30 * DAY + 1)
    await resolved_incident(store, build)
    archived = retention._archive

    def meanwhile(cut):
        clock.advance(-3_600)
        return archived(cut)

    monkeypatch.setattr(retention, "_archive", meanwhile)
    assert (await retention.prune()).incidents == 1
    assert examine(path).broken is None


async def test_an_outcome_of_a_clock_that_was_set_back_makes_no_other_one_missing(store, build, clock, path, tmp_path):
    short = Retention(store, JournalSettings(keep_days=0, outcomes_days=30), tmp_path / "archive")
    await healed_incident(store, build)
    clock.advance(40 * DAY)
    await healed_incident(store, build)
    assert (await short.prune()).outcomes == 1
    clock.advance(-400 * DAY)
    await healed_incident(store, build)
    clock.advance(400 * DAY)
    await healed_incident(store, build)
    assert examine(path).broken is None
    assert (await short.prune()).outcomes == 1
    assert examine(path).broken is None


async def test_zero_days_keep_all(store, build, clock, tmp_path):
    await resolved_incident(store, build)
    clock.advance(4_000 * DAY)
    await resolved_incident(store, build)
    kept = Retention(store, JournalSettings(keep_days=0, samples_days=0, outcomes_days=0), tmp_path / "archive")
    assert (await kept.prune()).records == 0


async def test_without_a_place_for_the_archive_nothing_is_taken_away(store, build, clock, retention, tmp_path, path):
    await resolved_incident(store, build)
    clock.advance(100 * DAY)
    await resolved_incident(store, build)
    (tmp_path / "archive").write_text("a file where the folder should be")
    with pytest.raises(OSError, match="archive"):
        await retention.prune()
    assert rows(path, "SELECT count(*) FROM event") == [(6,)]


async def test_samples_and_outcomes_go_by_their_own_age(store, build, clock, tmp_path, path):
    at = clock.now().isoformat(timespec="microseconds")
    tamper(path, "INSERT INTO sample (target, at, kind, data) VALUES ('demo', ?, 'region', '{}')", values=(at,))
    await resolved_incident(store, build)
    clock.advance(31 * DAY)
    await resolved_incident(store, build)
    done = await Retention(store, JournalSettings(), tmp_path / "archive").prune()
    assert (done.samples, done.records) == (1, 0)


async def test_a_kept_head_that_was_pruned_is_said_to_be_in_the_archive(store, build, clock, retention, path):
    await resolved_incident(store, build)
    early = rows(path, "SELECT hash FROM event WHERE seq = 1")[0][0]
    clock.advance(100 * DAY)
    await resolved_incident(store, build)
    await retention.prune()
    with pytest.raises(UnknownHeadError, match="archive"):
        examine(path, head=early)


@pytest.mark.parametrize("days", [1, 6, -1])
def test_too_short_a_time_is_refused(days):
    with pytest.raises(ValueError, match="keep_days"):
        JournalSettings(keep_days=days)


@pytest.mark.parametrize("name", ["keep_days", "samples_days", "outcomes_days"])
async def test_a_time_that_no_calendar_reaches_back_to_is_refused_and_the_longest_is_not(store, build, tmp_path, name):
    await resolved_incident(store, build)
    assert (await Retention(store, JournalSettings(**{name: 36_500}), tmp_path / "archive").prune()).records == 0
    with pytest.raises(ValueError, match=name):
        JournalSettings(**{name: 1_000_000})


async def test_a_changed_journal_pauses_automation_once_and_a_person_s_arming_holds(store, build, clock, tmp_path, path):
    await resolved_incident(store, build)
    keeper = JournalKeeper(store, JournalSettings(), tmp_path / "archive", clock)
    await keeper.check()
    assert (keeper.problem, (await store.automation()).paused) == ("", False)
    tamper(path, "UPDATE event SET data = replace(data, 'east', 'west') WHERE seq = 2")
    await keeper.check()
    assert "record 2" in keeper.problem
    assert "overwatch-tui audit verify" in keeper.problem
    stands = await store.automation()
    assert (stands.paused, stands.by) == (True, "journal")
    await store.arm(by="ada")
    await keeper.check()
    assert keeper.problem != ""
    assert not (await store.automation()).paused, "ada has seen this finding; only another one pauses again"
    tamper(path, "UPDATE event SET data = replace(data, 'east', 'west') WHERE seq = 1")
    await keeper.check()
    assert (await store.automation()).paused


async def test_incidents_that_do_not_follow_from_their_events_pause_automation_within_the_day(
    store, build, clock, tmp_path, path
):
    await resolved_incident(store, build)
    tamper(path, "UPDATE incident SET version = 9")
    keeper = JournalKeeper(store, JournalSettings(), tmp_path / "archive", clock)
    await keeper.day()
    assert "INC-1 is not what its 3 events say" in keeper.problem
    assert (await store.automation()).paused


async def test_a_log_that_can_not_be_written_to_is_no_end_of_the_swarm(store, build, clock, tmp_path, path, monkeypatch):
    async def full(events):
        raise DurableError("the disk is full")

    await resolved_incident(store, build)
    tamper(path, "UPDATE event SET data = replace(data, 'east', 'west') WHERE seq = 2")
    monkeypatch.setattr(store, "append", full)
    keeper = JournalKeeper(store, JournalSettings(), tmp_path / "archive", clock)
    await keeper.check()
    assert "record 2" in keeper.problem
