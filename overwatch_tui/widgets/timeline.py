"""The timeline: one line for each thing that happened, newest last, followed until the person looks up."""

from __future__ import annotations

from collections.abc import Sequence

from overwatch_tui.state import format as fmt
from overwatch_tui.state.format import Glyphs
from overwatch_tui.state.models import Entry, Line, Piece, Tone
from overwatch_tui.widgets.lines import LineList, Row

SHORT: dict[str, str] = {
    "Diagnostician": "Diagnost.",
    "Traffic Controller": "Traffic",
    "Orchestrator": "Orchestr.",
}
NARROW = 56
"""Below this many cells the names of agents are short."""

GLYPH_TONES: frozenset[Tone] = frozenset({"ok", "warn", "fail", "alarm"})


def entry_row(entry: Entry, glyphs: Glyphs, *, narrow: bool) -> Row:
    """One line: time, agent, a glyph where it is good or bad, incident, what."""
    agent = SHORT.get(entry.agent, entry.agent) if narrow else entry.agent
    pad = 10 if narrow else 19
    glyph = {"ok": glyphs.ok, "warn": glyphs.warn, "fail": glyphs.fail, "alarm": glyphs.alarm}.get(entry.tone, " ")
    incident: tuple[Piece, ...] = ((entry.incident + " ", "muted"),) if entry.incident else ()
    line: Line = (
        (fmt.clock(entry.at) + " ", "muted"),
        (fmt.shorten(agent, pad - 1).ljust(pad), "accent"),
        (glyph + " ", entry.tone if entry.tone != "alarm" else "fail"),
        *incident,
        (entry.text, entry.tone if entry.tone in GLYPH_TONES else "plain"),
    )
    return Row(entry.seq, (line,), ref=entry.incident)


def matches(entry: Entry, wanted: str) -> bool:
    """Whether the line holds `wanted`, whatever its case."""
    return wanted.casefold() in f"{fmt.clock(entry.at)} {entry.agent} {entry.incident} {entry.text}".casefold()


class TimelinePane(LineList):
    """Shows entries; a filter narrows them and outlives pauses and resizes."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs, id="timeline", tail=True)
        self.wanted = ""
        self._entries: Sequence[Entry] = ()
        self._made: dict[int, Row] = {}
        self._narrow = False
        self._title()

    def show(self, entries: Sequence[Entry]) -> None:
        """Show these entries, as far as they match the filter."""
        self._entries = entries
        narrow = self.line_width < NARROW
        if narrow != self._narrow:
            self._narrow = narrow
            self._made.clear()
        made: dict[int, Row] = {}
        for entry in entries:
            if self.wanted and not matches(entry, self.wanted):
                continue
            row = self._made.get(entry.seq)
            made[entry.seq] = row if row is not None else entry_row(entry, self.glyphs, narrow=narrow)
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
        self._title()

    def on_resize(self) -> None:
        """The short names or the long ones."""
        self.show(self._entries)

    def _title(self) -> None:
        self.border_title = "Timeline" if not self.wanted else "Timeline, filtered"
