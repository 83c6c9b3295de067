"""What a drill says: counted from what was seen, and judged by what the scenario asks for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests_support import Build

from agents.events import ActionFinished
from agents.scores import Calibration, Cell
from agents.settings import DemoSettings, Settings, TargetSettings
from overwatch_tui.drill import SCENARIOS, Drill
from overwatch_tui.drill.report import Held, Report, learnt, shortfalls
from overwatch_tui.drill.runner import report_of
from overwatch_tui.drill.users import Look, healed_after
from overwatch_tui.drill.watcher import Seen

OUTAGE, CALM, BOTH = SCENARIOS["outage"], SCENARIOS["calm"], SCENARIOS["both"]


class Clock:
    def now(self) -> datetime:
        return datetime(2026, 11, 23, 14, 2, 11, tzinfo=UTC)


BUILD = Build(Clock())
PLAN = BUILD.strategy(BUILD.failover(), BUILD.restart(), BUILD.scale())


def finished(step: int, *, status="succeeded", undo=False, strategy=PLAN.id) -> ActionFinished:
    return ActionFinished(
        strategy=strategy, step=step, operation=f"op:{step}", status=status, summary="", undo=undo, executor="Logistics"
    )


def seen(*done: ActionFinished) -> Seen:
    found = Seen(plans={PLAN.id: PLAN}, finished=list(done), diagnosed=["region_down"], decided_by=["policy", "ada"])
    found.opened.append((12.345, BUILD.event(BUILD.opened(), incident="INC-1")))
    found.resolved.add("INC-1")
    found.verified = True
    return found


def report(*done: ActionFinished, scenario=OUTAGE) -> Report:
    return report_of(scenario, "east", seen(*done), 10.0, 3.5)


def test_the_report_has_exactly_the_promised_keys_in_order():
    assert list(report(finished(0)).as_json()) == [
        "scenario",
        "region",
        "detected_s",
        "fault_class",
        "actions",
        "decided_by",
        "healed_s",
        "verified",
        "harm",
        "resolved",
    ]


def test_the_right_action_once_does_no_harm_and_falls_short_of_nothing():
    said = report(finished(0))
    assert (said.detected_s, said.fault_class, said.decided_by, said.healed_s) == (2.35, "region_down", "ada", 3.5)
    assert (said.actions, said.harm) == (["failover_region"], 0)
    assert shortfalls(said, OUTAGE, rejecting=False) == []


@pytest.mark.parametrize(
    ("done", "harm"),
    [
        ((finished(1),), 1),
        ((finished(0), finished(1), finished(2)), 2),
        ((finished(0), finished(0)), 1),
        ((finished(1), finished(1)), 3),
        ((finished(0), finished(1, status="failed")), 1),
        ((finished(0), finished(1, status="unknown")), 1),
        ((finished(0), finished(0, strategy="never proposed")), 1),
        ((finished(0), finished(1, status="refused")), 0),
        ((finished(0), finished(0, undo=True)), 0),
    ],
)
def test_harm_counts_what_does_not_help_and_what_was_done_twice(done, harm):
    said = report(*done)
    assert said.harm == harm
    assert bool(shortfalls(said, OUTAGE, rejecting=False)) is (harm > 0)


def test_an_incident_that_is_open_is_not_resolved():
    found = seen(finished(0))
    found.opened.append((13.0, BUILD.event(BUILD.opened(), incident="INC-2")))
    said = report_of(OUTAGE, "east", found, 10.0, 1.0)
    assert not said.resolved
    assert "2 incidents instead of one" in shortfalls(said, OUTAGE, rejecting=False)


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"detected_s": None}, "the fault was not detected"),
        ({"fault_class": "crash"}, "classified as 'crash', not as ['region_down']"),
        ({"harm": 2}, "2 forbidden or unneeded actions"),
        ({"actions": ()}, "no right action was done"),
        ({"resolved": False}, "the incident was not resolved"),
        ({"verified": False}, "the recovery was not verified"),
        ({"healed_s": None}, "users were not served again"),
    ],
)
def test_each_thing_that_the_scenario_asks_for_is_missed_by_name(changes, missing):
    values = {
        "scenario": "outage",
        "region": "east",
        "detected_s": 2.0,
        "fault_class": "region_down",
        "actions": ("failover_region",),
        "healed_s": 3.0,
        "verified": True,
        "resolved": True,
        "incidents": 1,
    }
    assert shortfalls(Report(**values), OUTAGE, rejecting=False) == []
    assert shortfalls(Report(**values | changes), OUTAGE, rejecting=False) == [missing]


def test_a_person_who_rejects_must_be_obeyed_and_paged():
    rejected = Report("outage", "east", 2.0, "region_down", resolved=True, incidents=1, paged=True)
    assert shortfalls(rejected, OUTAGE, rejecting=True) == []
    acted = Report("outage", "east", 2.0, "region_down", ("failover_region",), resolved=True, incidents=1, paged=True)
    assert shortfalls(acted, OUTAGE, rejecting=True) == ["an action was done where none may be"]


def test_where_nothing_helps_a_person_must_be_paged():
    paged = Report("both", None, 2.0, "shared_dependency", resolved=True, incidents=1, paged=True)
    assert shortfalls(paged, BOTH, rejecting=False) == []
    silent = Report("both", None, 2.0, "shared_dependency", resolved=True, incidents=1)
    assert shortfalls(silent, BOTH, rejecting=False) == ["no person was paged"]


def test_calm_asks_for_nothing_at_all():
    quiet = report_of(CALM, "east", Seen(), 10.0, None)
    assert (quiet.region, quiet.detected_s, quiet.fault_class, quiet.resolved) == (None, None, None, False)
    assert shortfalls(quiet, CALM, rejecting=False) == []
    assert shortfalls(report_of(CALM, "east", seen(), 10.0, None), CALM, rejecting=False) != []


def looks(*served: tuple[float, bool]) -> list[Look]:
    return [Look(at=at, seconds=0.25, served=ok) for at, ok in served]


@pytest.mark.parametrize(
    ("seen_by_users", "healed"),
    [
        (looks((9, False), (10, True), (11, True)), None),
        (looks((10, True), (11, False), (12, False), (13, True), (14, True)), 3.25),
        (looks((11, False), (12, True), (13, False), (14, True)), 4.25),
        (looks((11, False), (12, True), (13, False)), None),
        (looks((14, True), (11, False), (13, True)), 3.25),
        (looks((11, False), (12, True), (21, False)), 2.25),
        (looks((11, False), (21, True)), None),
        ([], None),
    ],
)
def test_users_are_healed_by_the_first_served_request_after_which_none_failed(seen_by_users, healed):
    assert healed_after(seen_by_users, injected=10, until=20) == healed


def test_a_drill_leaves_one_s_own_targets_alone(tmp_path):
    shop = TargetSettings.model_validate({"regions": {"east": {"url": "https://shop.example.org"}}})
    settings = Settings(targets={"shop": shop}, demo=DemoSettings(enabled=False, replicas=3))
    held = Drill(OUTAGE, "east", settings=settings, home=tmp_path, approve=True, progress=print)
    assert held._swarm._settings.targets == {}
    assert held._swarm._settings.with_demo
    assert held._swarm._settings.demo.replicas == 3


def known(own: int, record: float, *, target="demo", needed: int | None = 3) -> Calibration:
    cell = Cell(target, "failover_region", "region_down", own, own, own, 0, record, needed)
    return Calibration(BUILD.clock.now(), 0.85, 5, False, own, own, 0, (), (cell,))


def test_what_was_learnt_is_the_change_of_the_record_in_numbers():
    (change,) = learnt("demo", known(3, 0.766), known(4, 0.785))
    assert change.line() == (
        "failover_region × region_down: 3 → 4 outcomes, track record 0.77 → 0.79; 3 more verified until it is enough for the gate"
    )


def test_the_first_outcome_has_no_record_before_it():
    (change,) = learnt("demo", known(0, 0.68), known(1, 0.72))
    assert change.line().startswith("failover_region × region_down: 0 → 1 outcomes, track record 0.72;")
    assert learnt("demo", None, known(1, 0.72)) == (change,)


@pytest.mark.parametrize(("needed", "said"), [(0, "; enough for the gate"), (None, "; not enough for the gate")])
def test_whether_the_gate_is_satisfied_is_said(needed, said):
    (change,) = learnt("demo", known(1, 0.72), known(2, 0.9, needed=needed))
    assert change.line().endswith(said)


def test_what_did_not_change_and_other_targets_are_left_out():
    assert learnt("demo", known(3, 0.77), known(3, 0.77)) == ()
    assert learnt("demo", None, known(3, 0.77, target="shop")) == ()
    assert learnt("demo", known(3, 0.77), None) == ()


def test_the_summary_counts_the_rounds_and_what_fell_short():
    held = Held((report(finished(0)), report(finished(1))), learnt("demo", None, known(1, 0.72)))
    said = held.summary(OUTAGE, 3, rejecting=False)
    assert (said["rounds"], said["held"], said["as_asked"], said["verified"], said["harm"]) == (3, 2, 1, 2, 1)
    assert said["records"][0]["outcomes"] == 1


@pytest.mark.parametrize(
    ("scenario", "traffic", "following"),
    [
        ("outage", {"east": 0, "west": 100}, "west"),
        ("outage", {"east": 100, "west": 0}, "east"),
        ("outage", {"east": None, "west": None}, "east"),
        ("crash", {"east": 0, "west": 100}, "east"),
    ],
)
def test_the_next_round_breaks_the_region_that_has_the_users_where_the_last_one_moved_them(
    tmp_path, scenario, traffic, following
):
    held = Drill(SCENARIOS[scenario], "east", settings=Settings(), home=tmp_path, approve=True, progress=print)
    held._watcher._traffic = traffic
    assert held._next_region() == following
