"""The timeline: one line for each thing that happened, newest last, followed until the person looks up."""

from __future__ import annotations

from collections.abc import Sequence

from overwatch_tui.state import format as fmt
from overwatch_tui.state.format import Glyphs
from overwatch_tui.state.models import Entry, Line, Piece, Tone
from overwatch_tui.widgets.layout import Row
from overwatch_tui.widgets.lines import LineList

SHORT: dict[str, str] = {"Traffic Controller": "Traffic"}
SHORTER: dict[str, str] = {
    "Diagnostician": "Diag",
    "Strategist": "Strat",
    "Orchestrator": "Orch",
    "Logistics": "Logi",
    "Traffic Controller": "Traff",
}
LINES = 4
"""No entry takes more lines than about this; the incident has the rest."""

LOUD: dict[Tone, Tone] = {"warn": "warn", "fail": "fail", "alarm": "fail"}
"""What is well is said quietly: there only the glyph has a colour."""


def entry_row(entry: Entry, glyphs: Glyphs, width: int) -> Row:
    """Time, agent, a glyph where it is good or bad, incident, what; the names are shorter where `width` is."""
    if width < 60:
        agent, pad, indent = SHORTER.get(entry.agent, entry.agent), 7, 9
    elif width < 90:
        agent, pad, indent = SHORT.get(entry.agent, entry.agent), 14, 25
    else:
        agent, pad, indent = entry.agent, 19, 30
    text = fmt.shorten(entry.text, LINES * max(20, width - indent))
    glyph = {"ok": glyphs.ok, "warn": glyphs.warn, "fail": glyphs.fail, "alarm": glyphs.alarm}.get(entry.tone, " ")
    incident: tuple[Piece, ...] = ((entry.incident + " ", "muted"),) if entry.incident else ()
    line: Line = (
        (fmt.clock(entry.at) + " ", "muted"),
        (fmt.shorten(agent, pad - 1).ljust(pad), "accent"),
        (glyph + " ", entry.tone if entry.tone != "alarm" else "fail"),
        *incident,
        (text, LOUD.get(entry.tone, "plain")),
    )
    return Row(entry.seq, (line,), ref=entry.incident, indent=indent)


def matches(entry: Entry, wanted: str) -> bool:
    """Whether the line holds `wanted`, whatever its case."""
    return wanted.casefold() in f"{fmt.clock(entry.at)} {entry.agent} {entry.incident} {entry.text}".casefold()


class TimelinePane(LineList):
    """Shows entries; a filter narrows them and outlives pauses and resizes."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs, id="timeline", tail=True, wrap=True)
        self.wanted = ""
        self._entries: Sequence[Entry] = ()
        self._made: dict[int, Row] = {}
        self._made_for = 0
        self.call_it("Timeline")

    def show(self, entries: Sequence[Entry]) -> None:
        """Show these entries, as far as they match the filter."""
        self._entries = entries
        width = self.line_width
        if width != self._made_for:
            self._made_for = width
            self._made.clear()
        made: dict[int, Row] = {}
        for entry in entries:
            if self.wanted and not matches(entry, self.wanted):
                continue
            row = self._made.get(entry.seq)
            made[entry.seq] = row if row is not None else entry_row(entry, self.glyphs, width)
        self._made = made
        rows = tuple(made.values())
        if not rows:
            words = f"nothing matches {self.wanted!r}: esc shows all" if self.wanted else "quiet so far"
            rows = (Row("none", (((words, "muted"),),), selectable=False),)
        self.show_rows(rows)

    def narrow_to(self, wanted: str) -> None:
        """Filter by a text; an empty one shows all again."""
        self.wanted = wanted
        self._made.clear()
        self.show_match(wanted)
        self.show(self._entries)

    def on_resize(self) -> None:
        """The short names or the long ones."""
        self.show(self._entries)
