"""Property 14: the same action on the same region waits, is done so often and no more, and is given up where it does not help."""

from __future__ import annotations

from datetime import timedelta

import pytest
from gate_support import against, decide, wish, wished

from agents.events import (
    ActionFinished,
    IncidentDiagnosed,
    IncidentResolved,
    RollbackFinished,
    StrategyApproved,
    StrategyProposed,
    VerificationFailed,
    VerificationPassed,
)
from agents.facts import Check
from agents.incident import evolve
from agents.orchestrator import History, Performed
from agents.orchestrator.history import history_of
from agents.policy_settings import PolicySettings


def restarts(build, count, *, seconds_ago, region="east", helped=True, undo=False):
    at = build.clock.now() - timedelta(seconds=seconds_ago)
    return tuple(Performed("restart_service", "demo", region, at, automatic=True, helped=helped, undo=undo) for _ in range(count))


def restart(build, performed, region="east", **policy):
    world = build.world()
    plan = build.strategy(build.restart(region), fault_class="crash")
    return decide(build, plan, history=History(performed), policy=PolicySettings(**policy), world=world)


@pytest.mark.parametrize(("seconds", "verdict"), [(0, "ask"), (59.999, "ask"), (60, "approve"), (-3_600, "ask")])
def test_p14_the_same_action_on_the_same_region_cools_down_first_also_when_the_clock_was_set_back(build, seconds, verdict):
    decision = restart(build, restarts(build, 1, seconds_ago=seconds))
    assert decision.verdict == verdict
    assert (against(decision) == {"cool_down"}) is (verdict == "ask")


def test_p14_another_region_and_another_action_need_no_cooling_down(build):
    assert restart(build, restarts(build, 1, seconds_ago=1, region="west")).verdict == "approve"
    assert restart(build, restarts(build, 1, seconds_ago=1), cool_down_s=0).verdict == "approve"
    scale = build.strategy(build.scale(), fault_class="capacity")
    assert decide(build, scale, history=History(restarts(build, 1, seconds_ago=1))).verdict == "approve"


@pytest.mark.parametrize(("count", "verdict"), [(3, "approve"), (4, "ask"), (5, "ask")])
def test_p14_at_most_so_often_in_an_hour(build, count, verdict):
    assert restart(build, restarts(build, count, seconds_ago=3_599.999)).verdict == verdict
    assert restart(build, restarts(build, count, seconds_ago=3_600)).verdict == "approve"


@pytest.mark.parametrize(("tries", "verdict"), [(2, "approve"), (3, "ask")])
def test_p14_what_did_not_help_so_often_within_a_day_is_given_up(build, tries, verdict):
    decision = restart(build, restarts(build, tries, seconds_ago=86_399, helped=False))
    assert decision.verdict == verdict
    if verdict == "ask":
        assert against(decision) == {"give_up"}
    assert restart(build, restarts(build, tries, seconds_ago=86_400, helped=False)).verdict == "approve"


@pytest.mark.parametrize("helped", [True, None])
def test_p14_what_helped_or_is_not_known_yet_and_what_was_an_undoing_is_no_failure(build, helped):
    assert restart(build, restarts(build, 3, seconds_ago=7_200, helped=helped)).verdict == "approve"
    assert restart(build, restarts(build, 3, seconds_ago=7_200, helped=False, undo=True)).verdict == "approve"


@pytest.mark.parametrize(
    ("field", "rule", "span"), [("hourly_budget", "budget.hour", 3_600), ("daily_budget", "budget.day", 86_400)]
)
def test_p14_a_target_has_a_budget_of_actions_of_whatever_kind(build, field, rule, span):
    mixed = (*restarts(build, 2, seconds_ago=span - 0.001, region="west"), *restarts(build, 1, seconds_ago=120, region="east"))
    assert restart(build, mixed, **{field: 4}).verdict == "approve"
    decision = restart(build, mixed, **{field: 3})
    assert (decision.verdict, against(decision)) == ("ask", {rule})
    assert restart(build, restarts(build, 9, seconds_ago=span), **{field: 3}, give_up_after=99).verdict == "approve"


def test_p14_another_target_s_actions_are_not_counted(build):
    others = tuple(
        Performed("restart_service", "bank", "east", build.clock.now(), automatic=True, helped=False) for _ in range(99)
    )
    assert restart(build, others).verdict == "approve"


def test_p14_a_person_s_wish_passes_the_limits_and_is_told_so(build):
    at = build.clock.now()
    moved = tuple(Performed("failover_region", "demo", None, at, automatic=True) for _ in range(9))
    plan = wish(build)
    decision = decide(build, plan, incident=wished(build, plan), history=History(moved))
    assert decision.verdict == "approve"
    told = {finding.rule: finding.text for finding in decision.findings}
    for rule in ("cool_down", "hold_down", "switches.window", "confidence.threshold", "record.outcomes"):
        assert told[rule].endswith("ada asked for it")


class TestWhatTheIncidentsTell:
    """Whether it helped is read from the verification, not from what the tool answered."""

    def helped(self, incident):
        past = history_of((incident,), paused=False, target="demo", besides="INC-9")
        return [(done.helped, done.undo) for done in past.performed]

    def verifying(self, build):
        incident = build.acting()
        return evolve(incident, build.event(build.finished(incident)))

    def test_p14_under_way_it_is_not_known(self, build):
        assert self.helped(self.verifying(build)) == [(None, False)]

    def test_p14_verified_it_helped(self, build):
        incident = self.verifying(build)
        incident = evolve(incident, build.event(VerificationPassed(strategy=incident.strategy.id, checks=())))
        assert self.helped(incident) == [(True, False)]
        incident = evolve(incident, build.event(IncidentResolved(how="verified", checks=())))
        assert self.helped(incident) == [(True, False)]

    def test_p14_a_failed_verification_and_its_undoing_did_not_help(self, build):
        incident = self.verifying(build)
        check = Check(name="health", passed=False, detail="503")
        incident = evolve(incident, build.event(VerificationFailed(strategy=incident.strategy.id, checks=(check,))))
        assert self.helped(incident) == [(False, False)]
        incident = evolve(incident, build.event(build.finished(incident, undo=True)))
        assert self.helped(incident) == [(False, False), (False, True)]
        done = RollbackFinished(strategy=incident.strategy.id, complete=True, summary="it did not help; undone")
        assert self.helped(evolve(incident, build.event(done))) == [(False, False), (False, True)]

    def test_p14_what_the_tool_could_not_do_did_not_help_and_what_it_refused_was_not_done(self, build):
        failed = evolve(build.acting(), build.event(build.finished(build.acting(), status="failed")))
        assert self.helped(failed) == [(False, False)]
        refused = evolve(build.acting(), build.event(build.finished(build.acting(), status="refused")))
        assert self.helped(refused) == []

    def test_p14_what_a_person_left_for_something_else_is_not_known(self, build):
        incident = self.verifying(build).model_copy(update={"status": "escalated"})
        from agents.events import FailoverRequested

        incident = evolve(incident, build.event(FailoverRequested(target="demo", region="west", by="ada")))
        assert self.helped(incident) == [(None, False)]


def test_p14_three_incidents_with_the_same_useless_restart_end_with_a_person(build):
    incidents = []
    for number in range(3):
        plan = build.strategy(build.restart(), fault_class="crash", id=f"INC-{number}.s1")
        incident = build.fold(
            build.opened(),
            IncidentDiagnosed(diagnosis=build.diagnosis("crash")),
            StrategyProposed(strategy=plan),
            StrategyApproved(strategy=plan, by="policy", reasons=()),
            ActionFinished(strategy=plan.id, step=0, operation="o", status="succeeded", summary="", executor="Logistics"),
            VerificationFailed(strategy=plan.id, checks=()),
            RollbackFinished(strategy=plan.id, complete=True, summary="it did not help"),
        )
        incidents.append(incident.model_copy(update={"id": f"INC-{number}", "status": "resolved"}))
        build.clock.advance(3_700)
        past = history_of(incidents, paused=False, target="demo", besides="INC-9")
        decision = restart(build, past.performed)
        assert decision.verdict == ("ask" if number == 2 else "approve")
