"""Nobody approves by accident."""

from __future__ import annotations

from datetime import timedelta

from agents.events import StrategyRefused, answer
from tests.overwatch_tui import story
from tests.overwatch_tui.scripted import ScriptedSwarm


async def asked(r, incident="INC-7", target="demo"):
    r.swarm.publish(*story.told(*story.AWAITING, incident=incident, target=target))
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
