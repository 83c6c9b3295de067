"""Looking: incidents, the audit, filters, zoom, copying, following the tail, sizes."""

from __future__ import annotations

import pytest
from textual.app import App

from agents.events import AutomationArmed, AutomationPaused, Event
from agents.telemetry import AgentState
from overwatch_tui.screens.audit import AuditScreen
from overwatch_tui.screens.incident import IncidentScreen
from overwatch_tui.screens.ops import OpsScreen
from overwatch_tui.screens.too_small import TooSmall
from overwatch_tui.state.format import UNICODE
from overwatch_tui.themes import DEFAULTS
from overwatch_tui.widgets.layout import Row
from overwatch_tui.widgets.lines import LineList
from tests.overwatch_tui import story
from tests.overwatch_tui.scripted import DEMO, SHOP, ScriptedSwarm


def facts(count, start=0):
    return [
        Event(
            id=f"f{n}",
            source="Orchestrator",
            data=AutomationPaused(by="anna", reason=f"reason {n}") if n % 2 else AutomationArmed(by="anna"),
            time=story.at(n),
        )
        for n in range(start, start + count)
    ]


async def test_enter_opens_the_selected_incident_and_escape_leaves(room):
    async with room() as r:
        r.swarm.publish(*story.told(*story.RESOLVED))
        await r.until(lambda: r.app.state.incidents)
        await r.press("enter")
        assert isinstance(r.app.screen, IncidentScreen)
        for words in ("dependency_down", "ruled out", "db check says fail"):
            assert words in r.text()
        await r.press("G")
        for words in ("az afd origin update", "passed users"):
            assert words in r.text()
        await r.press("escape")
        assert isinstance(r.app.screen, OpsScreen)


async def test_an_open_incident_view_follows_what_happens(room):
    events = story.told(*story.RESOLVED)
    async with room() as r:
        r.swarm.publish(*events[:4])
        await r.until(lambda: r.app.state.incidents)
        await r.press("enter")
        assert "waits for a person" in r.text()
        r.swarm.publish(*events[4:])
        await r.until(lambda: "resolved" in r.text())


class Pane(App[None]):
    """Nothing but a pane that follows its end."""

    def get_theme_variable_defaults(self):
        return dict(DEFAULTS)

    def compose(self):
        yield LineList(UNICODE, tail=True)


async def test_a_scrollbar_that_appears_with_the_lines_stands_where_they_stand():
    app = Pane()
    async with app.run_test(size=(40, 10)) as pilot:
        lines = app.query_one(LineList)
        lines.show_rows([Row(n, (((f"line {n}", "plain"),),)) for n in range(30)])
        while not lines.show_vertical_scrollbar:
            await pilot.pause(0.01)
        assert lines.vertical_scrollbar.position == lines.scroll_y > 0


async def test_enter_without_any_incident_says_so(room):
    async with room() as r:
        await r.press("enter")
        assert isinstance(r.app.screen, OpsScreen)
        assert "there is no incident" in r.toasts


async def test_the_audit_lists_refusals_and_opens_their_incident(room):
    async with room(ScriptedSwarm(past=story.told(*story.ESCALATED))) as r:
        await r.press("u")
        assert isinstance(r.app.screen, AuditScreen)
        assert "FAILED users: 38 % of 40 requests failed" in r.text()
        await r.press("enter")
        assert isinstance(r.app.screen, IncidentScreen)
        await r.press("escape", "escape")
        assert isinstance(r.app.screen, OpsScreen)


async def test_a_filter_narrows_the_timeline_and_outlives_new_events_and_a_resize(room):
    async with room(ScriptedSwarm(past=facts(20))) as r:
        await r.press("slash", *"reason 1", "enter")
        timeline = r.app.screen.query_one("#timeline")
        assert len(timeline.rows) == 6
        r.swarm.publish(*facts(2, 100), *story.told("opened"))
        await r.until(lambda: len(timeline.rows) == 7)
        await r.pilot.resize_terminal(100, 30)
        await r.pilot.pause()
        assert len(timeline.rows) == 7
        assert r.app.screen.focused is timeline
        await r.press("n")
        first = timeline.current
        await r.press("N")
        assert timeline.current is not first
        await r.press("escape")
        assert len(timeline.rows) == 23


async def test_the_tail_is_followed_until_the_person_looks_up(room):
    async with room(ScriptedSwarm(past=facts(60))) as r:
        timeline = r.app.screen.query_one("#timeline")
        assert timeline.scroll_offset.y == timeline.max_scroll_y
        await r.press(*["k"] * 30)
        there = timeline.current
        top = timeline.scroll_offset.y
        r.swarm.publish(*facts(5, 60))
        await r.until(lambda: len(timeline.rows) == 65)
        assert timeline.current is there
        assert timeline.scroll_offset.y == top
        assert "5 new below" in r.text()
        await r.press("G")
        assert "new below" not in r.text()
        r.swarm.publish(*facts(1, 65))
        await r.until(lambda: len(timeline.rows) == 66)
        assert timeline.scroll_offset.y == timeline.max_scroll_y


async def test_a_line_that_is_looked_at_stays_when_old_ones_fall_out(room):
    async with room(ScriptedSwarm(past=facts(2_000))) as r:
        timeline = r.app.screen.query_one("#timeline")
        await r.until(lambda: len(timeline.rows) == 2_000)
        await r.press(*["k"] * 40)
        there = timeline.current
        r.swarm.publish(*facts(50, 2_000))
        await r.until(lambda: timeline.rows[0].key != 1)
        assert timeline.current.key == there.key


async def test_z_gives_the_focused_pane_the_whole_screen_and_takes_it_back(room):
    async with room() as r:
        r.app.screen.query_one("#reasoning").focus()
        await r.press("z")
        assert "Timeline" not in r.text()
        assert r.app.screen.query_one("#reasoning").size.width > 100
        assert r.app.screen.query_one("#reasoning").size.height > 30
        await r.press("z")
        assert "Timeline" in r.text()
        await r.press("z", "escape")
        assert "Timeline" in r.text()


async def test_y_copies_the_selected_line(room):
    async with room(ScriptedSwarm(past=story.told("opened"))) as r:
        await r.press("y")
        assert "INC-7 east: latency, errors" in r.app.clipboard
        r.app.screen.query_one("#reasoning").focus()
        await r.press("y")
        assert "what the agents think" in r.app.clipboard


async def test_help_is_made_from_the_bindings(room):
    async with room(size=(120, 50)) as r:
        await r.press("question_mark")
        for words in ("chaos.outage", "approval.approve", "G end", "ctrl+p"):
            assert words in r.text()
        await r.press("question_mark")
        assert isinstance(r.app.screen, OpsScreen)


async def test_help_on_a_narrow_terminal_is_cut_nowhere_and_shows_the_ids_once_there_is_room(room):
    async with room(size=(80, 60)) as r:
        await r.press("question_mark")
        shown = r.app.screen.query_one("#help").plain_text()
        assert "a           Let the selected plan be carried out" in shown
        assert "approval.approve" not in shown
        assert "…" not in r.text().partition("Decide")[2]
        await r.pilot.resize_terminal(104, 60)
        await r.until(lambda: all(words in r.text() for words in ("approval.approve", "automation.pause", "focus.next")))


@pytest.mark.parametrize("size", [(79, 24), (80, 23), (40, 10)])
async def test_a_small_terminal_is_told_kindly_and_grows_back(room, size):
    async with room() as r:
        await r.pilot.resize_terminal(*size)
        await r.until(lambda: isinstance(r.app.screen, TooSmall))
        assert "Overwatch needs 80 by 24" in r.text()
        await r.press("o", "a")
        assert not r.swarm.commands
        await r.pilot.resize_terminal(80, 24)
        await r.until(lambda: isinstance(r.app.screen, OpsScreen))


async def test_tab_goes_through_the_panes(room):
    async with room() as r:
        seen = []
        for _ in range(4):
            seen.append(r.app.screen.focused.id)
            await r.press("tab")
        assert seen == ["timeline", "reasoning", "approvals", "health"]


async def test_a_paged_incident_can_not_be_missed_and_rings(room, monkeypatch):
    rung = []
    async with room() as r:
        monkeypatch.setattr(r.app, "bell", lambda: rung.append(True))
        r.swarm.publish(*story.told(*story.ESCALATED))
        await r.until(lambda: r.app.state.paged)
        assert "1 PAGED" in r.text().splitlines()[0]
        assert "PAGED  INC-7 on demo: nothing that is left" in r.text().splitlines()[1]
        assert rung == [True]


async def test_a_dead_agent_is_shown_with_its_remedy(room):
    async with room() as r:
        r.swarm.publish(AgentState("Logistics", "down", story.NOW, "the MCP server ended: read logs/mcp.log"))
        await r.until(lambda: "Logistics DOWN" in r.text())
        assert "read logs/mcp.log" in r.text()


async def test_old_samples_are_not_shown_as_the_present(room):
    async with room() as r:
        assert "● ok" in r.text()
        r.clock.forward(30)
        r.app._second()
        await r.until(lambda: "unknown" in r.text())


async def test_several_targets_each_have_their_regions(room):
    async with room(ScriptedSwarm(targets=(DEMO, SHOP))) as r:
        for words in ("demo", "shop", "east", "south"):
            assert words in r.text()


async def test_text_that_the_mouse_selected_is_copied(room):
    async with room(ScriptedSwarm(past=story.told("opened"))) as r:
        timeline = r.app.screen.query_one("#timeline")
        await r.pilot.mouse_down(timeline, offset=(2, 1))
        await r.pilot.hover(timeline, offset=(16, 1))
        await r.pilot.mouse_up(timeline, offset=(16, 1))
        await r.press("y")
        assert r.app.clipboard.startswith("14:01:58 Sent")
        assert "\n" not in r.app.clipboard.strip()


async def test_a_click_selects_and_a_double_click_opens(room):
    async with room(ScriptedSwarm(past=story.told(*story.AWAITING))) as r:
        timeline = r.app.screen.query_one("#timeline")
        await r.pilot.click(timeline, offset=(5, 2))
        assert timeline.current is timeline.rows[1]
        await r.pilot.click(timeline, offset=(5, 1), times=2)
        await r.until(lambda: isinstance(r.app.screen, IncidentScreen))


async def test_no_color_leaves_glyphs_and_words(room, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    async with room() as r:
        r.swarm.publish(story.region_sample("east", 20, broken=True, traffic=100))
        await r.until(lambda: "✗ FAIL" in r.text())
        assert r.app.no_color


async def test_every_theme_can_be_shown(room):
    async with room() as r:
        r.swarm.publish(*story.told(*story.ESCALATED))
        for name in ("light", "colour-blind", "terminal", "dark"):
            r.app.theme = f"overwatch-{name}"
            await r.pilot.pause()
            assert "1 PAGED" in r.text()
