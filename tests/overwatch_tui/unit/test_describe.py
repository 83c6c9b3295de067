"""Every event has words, and each is told as it is."""

from __future__ import annotations

import pytest

from agents.events import (
    PAYLOADS,
    ApprovalDecided,
    AutomationPaused,
    Event,
    FailoverRequested,
    IncidentResolved,
    IncidentUpdated,
    Payload,
    StrategyRefused,
)
from agents.facts import Action
from agents.incident import Incident, evolve
from overwatch_tui.describe import describe as say
from overwatch_tui.state import describe
from overwatch_tui.state.dossier import dossier
from overwatch_tui.state.format import UNICODE
from tests.overwatch_tui import story


def event(data: Payload) -> Event:
    return Event(id="e", source="Orchestrator", incident="INC-7", data=data, time=story.NOW)


def folded(*chapters: str) -> Incident:
    incident: Incident | None = None
    for told in story.told(*chapters):
        incident = evolve(incident, told)
    assert incident is not None
    return incident


def test_every_type_of_event_has_words():
    assert set(describe._TELLERS) == set(PAYLOADS.values())


def test_what_a_person_did_carries_the_persons_name():
    paused = describe.tell(event(AutomationPaused(by="anna", reason="release night")), None)
    asked = describe.tell(event(FailoverRequested(target="demo", region="west", by="anna")), None)
    assert (paused.who, paused.text) == ("anna", "paused all automation: release night")
    assert (asked.who, asked.text) == ("anna", "asks for demo to be moved to west")


def test_an_incident_that_only_a_wish_opened_had_no_symptoms_that_went_away():
    seen = folded(*story.AWAITING)
    resolved = event(IncidentResolved(how="cleared", checks=()))
    assert describe.tell(resolved, seen).text.startswith("resolved: the symptoms went away")
    assert describe.tell(resolved, seen.model_copy(update={"symptoms": ()})).text.startswith("resolved: no symptom is seen")


def test_a_deadline_is_no_person():
    decided = ApprovalDecided(approval="x", strategy="s", binding="b", approved=False, by="deadline")
    assert describe.tell(event(decided), None).text == "nobody decided in time"


def test_a_refusal_names_the_plan_and_the_reasons():
    refused = StrategyRefused(strategy="INC-7-S1", by="policy", reasons=("west is not healthy",))
    told = describe.tell(event(refused), folded(*story.PROPOSED))
    assert told.text == "refused: failover_region → west: west is not healthy"
    assert told.decision


def test_the_dossier_tells_the_whole_life():
    sections = dossier(folded(*story.ESCALATED), story.NOW, UNICODE)
    titles = [section.title for section in sections]
    assert titles == [
        "",
        "Diagnosis",
        "Hypotheses",
        "Evidence",
        "Plan",
        "Decision",
        "Actions",
        "Verification",
        "Tried before",
        "What it took",
    ]
    text = "\n".join("".join(words for words, _ in line) for section in sections for line in section.lines)
    for words in ("PAGED", "ruled out", "db check says fail", "$ az afd origin update", "FAILED users", "undo: ", "1 undone"):
        assert words in text


def test_a_plan_that_is_made_anew_is_told_with_the_reason_and_not_as_more_that_is_seen():
    seen = folded(*story.AWAITING)
    why = "it was approved, but the release night holds demo"
    told = describe.tell(event(IncidentUpdated(symptoms=seen.symptoms, observations=(), anew=why)), seen)
    assert (told.text, told.tone, told.decision) == (f"the plan is made anew: {why}", "warn", True)
    assert say(event(IncidentUpdated(symptoms=seen.symptoms, observations=(), anew=why))) == f"the plan is made anew: {why}"
    assert describe.tell(event(IncidentUpdated(symptoms=seen.symptoms, observations=())), seen).text.startswith("more is seen: ")


def cost(incident: Incident) -> str:
    """The line that counts."""
    lines = ["".join(piece for piece, _ in line) for part in dossier(incident, story.NOW, UNICODE) for line in part.lines]
    return next(line.split(maxsplit=1)[1] for line in lines if line.strip().startswith("attempts"))


def test_the_dossier_counts_each_plan_once_and_no_action_that_was_refused():
    given_up = folded(*story.ESCALATED)
    assert cost(given_up) == "1, 1 action, 1 undone"
    steps = tuple(step.model_copy(update={"status": "refused"}) for step in given_up.steps)
    assert cost(given_up.model_copy(update={"steps": steps})) == "1, 0 actions, 0 undone"
    assert cost(folded(*story.RESOLVED)) == "1, 1 action, 0 undone"
    page = story.strategy().model_copy(update={"id": "page", "actions": (Action(kind="page_person"),)})
    assert cost(given_up.model_copy(update={"strategy": page})) == "1, 1 action, 1 undone"


def test_the_dossier_shows_a_request_only_while_it_waits():
    assert "Waits for you" in [s.title for s in dossier(folded(*story.AWAITING), story.NOW, UNICODE)]
    assert "Waits for you" not in [s.title for s in dossier(folded(*story.ACTING), story.NOW, UNICODE)]


@pytest.mark.parametrize(("number", "words"), [(0.0, "0 verified outcomes stand"), (1.2, "1 verified outcome stands")])
def test_one_outcome_is_told_as_one(number, words):
    plan = story.strategy()
    plan = plan.model_copy(update={"confidence": plan.confidence.model_copy(update={"outcomes": number})})
    incident = folded(*story.PROPOSED).model_copy(update={"strategy": plan})
    text = ["".join(piece for piece, _ in line) for part in dossier(incident, story.NOW, UNICODE) for line in part.lines]
    assert any(f"{words} behind it" in line for line in text)
