"""The first thing on the screen: six agents report for duty, then the board gives way to the live panes."""

from __future__ import annotations

from textwrap import wrap

from textual.app import RenderResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from overwatch_tui.state import format as fmt
from overwatch_tui.state.format import Glyphs
from overwatch_tui.state.models import AGENTS, Line, State
from overwatch_tui.widgets.safe import content

DUTIES: dict[str, str] = {
    "Sentry": "watches the regions, and what users see",
    "Diagnostician": "finds the cause, and what it rules out",
    "Strategist": "proposes a recovery, with its undoing",
    "Orchestrator": "judges it by policy, or asks you",
    "Logistics": "restarts, deploys and scales",
    "Traffic Controller": "moves users between regions",
}


BLANK: Line = ((" ", "plain"),)


def board_lines(state: State, glyphs: Glyphs) -> tuple[Line, ...]:
    """The wordmark, the six, and how far the start is. Every line is as wide as the others."""
    width = 74
    up = sum(1 for name in AGENTS if name in state.agents and state.agents[name].state != "starting")
    lines: list[Line] = [
        (("O V E R W A T C H".center(width), "accent"),),
        (("six agents, one gate, every step verified or undone".center(width), "muted"),),
        BLANK,
    ]
    over = state.host.phase in {"failed", "stopped", "away"}
    for name in AGENTS:
        known = state.agents.get(name)
        if over and known is not None and known.state == "starting":
            known = None  # it was when it was last heard of, and nothing starts any more
        glyph, word, tone = fmt.agent_state(known.state, glyphs) if known is not None else (glyphs.unknown, "–", "muted")
        duty = known.detail if known is not None and known.state == "down" and known.detail else DUTIES[name]
        lines.append(
            (
                (f"{glyph} ", tone),
                (name.ljust(20), "strong" if tone != "muted" else "plain"),
                (fmt.shorten(duty, 42).ljust(42), "fail" if word == "DOWN" else "muted"),
                (word.rjust(10), tone),
            )
        )
    return (*lines, BLANK, *_foot(state, up, width))


def _foot(state: State, up: int, width: int) -> tuple[Line, ...]:
    if state.host.phase in {"failed", "stopped"}:
        problem = wrap(state.host.problem or "the swarm has stopped", width, max_lines=4, placeholder=" …")
        keys: Line = (("R starts again  q quits".center(width), "plain"),)
        return (*(((part.ljust(width), "fail"),) for part in problem), keys)
    if state.host.phase == "away":
        return tuple(((part.ljust(width), "fail"),) for part in wrap(state.host.problem, width, max_lines=4, placeholder=" …"))
    if up == len(AGENTS):
        return ((("all six are up; waiting for the first look at the regions".center(width), "ok"),),)
    return (((f"{up} of {len(AGENTS)} are up".center(width), "muted"),),)


class Board(Widget):
    """Draws the board in the middle of the room."""

    lines: reactive[tuple[Line, ...]] = reactive(())

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(id="board")
        self._glyphs = glyphs

    def show(self, state: State) -> None:
        """Show who has reported so far."""
        self.lines = board_lines(state, self._glyphs)

    def render(self) -> RenderResult:
        """The lines below each other; the style sheet centres them."""
        return Content("\n").join(content(line, ascii_only=self._glyphs.ascii_only) for line in self.lines)


def ready(state: State) -> bool:
    """Whether the board can give way: every agent is there, dead or alive, or the picture has begun without some."""
    there = all(name in state.agents and state.agents[name].state != "starting" for name in AGENTS)
    return there or bool(state.targets)
