"""The log: appended in one transaction, chained, folded, noticed by others."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from agents.durable.errors import ConflictError, DurableError, LockedError, NewerDatabaseError
from agents.durable.schema import HEAD
from agents.durable.standing import Automation
from agents.durable.store import Store
from agents.events import Event, IncidentDiagnosed, IncidentResolved, StrategyProposed
from agents.incident import IllegalTransitionError
from agents.seams import Outcome, OutcomeRecord


def outcome_of(clock, *, succeeded=True, operation="op", target="demo", simulated=False):
    return OutcomeRecord(operation, target, "restart_service", "crash", succeeded, simulated, clock.now())


async def opened(store, build) -> Event:
    event = await store.open_incident(build.opened(), "Sentry", build.clock.now())
    assert event is not None
    return event


def diagnosed(build, cause, n=0) -> Event:
    return build.event(IncidentDiagnosed(diagnosis=build.diagnosis()), id_=f"{cause.id}>Diagnostician:{n}")


async def test_incidents_are_numbered_and_a_target_has_one_at_a_time(store, build):
    first = await opened(store, build)
    assert first.incident == "INC-1"
    assert await store.open_incident(build.opened(), "Sentry", build.clock.now()) is None
    await store.append([build.event(IncidentResolved(how="cleared", checks=()), incident="INC-1")])
    assert (await opened(store, build)).incident == "INC-2"


async def test_an_answer_is_committed_with_inbox_incident_and_events(store, build):
    first = await opened(store, build)
    answer = diagnosed(build, first)
    assert await store.commit("Diagnostician", first, Outcome(emit=(answer,)), 1) == [answer]
    incident = await store.incident("INC-1")
    assert (incident.status, incident.version) == ("diagnosed", 2)
    assert await store.events_of("INC-1") == [first, answer]


async def test_the_same_delivery_again_changes_nothing(store, build):
    first = await opened(store, build)
    for _ in range(3):
        await store.commit("Diagnostician", first, Outcome(emit=(diagnosed(build, first),)), 1)
    assert (await store.incident("INC-1")).version == 2


async def test_an_answer_on_an_outdated_incident_is_a_conflict_and_leaves_nothing(store, build):
    first = await opened(store, build)
    await store.append([build.event(IncidentResolved(how="cleared", checks=()), incident="INC-1")])
    with pytest.raises(ConflictError):
        await store.commit("Diagnostician", first, Outcome(emit=(diagnosed(build, first),)), 1)
    assert len(await store.events_of("INC-1")) == 2


async def test_an_event_that_does_not_fit_rolls_everything_back(store, build):
    first = await opened(store, build)
    good, bad = diagnosed(build, first), build.event(IncidentResolved(how="verified", checks=()), id_="bad")
    with pytest.raises(IllegalTransitionError):
        await store.commit("Diagnostician", first, Outcome(emit=(good, bad)), 1)
    assert (await store.incident("INC-1")).version == 1
    assert await store.events_of("INC-1") == [first]


async def test_the_chain_is_whole_until_a_record_is_edited_removed_or_reordered(store, build, tmp_path):
    first = await opened(store, build)
    await store.commit("Diagnostician", first, Outcome(emit=(diagnosed(build, first),)), 1)
    await store.pause(by="ada")
    assert await store.verify_chain() is None
    for change in (
        "UPDATE event SET data = replace(data, 'east', 'west') WHERE seq = 2",
        "UPDATE event SET time = '2020-01-01T00:00:00+00:00' WHERE seq = 2",
        "DELETE FROM event WHERE seq = 2",
        "UPDATE event SET seq = 20 WHERE seq = 1",
    ):
        with sqlite3.connect(tmp_path / "overwatch.db") as database:
            before = database.execute("SELECT * FROM event WHERE seq < 3").fetchall()
            database.execute(change)
        assert await store.verify_chain() is not None, change
        with sqlite3.connect(tmp_path / "overwatch.db") as database:
            database.execute("DELETE FROM event WHERE seq != 3")
            database.executemany(f"INSERT INTO event VALUES ({','.join('?' * 11)})", before)
        assert await store.verify_chain() is None


async def test_subscribers_hear_every_event_once_and_in_order_also_from_another_process(store, build, tmp_path, clock):
    heard: list[str] = []
    store.subscribe(lambda events: heard.extend(e.id for e in events))
    first = await opened(store, build)
    other = await Store.open(tmp_path / "overwatch.db", exclusive=False, clock=clock)
    await other.pause(by="ada", reason="maintenance")
    await other.close()
    async with asyncio.timeout(5):
        while len(heard) < 2:
            await asyncio.sleep(0.01)
    assert heard[0] == first.id
    assert heard[1].startswith("pause:")
    assert (await store.automation()).paused


async def test_how_it_stands_names_who_paused_it_and_when(store, clock):
    assert (await store.standing(written=None)).automation == Automation()
    await store.pause(by="ada", reason="maintenance")
    paused = Automation(paused=True, by="ada", reason="maintenance", at=clock.now())
    assert (await store.standing(written=None)).automation == await store.automation() == paused


async def test_a_second_swarm_on_the_same_database_is_refused_with_the_holder(store, tmp_path, clock):
    with pytest.raises(LockedError, match=r"process \d+ runs a swarm"):
        await Store.open(tmp_path / "overwatch.db", exclusive=True, clock=clock)


async def test_what_was_written_is_there_after_a_restart(tmp_path, clock, build):
    path = tmp_path / "again.db"
    store = await Store.open(path, exclusive=True, clock=clock)
    first = await opened(store, build)
    await store.close()
    store = await Store.open(path, exclusive=True, clock=clock)
    assert await store.events_of("INC-1") == [first]
    await store.close()


async def test_a_newer_database_is_refused(tmp_path, clock):
    path = tmp_path / "newer.db"
    await (await Store.open(path, exclusive=True, clock=clock)).close()
    with sqlite3.connect(path) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(NewerDatabaseError, match="9999"):
        await Store.open(path, exclusive=True, clock=clock)


async def test_a_file_that_is_no_database_is_refused(tmp_path, clock):
    path = tmp_path / "broken.db"
    path.write_text("this is not a database, but long enough to be mistaken for one" * 20)
    with pytest.raises(DurableError, match=r"broken\.db"):
        await Store.open(path, exclusive=True, clock=clock)


async def test_a_new_database_has_the_schema_that_the_migrations_make(store, tmp_path):
    from alembic import command
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from sqlalchemy import create_engine, inspect

    engine = create_engine(f"sqlite:///{tmp_path / 'migrated.db'}")
    config = Config()
    config.set_main_option("script_location", "agents.durable:migrations")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    with engine.connect() as connection:
        assert MigrationContext.configure(connection).get_current_revision() == HEAD
        migrated = {t: [c["name"] for c in inspect(connection).get_columns(t)] for t in inspect(connection).get_table_names()}
    engine.dispose()
    fresh = create_engine(f"sqlite:///{tmp_path / 'overwatch.db'}")
    with fresh.connect() as connection:
        made = {t: [c["name"] for c in inspect(connection).get_columns(t)] for t in inspect(connection).get_table_names()}
    fresh.dispose()
    assert made == migrated


async def test_the_database_is_its_owner_s_alone(store, tmp_path):
    assert (tmp_path / "overwatch.db").stat().st_mode & 0o077 == 0


async def test_the_record_weighs_by_target_age_and_simulation(store, build, clock):
    def commit(record, n):
        event = build.event(StrategyProposed(strategy=build.strategy()), incident="", id_=f"e{n}")
        return store.commit("Sentry", event, Outcome(record=record), None)

    await commit(outcome_of(clock, operation="a"), 1)
    await commit(outcome_of(clock, operation="a"), 2)
    await commit(outcome_of(clock, operation="b", target="shop"), 3)
    for n in range(40):
        await commit(outcome_of(clock, operation=f"s{n}", target="drill", simulated=True), 10 + n)
    record = await store.record("restart_service", "crash", "demo")
    assert record.successes == pytest.approx(1 + 0.5 + 5)
    clock.advance(90 * 86_400)
    aged = await store.record("restart_service", "crash", "demo")
    assert aged.successes == pytest.approx(0.5 + 0.25 + 5)
    assert (await store.record("restart_service", "db_lock", "demo")).successes == 0


async def test_a_database_that_has_to_be_upgraded_is_left_alone_beside_a_running_swarm(store, tmp_path, clock):
    with sqlite3.connect(tmp_path / "overwatch.db") as database:
        database.execute("DELETE FROM alembic_version")
    with pytest.raises(LockedError, match="runs a swarm"):
        await Store.open(tmp_path / "overwatch.db", exclusive=False, clock=clock)


async def test_the_incidents_of_one_target_are_found_behind_those_of_others(store, build, clock):
    await store.open_incident(build.opened(), "Sentry", clock.now())
    for number in range(3):
        await store.open_incident(build.opened().model_copy(update={"target": f"shop-{number}"}), "Sentry", clock.now())
    assert [i.id for i in await store.incidents(limit=2, target="demo")] == ["INC-1"]
