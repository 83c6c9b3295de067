"""Every decision of the log, refusals too, with its reasons."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult

from overwatch_tui.bindings import bindings
from overwatch_tui.screens.base import RoomScreen
from overwatch_tui.screens.incident import IncidentScreen
from overwatch_tui.state.format import Glyphs
from overwatch_tui.state.models import Entry, Line, State
from overwatch_tui.state.scores import calibration_lines
from overwatch_tui.widgets.layout import Row
from overwatch_tui.widgets.lines import LineList
from overwatch_tui.widgets.safe import say
from overwatch_tui.widgets.timeline import LOUD, SHORTER


def audit_row(entry: Entry, glyphs: Glyphs, width: int) -> Row:
    """A decision and, below it, why; days and names are shorter where `width` is."""
    if width < 100:
        at, agent, incident = f"{entry.at:%m-%d %H:%M:%S} ", SHORTER.get(entry.agent, entry.agent).ljust(7), entry.incident
    else:
        at, agent, incident = f"{entry.at:%Y-%m-%d %H:%M:%S}Z ", entry.agent.ljust(19), entry.incident.ljust(8)
    indent = len(at) + 2 + len(agent) + len(incident) + 1
    glyph = {"ok": glyphs.ok, "warn": glyphs.warn, "fail": glyphs.fail, "alarm": glyphs.alarm}.get(entry.tone, glyphs.dot)
    head: Line = (
        (at, "muted"),
        (f"{glyph} ", entry.tone if entry.tone != "alarm" else "fail"),
        (agent, "accent"),
        (incident + " ", "muted"),
        (entry.text, LOUD.get(entry.tone, "plain")),
    )
    why: Sequence[Line] = [((" " * indent + detail, "muted"),) for detail in entry.details]
    return Row(entry.seq, (head, *why), ref=entry.incident, indent=indent)


class AuditScreen(RoomScreen):
    """A list that can be filtered and copied from."""

    BINDINGS = bindings("audit")
    FILTERED = "#audit"

    def __init__(self) -> None:
        super().__init__(classes="view")
        self._made: dict[int, Row] = {}
        self._made_for = 0
        self._wanted = ""

    def compose(self) -> ComposeResult:
        """What the numbers were worth, and below it the decisions that were made on them."""
        yield from self.top()
        scores = LineList(self.room.glyphs, id="calibration", cursor=False)
        scores.call_it("Calibration: what was said, and what came of it")
        scores.display = False
        yield scores
        lines = LineList(self.room.glyphs, id="audit", wrap=True, tail=True)
        lines.call_it("Audit: every decision, newest last")
        yield lines
        yield from self.bottom()

    def on_mount(self) -> None:
        """Fill it."""
        self.query_one("#audit").focus()

    def show(self, state: State) -> None:
        """Show the decisions so far."""
        super().show(state)
        wanted = self._wanted.casefold()
        width = self.query_one("#audit", LineList).line_width
        if width != self._made_for:
            self._made_for = width
            self._made.clear()
        made: dict[int, Row] = {}
        for entry in state.audit:
            row = self._made.get(entry.seq) or audit_row(entry, self.room.glyphs, width)
            if not wanted or wanted in "\n".join("".join(w for w, _ in line) for line in row.lines).casefold():
                made[entry.seq] = row
        self._made = {**self._made, **made} if wanted else made
        empty = Row("none", ((("no decision yet" if not wanted else "nothing matches", "muted"),),), selectable=False)
        self.query_one("#audit", LineList).show_rows(tuple(made.values()) or (empty,))
        self._show_scores(state)

    def _show_scores(self, state: State) -> None:
        """At most a third of the screen; the rest can be scrolled to."""
        pane = self.query_one("#calibration", LineList)
        pane.display = state.calibration is not None
        if state.calibration is None:
            return
        lines = calibration_lines(state.calibration, self.room.glyphs, self.size.width)
        pane.styles.height = 2 + min(len(lines), max(3, self.size.height // 3 - 2))
        pane.show_rows(tuple(Row(n, (line,), selectable=False) for n, line in enumerate(lines)))

    def apply_filter(self, text: str) -> None:
        """Narrow the list."""
        self._wanted = text
        super().apply_filter(text)
        self.show(self.room.state)

    def action_open_incident(self) -> None:
        """The incident that the selected decision is about."""
        row = self.query_one("#audit", LineList).current
        if row is None or row.ref not in self.room.state.incidents:
            say(self.app, "this decision is about no incident")
            return
        self.app.push_screen(IncidentScreen(row.ref))

    @on(LineList.Opened)
    def _opened(self) -> None:
        self.action_open_incident()
