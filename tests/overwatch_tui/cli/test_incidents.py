"""`incidents list` and `incidents show`."""

from __future__ import annotations

import json

from agents.events import (
    ActionFinished,
    IncidentDiagnosed,
    IncidentEscalated,
    IncidentResolved,
    StrategyApproved,
    StrategyProposed,
)


def test_the_list_has_one_line_for_each_incident_the_newest_first(cli, book):
    book.opened()
    book.say(IncidentResolved(how="cleared", checks=()))
    book.opened()
    said = cli("incidents", "list")
    assert said.status == 0
    assert [line.split()[:2] for line in said.out.splitlines()] == [["INC-2", "open"], ["INC-1", "resolved"]]
    assert cli("incidents", "list", "--limit", "1").out == said.out.splitlines()[0] + "\n"


def test_an_empty_log_says_so_and_is_an_empty_array_for_scripts(cli, book):
    book.empty()
    assert cli("incidents", "list").out == "no incidents\n"
    assert json.loads(cli("incidents", "list", "--json").out) == []


def test_the_list_as_json_has_what_a_script_sorts_by(cli, book):
    book.awaiting()
    (found,) = json.loads(cli("incidents", "list", "--json").out)
    assert found["id"] == "INC-1"
    assert found["status"] == "awaiting"
    assert set(found) == {
        "id", "target", "title", "status", "opened_at", "updated_at", "resolved_at", "resolved_how", "decided_by",
    }  # fmt: skip


def test_showing_an_incident_that_waits_says_what_would_be_done_and_how_to_decide(cli, book):
    book.awaiting()
    said = cli("incidents", "show", "INC-1")
    assert said.status == 0
    for words in (
        "[awaiting]",
        "region_down 0.95 (1 cited): east is gone, west is fine",
        "east answers 503",
        "would        switch_traffic east 0, west 100",
        "undo         switch_traffic east 100, west 0",
        "overwatch-tui approve A1",
    ):
        assert words in said.out, words


def test_what_is_decided_waits_for_nobody(cli, book):
    book.awaiting()
    cli("approve", "INC-1")
    assert "to decide" not in cli("incidents", "show", "INC-1").out


def test_the_commands_that_were_carried_out_are_shown(cli, book):
    book.opened()
    plan = book.build.strategy()
    book.say(
        IncidentDiagnosed(diagnosis=book.build.diagnosis()),
        StrategyProposed(strategy=plan),
        StrategyApproved(strategy=plan, by="policy", reasons=()),
        ActionFinished(
            strategy=plan.id,
            step=0,
            operation="INC-1.s1:0",
            status="succeeded",
            summary="switched",
            command="az afd origin update",
            undo=False,
            executor="Traffic Controller",
        ),
    )
    assert "  INC-1.s1:0  succeeded  az afd origin update\n" in cli("incidents", "show", "INC-1").out


def test_a_page_is_in_plain_words(cli, book):
    book.opened()
    book.say(
        IncidentDiagnosed(diagnosis=book.build.diagnosis()),
        StrategyProposed(strategy=book.build.strategy(book.build.page())),
        IncidentEscalated(reason="Overwatch may not act on this target"),
    )
    said = cli("incidents", "show", "INC-1").out
    assert "page person\n" in said
    assert "PAGES A PERSON: Overwatch may not act on this target" in said


def test_show_as_json_has_the_incident_and_every_event_in_order(cli, book):
    book.awaiting()
    found = json.loads(cli("incidents", "show", "INC-1", "--json").out)
    assert found["strategy"]["actions"][0]["call"]["weights"] == {"east": 0, "west": 100}
    assert [event["type"] for event in found["events"]] == [
        "incident.opened",
        "incident.diagnosed",
        "strategy.proposed",
        "approval.requested",
    ]


def test_an_unknown_incident_is_named_with_those_that_there_are(cli, book):
    book.opened()
    said = cli("incidents", "show", "INC-9")
    assert (said.status, said.out) == (1, "")
    assert said.err == "overwatch-tui: 'INC-9' is not an incident here; the newest: INC-1\n"
