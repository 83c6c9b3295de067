"""Property 6: in time, once, and for the plan that was looked at; a clock that is set back brings nothing back."""

from __future__ import annotations

import pytest
from approvals_support import decisions, gate, waiting
from journal_support import tamper
from tests_support import FixedInventory

from agents.durable import log
from agents.durable.errors import ApprovalError, ConflictError
from agents.durable.store import Store
from agents.events import IncidentUpdated
from agents.incident import IllegalTransitionError, evolve


async def test_p06_an_hour_back_brings_no_expired_request_back(store, build, clock):
    id_ = await waiting(store, build, ttl_s=600)
    clock.advance(601)
    with pytest.raises(ApprovalError, match="expired"):
        await store.decide_approval(id_, approved=True, by="ada")
    clock.advance(-3600)
    with pytest.raises(ApprovalError, match="set the clock right"):
        await store.decide_approval(id_, approved=True, by="ada")
    assert await decisions(store) == []


async def test_p06_a_request_that_can_not_be_read_keeps_no_other_from_running_out(store, build, tmp_path, clock, caplog):
    await waiting(store, build, ttl_s=600)
    tamper(
        tmp_path / "overwatch.db",
        "INSERT INTO incident SELECT 'INC-0', 0, 'shop', status, version, '{}' FROM incident",
        "INSERT INTO approval SELECT 'A0', 'INC-0', binding, deadline, decided, by, at FROM approval",
        "UPDATE approval SET rowid = -1 WHERE id = 'A0'",
    )
    clock.advance(601)
    await store.expire_approvals()
    assert [decision.by for decision in await decisions(store)] == ["deadline"]
    assert "INC-0 can't be read" in caplog.text


async def test_p06_what_has_run_out_stays_so_when_the_clock_goes_back(store, build, clock):
    id_ = await waiting(store, build, ttl_s=600)
    clock.advance(601)
    await store.expire_approvals()
    clock.advance(-300)
    with pytest.raises(ApprovalError, match="decided already, by deadline"):
        await store.decide_approval(id_, approved=True, by="ada")


async def test_p06_a_clock_behind_the_newest_record_approves_nothing(store, build, clock):
    id_ = await waiting(store, build, ttl_s=600)
    clock.advance(601)
    await store.pause(by="grace")
    clock.advance(-300)
    with pytest.raises(ApprovalError, match="set the clock right"):
        await store.decide_approval(id_, approved=True, by="ada")


async def test_p06_a_clock_that_was_set_back_does_not_keep_a_person_from_rejecting(store, build, clock):
    id_ = await waiting(store, build)
    clock.advance(-3600)
    assert (await store.decide_approval(id_, approved=False, by="ada", reason="no")).approved is False


@pytest.mark.parametrize(("seconds", "why"), [(600.001, "looked at later"), (-5.001, "set back"), (-3600, "set back")])
async def test_p06_the_gate_looks_at_the_time_once_more(build, clock, seconds, why):
    incident = build.awaiting(build.strategy(confidence=build.confidence(0.5)), ttl_s=600, confirm="demo")
    event = build.event(build.decided(incident))
    incident = evolve(incident, event)
    clock.advance(seconds)
    (said,) = (await gate(FixedInventory(build.world())).handle(event, build.context(incident))).emit
    assert isinstance(said.data, IncidentUpdated), "it allows nothing, and the plan is made anew"
    assert why in said.data.anew


async def test_p06_a_decision_that_is_played_again_changes_nothing(store, build, tmp_path, clock):
    id_ = await waiting(store, build)
    await store.decide_approval(id_, approved=True, by="ada")
    said = (await store.events_of("INC-1"))[-1]
    assert await store.database.run(lambda c: log.append(c, [said])) == []
    renamed = said.model_copy(update={"id": "played again"})
    with pytest.raises((IllegalTransitionError, ConflictError)):
        await store.database.run(lambda c: log.append(c, [renamed]))
    assert len(await decisions(store)) == 1
    again = await Store.open(tmp_path / "overwatch.db", exclusive=False, clock=clock)
    try:
        with pytest.raises(ApprovalError, match="decided already, by ada"):
            await again.decide_approval(id_, approved=True, by="ada")
    finally:
        await again.close()


async def test_p06_a_decision_on_what_was_decided_in_the_table_is_not_written(store, build):
    id_ = await waiting(store, build)
    incident = await store.incident("INC-1")
    decided = build.event(build.decided(incident), id_="one")
    await store.database.run(lambda c: log._side_effects(c, decided, evolve(incident, decided)))
    with pytest.raises(ConflictError, match="A1 was decided already"):
        await store.database.run(lambda c: log._side_effects(c, decided, evolve(incident, decided)))
    with pytest.raises(ApprovalError, match="decided already"):
        await store.decide_approval(id_, approved=True, by="ada")


async def test_p06_a_binding_that_is_not_the_plan_s_is_refused(store, build):
    id_ = await waiting(store, build)
    binding = (await store.incident("INC-1")).approval.binding
    with pytest.raises(ApprovalError, match="another plan"):
        await store.decide_approval(id_, approved=True, by="ada", binding="0" * 64)
    assert (await store.decide_approval(id_, approved=True, by="ada", binding=binding)).approved is True


async def test_p06_what_an_older_version_asked_for_is_still_bound_to_the_same_content(build):
    plan = build.strategy()
    assert plan.binding("INC-1", 3) == "95e7edd26dda32e1b125002bf027cad5f5d99dc061a36eb22d84a5258148c627"
    assert plan.binding("INC-1", 3) != plan.model_copy(update={"edited_by": "ada"}).binding("INC-1", 3)
