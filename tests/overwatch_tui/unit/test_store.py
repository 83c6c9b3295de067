"""The reducer, without a screen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from agents.events import AutomationArmed, AutomationPaused, Event
from agents.telemetry import AgentState, Thought
from overwatch_tui.bridge.buffer import Batch, HistoryLoaded
from overwatch_tui.state.models import AGENTS, HostView
from overwatch_tui.state.store import ENTRIES, EVENTS_PER_BATCH, PARAGRAPH_CHARS, POINTS, Store
from tests.overwatch_tui import story


def loaded(*history: Event) -> Store:
    store = Store()
    store.apply(Batch(notices=(HostView("running"), HistoryLoaded(history))))
    while store.behind:
        store.apply(Batch())
    return store


def fact(n: int, data: AutomationArmed | AutomationPaused | None = None) -> Event:
    return Event(id=f"e{n}", source="Orchestrator", data=data or AutomationArmed(by="anna"), time=story.at(n))


def test_the_whole_story_ends_resolved_and_nothing_waits():
    state = loaded(*story.told(*story.RESOLVED)).state
    assert state.incidents["INC-7"].status == "resolved"
    assert state.approvals == ()
    assert len(state.entries) == len(story.RESOLVED)
    assert state.unread == 0


def test_a_request_shows_what_would_change_and_how_it_is_undone():
    (view,) = loaded(*story.told(*story.AWAITING)).state.approvals
    assert view.plan == ("switch_traffic east 100→0, west 0→100",)
    assert view.undo == "switch_traffic east 100, west 0"
    assert view.confidence == "0.78 = min(record 0.78, evidence 0.92, model 0.90)"
    assert view.blast_radius == "all users"


def test_a_decided_request_no_longer_waits():
    assert loaded(*story.told(*story.AWAITING, "decided")).state.approvals == ()


def test_an_escalated_incident_is_paged():
    state = loaded(*story.told(*story.ESCALATED)).state
    assert [incident.id for incident in state.paged] == ["INC-7"]
    assert state.entries[-1].tone == "alarm"


def test_live_events_wait_for_the_history_that_they_answer():
    events = story.told(*story.AWAITING)
    store = Store()
    assert store.apply(Batch(events=events[2:])).entries == ()
    state = store.apply(Batch(notices=(HistoryLoaded(events[:3]),)))
    assert state.incidents["INC-7"].status == "awaiting"
    assert state.unread == 0


def test_an_event_that_comes_twice_is_told_once():
    events = story.told(*story.AWAITING)
    store = loaded(*events)
    before = store.state
    assert store.apply(Batch(events=events)).entries is before.entries


def test_a_log_that_was_put_in_another_s_place_is_shown_and_not_mixed_with_it():
    events = story.told(*story.RESOLVED)
    store = loaded(*events)
    other = [event.model_copy(update={"time": event.time + timedelta(hours=1)}) for event in story.told(*story.AWAITING)]
    store.apply(Batch(notices=(HostView("failed", "the disk is gone"),)))
    assert store.state.incidents["INC-7"].status == "resolved", "what was known stays until there is something else"
    state = store.apply(Batch(notices=(HostView("starting"), HistoryLoaded(other), HostView("running"))))
    assert state.incidents["INC-7"].status == "awaiting"
    assert [entry.at for entry in state.entries] == [event.time for event in other]
    assert state.unread == 0


def test_a_log_that_is_read_again_or_can_not_be_keeps_what_is_shown():
    events = story.told(*story.RESOLVED)
    store = loaded(*events[:4])
    for again in (HistoryLoaded((), known=False), HistoryLoaded(events)):
        before = len(store.state.entries)
        store.apply(Batch(notices=(HostView("starting"), again, HostView("running"))))
        assert len(store.state.entries) >= before
    assert len(store.state.entries) == len(events)
    assert store.state.incidents["INC-7"].status == "resolved"


def test_an_event_that_does_not_fit_is_counted_and_still_told():
    opened, *_, asked = story.told(*story.AWAITING)
    store = loaded(opened)
    state = store.apply(Batch(events=(asked,)))
    assert state.unread == 1
    assert state.incidents["INC-7"].status == "open"
    assert len(state.entries) == 2


def test_a_history_that_is_cut_off_at_its_start_is_no_problem():
    assert loaded(*story.told(*story.RESOLVED)[3:]).state.unread == 0


def test_a_long_history_is_folded_in_pieces():
    store = Store()
    state = store.apply(Batch(notices=(HistoryLoaded([fact(n) for n in range(EVENTS_PER_BATCH + 10)]),)))
    assert len(state.entries) == EVENTS_PER_BATCH
    assert store.behind
    assert len(store.apply(Batch()).entries) == EVENTS_PER_BATCH + 10
    assert not store.behind


def test_the_timeline_is_bounded():
    store = loaded(*(fact(n) for n in range(ENTRIES + 100)))
    assert len(store.state.entries) == ENTRIES
    assert len(store.state.audit) == ENTRIES


def test_the_audit_lists_decisions_alone():
    state = loaded(*story.told(*story.AWAITING)).state
    assert [entry.text for entry in state.audit] == ["asks a person: confidence 0.78 is not above 0.85"]


def test_a_pause_shows_before_the_swarm_reports_it():
    store = loaded()
    store.apply(Batch(swarm=story.swarm_state(0)))
    state = store.apply(Batch(events=(fact(3, AutomationPaused(by="anna")),)))
    assert state.swarm is not None
    assert (state.swarm.automation, state.swarm.paused_by) == ("paused", "anna")
    state = store.apply(Batch(events=(fact(4),)))
    assert state.swarm is not None
    assert state.swarm.automation == "armed"


def test_a_dead_agent_is_told_once_and_its_return_too():
    store = loaded()
    down = AgentState("Sentry", "down", story.at(1), "the MCP server went away")
    for _ in range(3):
        store.apply(Batch(agents=(down,)))
    state = store.apply(Batch(agents=(AgentState("Sentry", "idle", story.at(2)),)))
    assert [entry.text for entry in state.entries] == ["is DOWN: the MCP server went away", "is back"]


def test_words_of_one_thought_become_one_paragraph_until_it_is_done():
    store = loaded()
    first = Thought("Strategist", "INC-7", "move ", "m", story.at(1))
    store.apply(Batch(thoughts=(first, replace(first, text="users"))))
    store.apply(Batch(thoughts=(replace(first, text=" west", done=True), replace(first, text="next"))))
    assert [(p.text, p.done) for p in store.state.thoughts] == [("move users west", True), ("next", False)]


def test_a_thought_without_end_is_bounded():
    store = loaded()
    thought = Thought("Strategist", "INC-7", "x" * 3_000, "m", story.at(1))
    for _ in range(20):
        store.apply(Batch(thoughts=(thought,)))
    assert len(store.state.thoughts[0].text) == PARAGRAPH_CHARS


def test_samples_keep_the_newest_sixty_points():
    store = loaded()
    for n in range(POINTS + 5):
        store.apply(Batch(regions=(story.region_sample("east", n),), users=(story.users_sample(n),)))
    (target,) = store.state.targets
    assert len(target.regions[0].p95) == POINTS
    assert target.users is not None
    assert len(target.users.p95) == POINTS


def test_regions_have_their_places_whoever_answers_first():
    store = loaded()
    for region in ("west", "east", "north"):
        store.apply(Batch(regions=(story.region_sample(region, 1),)))
    (target,) = store.state.targets
    assert [view.sample.region for view in target.regions] == ["east", "north", "west"]


def test_what_did_not_change_keeps_its_identity():
    store = loaded(*story.told(*story.AWAITING))
    before = store.state
    after = store.apply(Batch(regions=(story.region_sample("east", 1),)))
    assert after.entries is before.entries
    assert after.approvals is before.approvals
    assert after.thoughts is before.thoughts


def test_a_restart_waits_for_the_new_history_and_tells_nothing_twice():
    events = story.told(*story.AWAITING)
    store = loaded(*events[:2])
    store.apply(Batch(notices=(HostView("starting"),)))
    assert dict(store.state.agents) == {}
    state = store.apply(Batch(notices=(HistoryLoaded(events),), agents=story.agent_states()))
    assert len(state.entries) == len(events)
    assert set(state.agents) == set(AGENTS)
