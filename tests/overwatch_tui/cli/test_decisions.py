"""`approve`, `reject`, `pause` and `resume`: a person's word, written where the swarm reads it."""

from __future__ import annotations

import pytest

from agents.events import AutomationArmed, AutomationPaused


@pytest.mark.parametrize("id_", ["INC-1", "A1"])
def test_approving_an_incident_or_its_request_says_what_was_approved_and_by_whom(cli, book, id_):
    book.awaiting()
    said = cli("approve", id_)
    assert said.status == 0
    assert said.out == f"{id_} approved by ada: switch_traffic east 0, west 100\n"
    approval = book.incident().approval
    assert approval is not None
    assert (approval.approved, approval.by) == (True, "ada")


def test_a_second_approval_is_refused_and_names_who_decided(cli, book):
    book.awaiting()
    cli("approve", "INC-1")
    said = cli("approve", "INC-1")
    assert (said.status, said.out) == (1, "")
    assert said.err == "overwatch-tui: A1 was decided already, by ada\n"


def test_a_late_approval_is_refused_and_changes_nothing(cli, book):
    book.awaiting(ttl_s=-1)
    said = cli("approve", "INC-1")
    assert said.status == 1
    assert "A1 has expired" in said.err
    assert book.incident().status == "awaiting"


def test_approving_what_asks_for_nothing_is_refused(cli, book):
    book.opened()
    said = cli("approve", "INC-1")
    assert said.status == 1
    assert "'INC-1' asks for nothing" in said.err


def test_approving_while_paused_says_that_nothing_happens_yet(cli, book):
    book.awaiting()
    cli("pause")
    said = cli("approve", "INC-1")
    assert said.status == 0
    assert "overwatch-tui resume" in said.err


def test_a_rejection_keeps_its_reason(cli, book):
    book.awaiting()
    said = cli("reject", "INC-1", "--reason", "deploy is running")
    assert said.out == "INC-1 rejected by ada: switch_traffic east 0, west 100\n"
    decided = book.events()[-1]
    assert (decided.type, decided.data.approved, decided.data.reason) == ("approval.decided", False, "deploy is running")


@pytest.mark.parametrize("words", [("reject", "INC-1"), ("reject", "INC-1", "--reason", " ")])
def test_a_rejection_without_a_reason_is_wrong_usage(cli, book, words):
    book.awaiting()
    said = cli(*words)
    assert said.status == 2
    assert "--reason" in said.err
    assert book.incident().status == "awaiting"


def test_pause_and_resume_are_kept_with_who_and_why(cli, book):
    book.empty()
    assert "paused" in cli("pause", "--reason", "maintenance").out
    automation = book.do(lambda store: store.automation())
    assert (automation.paused, automation.by, automation.reason) == (True, "ada", "maintenance")
    assert cli("resume").out == "automation is armed\n"
    assert not book.do(lambda store: store.automation()).paused
    assert [type(event.data) for event in book.events()] == [AutomationPaused, AutomationArmed]


@pytest.mark.parametrize(
    "words",
    [
        ("approve", "INC-1"),
        ("reject", "INC-1", "--reason", "no"),
        ("pause",),
        ("resume",),
        ("incidents", "list"),
        ("incidents", "show", "INC-1"),
    ],
)
def test_without_a_database_the_remedy_is_said_and_none_is_made(cli, home, words):
    said = cli(*words)
    assert (said.status, said.out) == (1, "")
    assert "no swarm has run here" in said.err
    assert "overwatch-tui launch" in said.err
    assert not home.exists()


def test_a_damaged_database_is_named(cli, home):
    home.mkdir()
    (home / "overwatch.db").write_text("garbage")
    said = cli("incidents", "list")
    assert said.status == 1
    assert "damaged or no database" in said.err
    assert str(home) in said.err
