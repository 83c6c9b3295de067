"""`policy explain`, `policy test` and `policy show`, and the examples of docs/policy.md."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from gate_support import orchestrator
from tests_support import Build

from agents.clock import SystemClock
from agents.durable.log import read_incident
from agents.events import IncidentDiagnosed, StrategyProposed
from agents.orchestrator import RULE_NAMES

DOCS = (Path(__file__).resolve().parents[3] / "docs" / "policy.md").read_text()
TABLE, CASES = re.findall(r"```toml\n(.*?)```", DOCS, re.DOTALL)


@pytest.fixture
def written(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


@pytest.fixture
def decided(book):
    """An incident whose plan the gate has judged; its id."""
    book.opened()
    build = Build(SystemClock())
    plan = build.strategy()
    book.say(IncidentDiagnosed(diagnosis=build.diagnosis()))
    book.say(StrategyProposed(strategy=plan))

    async def judge(store):
        incident = await store.database.run(lambda c: read_incident(c, "INC-1"))
        proposed = (await store.events_of("INC-1"))[-1]
        outcome = await orchestrator(build).handle(proposed, build.context(incident))
        await store.append(outcome.emit)

    book.do(judge)
    return "INC-1"


def test_the_cases_of_the_documentation_hold_for_its_table(cli, written):
    said = cli("policy", "test", written("cases.toml", CASES), "--config", written("overwatch.toml", TABLE))
    assert (said.status, said.err) == (0, ""), said.out
    assert "6 of 6 cases as expected" in said.out


def test_the_documentation_names_every_rule():
    assert [name for name in RULE_NAMES if f"`{name}`" not in DOCS] == []


def test_a_case_that_comes_out_otherwise_is_told_with_what_every_rule_said(cli, written):
    text = '[[case]]\nname = "no record"\noutcomes = 1\nexpect = "approve"\n'
    said = cli("policy", "test", written("cases.toml", text))
    assert said.status == 1
    assert "FAIL  no record: ask" in said.out
    assert "expected approve, came to ask" in said.out
    assert re.search(r"ask +record.outcomes +only 1 verified outcome, 5 are asked for", said.out)
    (found,) = json.loads(cli("policy", "test", written("cases.toml", text), "--json").out)
    assert (found["passed"], found["verdict"], found["wrong"]) == (False, "ask", ["expected approve, came to ask"])


@pytest.mark.parametrize(
    ("outcomes", "wanted", "words"),
    [
        (0.5, 1, "only 0.5 verified outcomes, 1 is asked for"),
        (1, 1, "1 verified outcome stands behind it"),
        (2, 1, "2 verified outcomes stand behind it"),
    ],
)
def test_one_outcome_is_told_as_one(cli, written, configured, outcomes, wanted, words):
    text = f'[[case]]\nname = "n"\noutcomes = {outcomes}\nexpect = "refuse"\n'
    said = cli("policy", "test", written("cases.toml", text), *configured(f"[policy]\nmin_outcomes = {wanted}\n"))
    assert words in said.out


def test_the_right_verdict_for_another_reason_is_no_pass(cli, written):
    text = '[[case]]\nname = "n"\noutcomes = 1\nexpect = "ask"\nbecause = "confidence.threshold"\n'
    said = cli("policy", "test", written("cases.toml", text))
    assert said.status == 1
    assert "confidence.threshold did not speak for it" in said.out


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[case]\n", "not valid TOML"),
        ("", "there is no case"),
        ('[[case]]\nname = "n"\n', "'expect': Field required"),
        ('[[case]]\nname = "n"\nexpect = "yes"\n', "'expect'"),
        ('[[case]]\nname = "n"\nexpect = "ask"\nconfidense = 1\n', "did you mean 'confidence'?"),
        ('[[case]]\nname = "n"\nexpect = "ask"\nbecause = "cooldown"\n', "did you mean 'cool_down'?"),
        ('[[case]]\nname = "n"\nexpect = "ask"\nfault_class = "region_dwn"\n', "did you mean 'region_down'?"),
        ('[[case]]\nname = "n"\nexpect = "ask"\nregion = "moon"\n', "'moon' is not a region"),
        ('[[case]]\nname = "n"\nexpect = "ask"\nconfidence = nan\n', "'confidence'"),
        ('[[case]]\nname = "n"\nexpect = "ask"\nat = 2026-01-01T00:00:00\n', "'at'"),
        ('[[case]]\nname = "n"\nexpect = "ask"\naction = "restart_service"\nrequested_by = "ada"\n', "leave `requested_by` out"),
    ],
)
def test_a_file_that_can_not_be_used_says_why(cli, written, text, why):
    said = cli("policy", "test", written("cases.toml", text))
    assert said.status == 2
    assert why in said.err
    assert said.out == ""


def test_a_file_that_is_not_there_says_so(cli, tmp_path):
    said = cli("policy", "test", str(tmp_path / "none.toml"))
    assert said.status == 2
    assert "can't read the cases" in said.err


def test_explaining_makes_the_decision_again_and_names_each_rule(cli, decided):
    said = cli("policy", "explain", decided)
    assert said.status == 0, said.out
    assert "approve  switch_traffic east 0, west 100" in said.out
    for rule in ("confidence.threshold", "cool_down", "window.freeze", "destination"):
        assert f"allow  {rule} " in said.out
    assert "the same decision" in said.out


def test_explaining_says_what_today_s_policy_would_decide(cli, decided, written):
    strict = written("strict.toml", '[policy]\nprotected = ["demo"]\n')
    said = cli("policy", "explain", decided, "--now-policy", "--config", strict, "--json")
    assert said.status == 0
    (one,) = json.loads(said.out)["decisions"]
    assert (one["verdict"], one["replay"], one["now"]["verdict"]) == ("approve", "same", "refuse")


def test_a_decision_that_comes_out_otherwise_is_a_failure(cli, book, decided):
    import sqlite3

    with sqlite3.connect(book.path) as connection:
        (data,) = connection.execute("SELECT data FROM event WHERE type = 'strategy.approved'").fetchone()
        changed = data.replace(r"\"threshold\":0.85", r"\"threshold\":0.95")
        assert changed != data
        connection.execute("UPDATE event SET data = ? WHERE type = 'strategy.approved'", (changed,))
    connection.close()
    said = cli("policy", "explain", decided)
    assert said.status == 1
    assert "ANOTHER decision" in said.out


def test_an_incident_that_is_not_there_is_said(cli, book):
    book.opened()
    said = cli("policy", "explain", "INC-9")
    assert said.status == 1
    assert "the newest: INC-1" in said.err


def test_showing_tells_the_level_and_who_approves_for_each_action(cli, written):
    text = 'policy.approvers = ["ada"]\n[[policy.rules]]\nactions = ["scale_service"]\nautonomy = "observe"\n'
    text += '[[policy.windows]]\nname = "always"\nstart = 00:00:00\nend = 00:00:00\n'
    path = written("overwatch.toml", text)
    said = cli("policy", "show", "--config", path)
    assert said.status == 0
    assert re.search(r"failover_region +auto +or else 1 approval by ada", said.out)
    assert re.search(r"scale_service +observe\n", said.out)
    assert "freeze 'always' until" in said.out
    (demo,) = json.loads(cli("policy", "show", "--config", path, "--json").out)
    assert (demo["target"], demo["protected"]) == ("demo", False)


def test_doctor_warns_of_what_is_said_about_targets_that_are_not_there():
    from agents.policy_settings import PolicyRule, PolicySettings, PolicyWindow
    from agents.settings import Settings
    from overwatch_tui.checkup import policy_findings

    window = PolicyWindow(name="night", targets=("demo",), start="22:00", end="06:00")
    rules = (PolicyRule(targets=("demo",), autonomy="ask"), PolicyRule(targets=("dmo",), autonomy="ask"))
    policy = PolicySettings(rules=rules, windows=(window,), protected=("ledger",))
    first, second = policy_findings(Settings(targets={}, policy=policy))
    assert (first.state, first.remedy) == ("warn", "did you mean 'demo'?")
    assert "policy.rules[1] names 'dmo'" in first.detail
    assert "policy.protected names 'ledger'" in second.detail
