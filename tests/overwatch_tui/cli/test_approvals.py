"""`approvals`, `approve`, `reject` and `edit` where more is asked for than one person's yes."""

from __future__ import annotations

import json

import pytest

from agents.events import StrategyEdited
from agents.facts import Action


@pytest.fixture
def someone(monkeypatch):
    """Who types from now on."""
    return lambda name: monkeypatch.setattr("overwatch_tui.wiring.person", lambda: name)


def scaling(book):
    return book.build.strategy(book.build.scale(3), fault_class="capacity", blast_radius=0.0)


def test_what_waits_is_listed_with_everything_that_a_decision_needs(cli, book):
    book.awaiting(confirm="demo", needs=2, approvers=("ada", "grace"))
    cli("approve", "INC-1", "--confirm", "demo")
    said = cli("approvals").out
    for words in (
        "INC-1  A1  demo: switch_traffic east 0, west 100",
        "undo        switch_traffic east 100, west 0",
        "touches     all users, confidence 0.90",
        "asked       confidence 0.66 is not above 0.85",
        "people      1 of 2 approved, by ada; waits for another person",
        "may approve ada, grace",
        "overwatch-tui approve INC-1 --confirm demo",
    ):
        assert words in said, said


def test_what_waits_is_a_document_for_scripts(cli, book):
    book.awaiting(confirm="demo", needs=2)
    cli("approve", "INC-1", "--confirm", "demo")
    (row,) = json.loads(cli("approvals", "--json").out)
    approval = book.incident().approval
    assert (row["id"], row["incident"], row["binding"], row["confirm"]) == ("A1", "INC-1", approval.binding, "demo")
    assert (row["needs"], [one["by"] for one in row["given"]]) == (2, ["ada"])
    assert row["given"][0]["at"].startswith("20")
    assert (row["plan"], row["undo"]) == ("switch_traffic east 0, west 100", "switch_traffic east 100, west 0")
    assert row["confidence"]["value"] == 0.9
    assert {"reasons", "deadline", "blast_radius", "approvers"} <= set(row)


def test_nothing_that_waits_is_said_in_words_and_is_an_empty_list(cli, book):
    book.opened()
    assert cli("approvals").out == "nothing waits for you\n"
    assert json.loads(cli("approvals", "--json").out) == []


def test_what_was_decided_waits_no_more(cli, book):
    book.awaiting()
    cli("approve", "INC-1")
    assert cli("approvals").out == "nothing waits for you\n"


def test_without_a_terminal_what_reaches_many_users_names_the_option(cli, book):
    book.awaiting(confirm="demo")
    said = cli("approve", "INC-1")
    assert (said.status, said.out) == (2, "")
    assert "overwatch-tui approve INC-1 --confirm demo" in said.err
    assert book.incident().approval.approved is None


@pytest.mark.parametrize("typed", ["", "west", "Demo"])
def test_another_name_is_wrong_usage_and_changes_nothing(cli, book, typed):
    book.awaiting(confirm="demo")
    said = cli("approve", "INC-1", "--confirm", typed)
    assert (said.status, said.out) == (2, "")
    assert "--confirm demo" in said.err
    assert book.incident().approval.approved is None


def test_a_name_that_nobody_asked_for_does_no_harm(cli, book):
    book.awaiting()
    assert cli("approve", "INC-1", "--confirm", "demo").status == 0


@pytest.mark.parametrize(("typed", "status"), [("demo\n", 0), ("west\n", 1), ("\n", 1)])
def test_on_a_terminal_the_name_is_asked_for_after_what_would_be_done(cli, book, monkeypatch, typed, status):
    import io

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    book.awaiting(confirm="demo")
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    said = cli("approve", "INC-1")
    assert said.status == status
    for words in ("switch_traffic east 0, west 100", "switch_traffic east 100, west 0", "all users of demo", "type demo"):
        assert words in said.err
    assert book.incident().approval.approved is (True if status == 0 else None)


def test_two_people_approve_from_two_terminals(cli, book, someone):
    book.awaiting(needs=2)
    said = cli("approve", "INC-1")
    assert said.out.startswith("INC-1: 1 of 2 approved, by ada; waits for another person: switch_traffic")
    again = cli("approve", "INC-1")
    assert (again.status, "ada has approved already" in again.err) == (1, True)
    someone("grace")
    assert cli("approve", "INC-1").out.startswith("INC-1 approved by grace")
    assert book.incident().approval.given == ("ada", "grace")


def test_who_is_not_on_the_list_is_told_who_is(cli, book, someone):
    book.awaiting(approvers=("grace",))
    said = cli("approve", "INC-1")
    assert (said.status, "'ada' may not approve this: grace may" in said.err) == (1, True)
    someone("grace")
    assert cli("approve", "INC-1").status == 0


def test_a_script_approves_exactly_what_it_looked_at(cli, book):
    book.awaiting()
    (row,) = json.loads(cli("approvals", "--json").out)
    other = cli("approve", "INC-1", "--binding", "0" * 64)
    assert (other.status, "another plan" in other.err) == (1, True)
    said = json.loads(cli("approve", "INC-1", "--binding", row["binding"], "--json").out)
    assert (said["approved"], said["by"], said["given"], said["binding"]) == (True, "ada", ["ada"], row["binding"])


def test_half_an_approval_is_null_for_a_script(cli, book):
    book.awaiting(needs=2)
    said = json.loads(cli("approve", "INC-1", "--json").out)
    assert (said["approved"], said["given"], said["needs"]) == (None, ["ada"], 2)


def test_a_rejection_is_a_document_too(cli, book):
    book.awaiting()
    said = json.loads(cli("reject", "INC-1", "--reason", "no", "--json").out)
    assert (said["approved"], said["reason"]) == (False, "no")


def test_an_edit_says_what_the_plan_is_now_and_voids_the_request(cli, book):
    book.awaiting(plan=scaling(book))
    said = cli("edit", "INC-1", "--replicas", "4")
    assert said.status == 0
    assert said.out.startswith("INC-1 edited by ada: scale_service east to 4 replicas")
    assert isinstance(book.events()[-1].data, StrategyEdited)
    late = cli("approve", "A1")
    assert (late.status, "moved on" in late.err) == (1, True)
    assert "ada edited the plan: scale_service east to 4 replicas" in cli("incidents", "show", "INC-1").out


def test_an_edit_is_a_document_for_scripts(cli, book):
    book.awaiting(plan=scaling(book))
    said = json.loads(cli("edit", "INC-1", "--replicas", "4", "--json").out)
    assert (said["by"], said["strategy"]["edited_by"]) == ("ada", "ada")
    assert Action.model_validate(said["strategy"]["actions"][0]).call.replicas == 4


@pytest.mark.parametrize(
    ("words", "status", "why"),
    [
        ((), 2, "give one of replicas, to, image and revision"),
        (("--replicas", "4", "--to", "west"), 2, "replicas and to can't be changed at once: give one of"),
        (("--replicas", "0"), 1, "0 replicas would leave nobody serving"),
        (("--replicas", "many"), 2, "--replicas"),
        (("--to", "west"), 1, "change replicas"),
        (("--image", "mini-app:2"), 1, "change replicas"),
    ],
)
def test_an_edit_that_can_not_be_made_says_what_can(cli, book, words, status, why):
    book.awaiting(plan=scaling(book))
    before = book.incident()
    said = cli("edit", "INC-1", *words)
    assert (said.status, said.out) == (status, "")
    assert why in said.err
    assert book.incident() == before


def test_who_approved_and_when_is_shown_with_the_incident(cli, book):
    book.awaiting(needs=2, confirm="demo")
    cli("approve", "INC-1", "--confirm", "demo")
    said = cli("incidents", "show", "INC-1").out
    assert "approved     ada at " in said
    assert "1 of 2 approved, by ada; waits for another person" in said
    assert "overwatch-tui approve A1 --confirm demo" in said
