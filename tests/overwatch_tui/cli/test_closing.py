"""`incidents close`: a person's last word, marked as such."""

from __future__ import annotations

import json

import pytest

from agents.durable.audit import examine
from agents.events import IncidentDiagnosed, IncidentEscalated, StrategyApproved, StrategyProposed


@pytest.fixture
def escalated(book):
    book.opened()
    book.say(IncidentEscalated(reason="nothing is left to try"))
    return book


def acting(book):
    book.opened()
    plan = book.build.strategy()
    book.say(
        IncidentDiagnosed(diagnosis=book.build.diagnosis()),
        StrategyProposed(strategy=plan),
        StrategyApproved(strategy=plan, by="policy", reasons=()),
    )


def test_what_stays_escalated_is_closed_by_a_person_and_says_so_wherever_it_is_read(cli, escalated):
    said = cli("incidents", "close", "INC-1", "--reason", "the shop\x1b[31m was taken down")
    assert (said.status, said.out) == (0, "INC-1 closed by ada, not checked from outside: the shop was taken down\n")
    incident = escalated.incident()
    assert (incident.status, incident.resolved_how, incident.closed_by) == ("resolved", "closed", "ada")
    assert "CLOSED by ada, not checked from outside: the shop was taken down" in cli("incidents", "show", "INC-1").out
    (listed,) = json.loads(cli("incidents", "list", "--json").out)
    assert listed["resolved_how"] == "closed"
    assert examine(escalated.path).broken is None


def test_a_close_is_no_outcome(cli, escalated):
    cli("incidents", "close", "INC-1", "--reason", "it was I")
    record = escalated.do(lambda store: store.record("failover_region", "region_down", "demo"))
    assert (record.successes, record.failures) == (0, 0)


@pytest.mark.parametrize("reason", ["", "  ", "\x1b[31m"])
def test_a_close_needs_a_reason(cli, escalated, reason):
    said = cli("incidents", "close", "INC-1", "--reason", reason)
    assert said.status == 2
    assert "say why" in said.err
    assert escalated.incident().status == "escalated"


def test_what_is_being_changed_is_not_closed(cli, book):
    acting(book)
    said = cli("incidents", "close", "INC-1", "--reason", "I want it gone")
    assert said.status == 1
    assert "INC-1 is 'acting'" in said.err
    assert book.incident().status == "acting"


def test_what_is_being_changed_is_closed_where_its_target_left_the_configuration(cli, book, configured):
    acting(book)
    other = configured('[targets.shop.regions.east]\nurl = "http://127.0.0.1:9"\n')
    said = cli("incidents", "close", "INC-1", "--reason", "demo is gone", *other)
    assert said.status == 0
    assert book.incident().resolved_how == "closed"


def test_an_unknown_incident_and_one_that_is_over_are_said(cli, escalated):
    assert "'INC-9' is not an incident here" in cli("incidents", "close", "INC-9", "--reason", "x").err
    cli("incidents", "close", "INC-1", "--reason", "x")
    said = cli("incidents", "close", "INC-1", "--reason", "y")
    assert (said.status, "is over already (closed)" in said.err) == (1, True)


def test_what_an_operation_is_under_way_for_is_not_closed(cli, escalated):
    from journal_support import tamper

    tamper(
        escalated.path,
        "INSERT INTO intent (operation, incident, tool, arguments, arguments_hash, state_before, epoch, status, summary, "
        "command, started) VALUES ('INC-1.s1:0', 'INC-1', 'switch_traffic', '{}', '', '{}', 1, 'started', '', '', '')",
    )
    said = cli("incidents", "close", "INC-1", "--reason", "x")
    assert said.status == 1
    assert "INC-1.s1:0 of INC-1 is under way" in said.err
    assert escalated.incident().status == "escalated"
