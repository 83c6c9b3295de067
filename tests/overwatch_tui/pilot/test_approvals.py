"""Nobody approves by accident."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agents.events import ApprovalDecided, StrategyRefused, answer
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
        def decide(self, approval, approved, reason):
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
