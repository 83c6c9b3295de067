"""The life of an incident."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.events import (
    ApprovalDecided,
    Event,
    IncidentClosed,
    IncidentDiagnosed,
    IncidentEscalated,
    IncidentOpened,
    IncidentResolved,
    IncidentUpdated,
    RollbackFinished,
    StrategyApproved,
    StrategyProposed,
    StrategyRefused,
    VerificationFailed,
    VerificationPassed,
    load_payload,
)
from agents.incident import BUSY, IllegalTransitionError, evolve


def after(build, incident, payload):
    return evolve(incident, build.event(payload))


def test_an_incident_runs_from_open_to_resolved(build):
    incident = build.acting()
    assert incident.status == "acting"
    incident = after(build, incident, build.finished(incident))
    assert incident.status == "verifying"
    incident = after(build, incident, VerificationPassed(strategy="INC-1/s1", checks=()))
    incident = after(build, incident, IncidentResolved(how="verified", checks=()))
    assert (incident.status, incident.resolved_how, incident.version) == ("resolved", "verified", 7)


def test_a_step_that_is_not_the_last_leaves_it_acting(build):
    incident = build.acting(build.strategy(build.restart(), build.failover()))
    assert after(build, incident, build.finished(incident)).status == "acting"


def test_a_failed_step_leads_to_undoing(build):
    incident = build.acting()
    assert after(build, incident, build.finished(incident, status="failed")).status == "undoing"


def test_a_failed_verification_leads_through_undoing_to_a_retry_that_remembers(build):
    incident = build.undoing()
    incident = after(build, incident, build.finished(incident, undo=True))
    incident = after(build, incident, RollbackFinished(strategy="INC-1/s1", complete=True, summary="undone"))
    assert incident.status == "retry"
    assert incident.attempt == 2
    assert incident.tried[0].strategy.id == "INC-1/s1"


def test_a_refused_strategy_is_remembered(build):
    incident = after(build, build.proposed(), StrategyRefused(strategy="INC-1/s1", by="policy", reasons=("no",), again=True))
    assert incident.status == "retry"
    assert "no" in incident.tried[0].result


def test_new_symptoms_before_anything_was_done_lead_to_a_new_diagnosis_and_drop_the_request(build):
    opened = build.opened("east", "west")
    incident = after(build, build.awaiting(), IncidentUpdated(symptoms=opened.symptoms, observations=opened.observations))
    assert incident.status == "open"
    assert incident.approval is None
    assert incident.strategy is None
    assert incident.regions == ("east", "west")


def test_it_can_not_be_closed_as_verified_without_a_verification(build):
    incident = build.acting()
    with pytest.raises(IllegalTransitionError):
        after(build, incident, IncidentResolved(how="verified", checks=()))
    with pytest.raises(IllegalTransitionError, match="not verified"):
        after(build, build.awaiting(), IncidentResolved(how="verified", checks=()))


def test_it_can_not_be_closed_as_cleared_while_something_is_being_changed(build):
    with pytest.raises(IllegalTransitionError):
        after(build, build.acting(), IncidentResolved(how="cleared", checks=()))


def test_only_the_proposed_strategy_can_be_approved(build):
    other = build.strategy(build.restart())
    with pytest.raises(IllegalTransitionError, match="not the one"):
        after(build, build.proposed(), StrategyApproved(strategy=other, by="policy", reasons=()))


def test_a_decision_for_another_binding_is_refused(build):
    incident = build.awaiting()
    with pytest.raises(IllegalTransitionError):
        after(build, incident, build.decided(incident, binding="0" * 64))


def test_a_second_decision_is_refused(build):
    incident = build.awaiting()
    incident = after(build, incident, build.decided(incident))
    with pytest.raises(IllegalTransitionError, match="already"):
        after(build, incident, build.decided(incident, approved=False))


def test_an_escalated_incident_still_records_what_ends_and_can_clear(build):
    incident = after(build, build.acting(), IncidentEscalated(reason="not known"))
    incident = after(build, incident, build.finished(incident))
    assert incident.status == "escalated"
    assert after(build, incident, IncidentResolved(how="cleared", checks=())).status == "resolved"


def test_opening_twice_and_changing_what_was_never_opened_are_refused(build):
    with pytest.raises(IllegalTransitionError):
        after(build, build.proposed(), build.opened())
    with pytest.raises(IllegalTransitionError):
        evolve(None, build.event(IncidentDiagnosed(diagnosis=build.diagnosis())))


def test_a_plan_without_calls_is_watched(build):
    plan = build.strategy(build.page().model_copy(update={"kind": "do_nothing"}))
    incident = after(build, build.proposed(plan), StrategyApproved(strategy=plan, by="policy", reasons=()))
    assert incident.status == "watching"


def test_every_payload_survives_json(build):
    incident = build.awaiting()
    payloads = [build.opened(), build.decided(incident), StrategyProposed(strategy=build.strategy()), build.finished(incident)]
    for payload in payloads:
        raw = Event.data_json(build.event(payload))
        assert load_payload(payload.TYPE, raw) == payload


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(data=st.data())
def test_whatever_order_events_come_in_nothing_closes_unverified_after_acting(build, data):
    plan = build.strategy()
    opened = build.opened()
    choices = [
        opened,
        IncidentDiagnosed(diagnosis=build.diagnosis()),
        StrategyProposed(strategy=plan),
        StrategyApproved(strategy=plan, by="policy", reasons=()),
        StrategyRefused(strategy=plan.id, by="policy", reasons=(), again=True),
        build.finished(build.proposed(plan)),
        VerificationPassed(strategy=plan.id, checks=()),
        VerificationFailed(strategy=plan.id, checks=()),
        RollbackFinished(strategy=plan.id, complete=True, summary=""),
        IncidentEscalated(reason="x"),
        IncidentUpdated(symptoms=opened.symptoms, observations=opened.observations),
        IncidentResolved(how="verified", checks=()),
        IncidentResolved(how="cleared", checks=()),
    ]
    incident = evolve(None, build.event(opened))
    for payload in data.draw(st.lists(st.sampled_from(choices), max_size=25)):
        try:
            nxt = after(build, incident, payload)
        except IllegalTransitionError:
            continue
        assert nxt.version == incident.version + 1
        if isinstance(payload, IncidentResolved):
            assert (
                incident.status == "verified"
                if payload.how == "verified"
                else incident.status not in {"acting", "verifying", "undoing"}
            )
        assert incident.status != "resolved"
        incident = nxt


def test_the_binding_changes_with_every_part_of_the_plan_and_with_the_version(build):
    plan = build.strategy()
    bindings = {
        plan.binding("INC-1", 3),
        plan.binding("INC-1", 4),
        plan.binding("INC-2", 3),
        build.strategy(build.restart()).binding("INC-1", 3),
        build.strategy(blast_radius=0.5).binding("INC-1", 3),
        build.strategy(target="other").binding("INC-1", 3),
    }
    assert len(bindings) == 6
    assert plan.binding("INC-1", 3) == build.strategy().binding("INC-1", 3)


def test_a_late_decision_after_the_deadline_row_is_just_an_event_with_its_author(build):
    incident = build.awaiting()
    decided = build.decided(incident, approved=False, by="deadline")
    assert isinstance(decided, ApprovalDecided)
    after_ = after(build, incident, decided)
    assert after_.approval is not None
    assert after_.approval.by == "deadline"


def test_an_incident_is_opened_from_its_event(build):
    opened = build.opened()
    assert isinstance(opened, IncidentOpened)
    incident = evolve(None, build.event(opened))
    assert (incident.status, incident.version, incident.regions) == ("open", 1, ("east",))


@pytest.mark.parametrize("status", ["open", "diagnosed", "proposed", "awaiting", "watching", "retry", "escalated"])
def test_a_person_may_close_what_nobody_is_changing_and_it_is_marked_as_theirs(build, status):
    incident = build.proposed().model_copy(update={"status": status})
    closed = evolve(incident, build.event(IncidentClosed(by="ada", reason="the shop was taken down")))
    assert (closed.status, closed.resolved_how, closed.closed_by) == ("resolved", "closed", "ada")
    assert closed.closed_because == "the shop was taken down"
    assert closed.checks == incident.checks


@pytest.mark.parametrize("status", sorted(BUSY))
def test_what_is_being_changed_or_judged_can_not_be_closed_unless_its_target_is_gone(build, status):
    incident = build.acting().model_copy(update={"status": status})
    with pytest.raises(IllegalTransitionError, match="can't be closed before that ends"):
        evolve(incident, build.event(IncidentClosed(by="ada", reason="I want it gone")))
    gone = evolve(incident, build.event(IncidentClosed(by="ada", reason="the shop was taken down", gone=True)))
    assert gone.status == "resolved"


def test_what_is_over_can_not_be_closed(build):
    incident = build.fold(build.opened(), IncidentResolved(how="cleared", checks=()))
    with pytest.raises(IllegalTransitionError):
        evolve(incident, build.event(IncidentClosed(by="ada", reason="again")))
