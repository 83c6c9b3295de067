"""Nobody approves by accident."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from agents.events import (
    ApprovalDecided,
    IncidentEscalated,
    IncidentResolved,
    IncidentUpdated,
    StrategyEdited,
    StrategyRefused,
    answer,
)
from agents.incident import evolve
from overwatch_tui.bridge.buffer import Batch
from overwatch_tui.modals.approve import Approve
from overwatch_tui.state.words import gone
from tests.overwatch_tui import story
from tests.overwatch_tui.scripted import ScriptedSwarm


async def asked(r, incident="INC-7", target="demo", **request):
    r.swarm.publish(*story.told(*story.AWAITING, incident=incident, target=target, **request))
    await r.until(lambda: any(a.incident == incident for a in r.app.state.approvals))


async def test_a_key_in_the_first_half_second_decides_nothing(room):
    async with room() as r:
        await asked(r)
        await r.press("a", "x")
        assert not r.swarm.commands
        assert len(r.app.screen_stack) == 1
        assert any("just appeared" in toast for toast in r.toasts)
        r.clock.forward(0.5)
        await r.press("a")
        await r.until(lambda: r.swarm.commands)


async def test_a_request_takes_no_focus(room):
    async with room() as r:
        r.app.screen.query_one("#health").focus()
        await r.pilot.pause()
        await asked(r)
        assert r.app.screen.focused is r.app.screen.query_one("#health")


async def test_a_second_press_is_not_sent_twice(room):
    class Slow(ScriptedSwarm):
        def decide(self, approval, approved, reason, confirm="", binding=""):
            from concurrent.futures import Future

            self.commands.append((approval, approved))
            return Future()

    async with room(Slow()) as r:
        await asked(r)
        r.clock.forward(1)
        await r.press("a", "a", "x")
        assert r.swarm.commands == [("INC-7-1-v3", True)]
        assert "sent, waiting for the answer" in r.text()


async def test_what_moves_under_the_cursor_by_itself_is_not_decided_at_once(room):
    async with room() as r:
        await asked(r, "INC-7")
        await asked(r, "INC-8")
        r.clock.forward(5)
        events = story.told(*story.AWAITING)
        gone = StrategyRefused(strategy="INC-7-S1", by="policy", reasons=("the state has changed",))
        r.swarm.publish(answer(events[-1], "Orchestrator", 9, gone, story.at(18)))
        await r.until(lambda: [a.incident for a in r.app.state.approvals] == ["INC-8"])
        await r.press("a")
        assert not r.swarm.commands
        r.clock.forward(0.6)
        await r.press("a")
        await r.until(lambda: r.swarm.commands)
        assert r.swarm.commands == [("decide", "INC-8-1-v3", True, "")]


async def test_the_selected_one_of_two_is_decided(room):
    async with room() as r:
        await asked(r, "INC-7")
        await asked(r, "INC-8")
        r.app.screen.query_one("#approvals").focus()
        await r.press("j")
        r.clock.forward(1)
        await r.press("a")
        await r.until(lambda: r.swarm.commands)
        assert r.swarm.commands == [("decide", "INC-8-1-v3", True, "")]


@pytest.mark.parametrize(("confirm", "keys"), [("", "a"), ("demo", "a"), ("", "x")])
async def test_a_decision_names_the_plan_that_is_shown(room, confirm, keys):
    async with room() as r:
        await asked(r, confirm=confirm)
        r.clock.forward(1)
        await r.press(keys)
        if confirm or keys == "x":
            r.clock.forward(1)
            await r.press(*"demo", "enter")
        await r.until(lambda: r.swarm.commands)
        assert r.swarm.bindings == [story.strategy().binding("INC-7", 3)]


async def test_a_rejection_needs_a_reason(room):
    async with room() as r:
        await asked(r)
        r.clock.forward(1)
        await r.press("x", "enter")
        assert len(r.app.screen_stack) == 2
        await r.press("escape")
        assert len(r.app.screen_stack) == 1
        assert not r.swarm.commands


async def test_a_refused_command_is_shown_with_its_remedy(room):
    async with room() as r:
        r.swarm.refuse = ValueError("'INC-7-1-v3' was decided already, by 'ben' [red]now[/red]")
        await asked(r)
        r.clock.forward(1)
        await r.press("a")
        await r.until(lambda: any("was decided already, by 'ben' [red]now[/red]" in toast for toast in r.toasts))


async def test_a_hidden_request_is_not_decided(room):
    async with room() as r:
        await asked(r)
        r.clock.forward(1)
        await r.press("z", "a")
        assert not r.swarm.commands
        assert any("hidden by the zoom" in toast for toast in r.toasts)


async def test_the_incident_decides_on_its_own_request_after_the_same_grace(room):
    async with room() as r:
        await asked(r)
        r.clock.forward(1)
        await r.press("enter")
        assert "Waits for you" in r.text()
        await r.press("a")
        assert not r.swarm.commands
        r.clock.forward(0.6)
        await r.press("a")
        await r.until(lambda: r.swarm.commands)


async def test_the_time_that_is_left_counts_down(room):
    async with room() as r:
        await asked(r)
        r.clock.now = story.at(9.6 + 600) - timedelta(seconds=61)
        r.app._second()
        await r.pilot.pause()
        assert "expires in 1:01" in r.text()
        r.clock.forward(120)
        r.app._second()
        await r.pilot.pause()
        assert "EXPIRED" in r.text()


async def asked_twice(r):
    """The second step of an approval that reaches many users is in front."""
    await asked(r, confirm="demo")
    r.clock.forward(1)
    await r.press("a")
    await r.until(lambda: "Approve this?" in r.text())


async def test_what_reaches_many_users_shows_what_it_would_do_before_it_is_approved(room):
    async with room() as r:
        await asked_twice(r)
        assert not r.swarm.commands
        shown = r.text()
        for words in ("switch_traffic east 100→0, west 0→100", "all users of demo", "switch_traffic east 100, west 0", "0.78"):
            assert words in shown


async def test_reasons_that_do_not_fit_into_the_question_are_counted(room):
    async with room() as r:
        await asked(r, confirm="demo")
        view = replace(r.app.state.approvals[0], reasons=("one", "two", "three", "four", "five"))
        r.app.push_screen(Approve(view, r.clock))
        await r.until(lambda: "Approve this?" in r.text())
        assert "and 2 more reasons: enter on the request shows all" in r.text()


async def test_the_target_s_name_typed_in_full_approves(room):
    async with room() as r:
        await asked_twice(r)
        r.clock.forward(0.5)
        await r.press(*"demo", "enter")
        await r.until(lambda: r.swarm.commands)
        assert r.swarm.commands == [("decide", "INC-7-1-v3", True, "", "demo")]
        assert len(r.app.screen_stack) == 1


@pytest.mark.parametrize("keys", [("enter",), ("escape",), ("tab", "enter")])
async def test_every_other_way_out_of_the_question_approves_nothing(room, keys):
    async with room() as r:
        await asked_twice(r)
        r.clock.forward(0.5)
        await r.press(*keys)
        assert len(r.app.screen_stack) == 1
        assert not r.swarm.commands


@pytest.mark.parametrize("typed", ["dem", "demo2", "west", "a"])
async def test_another_name_keeps_the_question_open_and_its_button_shut(room, typed):
    async with room() as r:
        await asked_twice(r)
        r.clock.forward(0.5)
        await r.press(*typed)
        assert r.app.screen.query_one("#yes").disabled
        await r.press("enter")
        assert len(r.app.screen_stack) == 2
        assert not r.swarm.commands
        assert any(f"{typed!r} is not 'demo': nothing was approved" in toast for toast in r.toasts)


async def test_keys_that_were_on_their_way_to_the_question_are_dropped(room):
    async with room() as r:
        await asked_twice(r)
        await r.press(*"demo", "enter")
        assert not r.swarm.commands
        assert len(r.app.screen_stack) == 2
        assert r.app.screen.query_one("Input").value == ""
        r.clock.forward(0.5)
        await r.press(*"demo", "enter")
        await r.until(lambda: r.swarm.commands)


async def test_the_incident_s_view_takes_two_steps_too(room):
    async with room() as r:
        await asked(r, confirm="demo")
        r.clock.forward(1)
        await r.press("enter")
        r.clock.forward(1)
        assert "a approves, typing demo" in r.text()
        await r.press("a")
        r.clock.forward(1)
        await r.press(*"demo", "enter")
        await r.until(lambda: r.swarm.commands)
        assert r.swarm.commands == [("decide", "INC-7-1-v3", True, "", "demo")]


async def test_how_far_two_people_are_is_shown_where_the_decision_is_taken(room):
    async with room() as r:
        await asked(r, needs=2)
        assert "needs 2 people" in r.text()
        asked_for = story.told(*story.AWAITING, needs=2)[-1]
        one = ApprovalDecided(approval="INC-7-1-v3", strategy="INC-7-S1", binding=asked_for.data.binding, approved=True, by="ada")
        r.swarm.publish(answer(asked_for, "ada", 1, one, story.at(20)))
        await r.until(lambda: "1 of 2 approved, by ada; waits for another person" in r.text())
        assert "approved, 1 of 2" in r.text()
        r.clock.forward(1)
        await r.press("enter")
        assert "ada at 14:02:10" in r.text()


def decided(by, *, approved, incident="INC-7", **request):
    """The last word on the request of the story, and the event that it answers."""
    last = story.told(*story.AWAITING, incident=incident, **request)[-1]
    said = ApprovalDecided(
        approval=last.data.approval,
        strategy=last.data.strategy,
        binding=last.data.binding,
        approved=approved,
        by=by,
        confirm="demo",
    )
    return answer(last, by, 1, said, story.at(20))


def edited():
    """The plan of the story as a person changed it."""
    last = story.told(*story.AWAITING)[-1]
    plan = story.strategy().model_copy(update={"id": "INC-7-S1e", "edited_by": "ben"})
    return answer(
        last, "ben", 1, StrategyEdited(approval=last.data.approval, replaces="INC-7-S1", strategy=plan, by="ben"), story.at(20)
    )


def refused_by_policy():
    last = story.told(*story.AWAITING)[-1]
    return answer(last, "Orchestrator", 9, StrategyRefused(strategy="INC-7-S1", by="policy", reasons=("too late",)), story.at(20))


def paged():
    return answer(story.told(*story.AWAITING)[-1], "Strategist", 9, IncidentEscalated(reason="look at it"), story.at(20))


def changed():
    seen = story.payloads()["opened"][2]
    more = IncidentUpdated(symptoms=seen.symptoms, observations=seen.observations)
    return answer(story.told(*story.AWAITING)[-1], "Sentry", 9, more, story.at(20))


def cleared():
    return answer(story.told(*story.AWAITING)[-1], "Sentry", 9, IncidentResolved(how="cleared", checks=()), story.at(20))


GONE = {
    "the request was approved by ada meanwhile": lambda: decided("ada", approved=True, confirm="demo"),
    "the request was rejected by ada meanwhile": lambda: decided("ada", approved=False, confirm="demo"),
    "the request has expired": lambda: decided("deadline", approved=False, confirm="demo"),
    "the plan was changed by ben meanwhile": edited,
    "the plan was refused by policy meanwhile": refused_by_policy,
    "the swarm has called a person instead": paged,
    "what it rests on has changed, and the plan is made anew": changed,
    "the incident is over": cleared,
}


@pytest.mark.parametrize("why", GONE)
def test_it_is_known_why_a_request_waits_no_longer(why):
    incident = None
    for event in (*story.told(*story.AWAITING, confirm="demo"), GONE[why]()):
        incident = evolve(incident, event)
    assert gone(incident, "INC-7-1-v3") == why


@pytest.mark.parametrize(("key", "why"), [("a", "the request was approved by ada meanwhile"), ("x", "the request has expired")])
async def test_a_question_about_a_request_that_is_gone_closes_and_says_why(room, key, why):
    async with room() as r:
        await asked(r, confirm="demo")
        r.clock.forward(1)
        await r.press(key)
        await r.until(lambda: len(r.app.screen_stack) == 2)
        r.swarm.publish(GONE[why]())
        await r.until(lambda: len(r.app.screen_stack) == 1)
        assert r.toasts == [f"INC-7: {why}: nothing was sent"]
        assert not r.swarm.commands


async def test_what_was_typed_for_a_question_that_has_closed_reaches_nothing_else(room):
    async with room() as r:
        await asked(r, "INC-7", confirm="demo")
        await asked(r, "INC-8")
        r.clock.forward(1)
        await r.press("x", *"too ")
        r.swarm.publish(decided("ada", approved=True, confirm="demo"))
        await r.until(lambda: len(r.app.screen_stack) == 1)
        for key in (*"dapox", "enter", "escape", "q"):
            r.clock.forward(0.3)
            await r.press(key)
        assert not r.swarm.commands
        assert len(r.app.screen_stack) == 1
        r.clock.forward(0.5)
        await r.press("a")
        await r.until(lambda: r.swarm.commands)
        assert r.swarm.commands == [("decide", "INC-8-1-v3", True, "")]


async def test_an_answer_that_was_given_as_its_request_went_sends_nothing(room):
    async with room() as r:
        await asked_twice(r)
        r.clock.forward(0.5)
        await r.press(*"demo")
        question = r.app.screen
        r.app.pump._store.apply(Batch(events=(decided("ada", approved=True, confirm="demo"),)))
        question.submit()
        question.submit()
        await r.until(lambda: r.toasts)
        assert r.toasts == ["INC-7: the request was approved by ada meanwhile: nothing was sent"]
        assert len(r.app.screen_stack) == 1
        assert not r.swarm.commands


async def test_a_question_that_lies_under_another_screen_closes_once_it_is_in_front_again(room):
    async with room() as r:
        await asked_twice(r)
        await r.pilot.resize_terminal(60, 18)
        await r.until(lambda: len(r.app.screen_stack) == 3)
        r.swarm.publish(decided("ada", approved=True, confirm="demo"))
        await r.until(lambda: not r.app.state.approvals)
        assert len(r.app.screen_stack) == 3
        await r.pilot.resize_terminal(120, 40)
        await r.until(lambda: len(r.app.screen_stack) <= 2)
        r.app._second()
        await r.until(lambda: len(r.app.screen_stack) == 1)
        assert not r.swarm.commands


async def test_a_question_stays_while_one_of_two_people_has_approved(room):
    async with room() as r:
        await asked(r, confirm="demo", needs=2)
        r.clock.forward(1)
        await r.press("a")
        r.swarm.publish(decided("ada", approved=True, confirm="demo", needs=2))
        await r.until(lambda: r.app.state.approvals[0].given.startswith("1 of 2"))
        r.clock.forward(1)
        await r.press(*"demo", "enter")
        await r.until(lambda: r.swarm.commands)


async def test_keys_are_heard_at_once_where_the_clock_was_set_back(room):
    async with room() as r:
        await asked_twice(r)
        r.swarm.publish(decided("ada", approved=True, confirm="demo"))
        await r.until(lambda: len(r.app.screen_stack) == 1)
        r.clock.forward(-3_600)
        await r.press("question_mark")
        await r.until(lambda: len(r.app.screen_stack) == 2)
