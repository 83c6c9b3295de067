"""One incident: on the left what is known and what was done, on the right what happened and what was thought."""

from __future__ import annotations

from datetime import datetime

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from overwatch_tui.bindings import bindings
from overwatch_tui.screens.base import RoomScreen
from overwatch_tui.state.dossier import dossier
from overwatch_tui.state.models import ApprovalView, State
from overwatch_tui.widgets.approvals import GRACE
from overwatch_tui.widgets.layout import Row
from overwatch_tui.widgets.lines import LineList
from overwatch_tui.widgets.reasoning import ReasoningPane
from overwatch_tui.widgets.safe import say
from overwatch_tui.widgets.timeline import TimelinePane


class IncidentScreen(RoomScreen):
    """Follows one incident; `a` and `x` decide on what it waits for, as in the main view."""

    BINDINGS = bindings("incident")
    FILTERED = "#facts"

    def __init__(self, incident: str) -> None:
        super().__init__(classes="view")
        self.incident = incident
        self._approval: str | None = None
        self._approval_since: datetime | None = None
        self._sending: frozenset[str] = frozenset()

    def compose(self) -> ComposeResult:
        """Facts, timeline, reasoning."""
        glyphs = self.room.glyphs
        yield from self.top()
        with Horizontal(id="case"):
            facts = LineList(glyphs, id="facts", wrap=True, cursor=False)
            facts.call_it("Incident")
            yield facts
            with Vertical(id="story"):
                yield TimelinePane(glyphs)
                yield ReasoningPane(glyphs)
        yield from self.bottom()

    def on_mount(self) -> None:
        """Start with the facts."""
        self.query_one("#facts").focus()

    def show(self, state: State) -> None:
        """Show what is known now."""
        super().show(state)
        self._facts(state, self.room.clock())
        self.query_one(TimelinePane).show([e for e in state.entries if e.incident == self.incident])
        self.query_one(ReasoningPane).show([t for t in state.thoughts if t.incident == self.incident])

    def tick(self, now: datetime) -> None:
        """Ages and deadlines."""
        super().tick(now)
        self._facts(self.room.state, now)

    def action_approve(self) -> None:
        """Approve what this incident waits for."""
        view = self._ripe()
        if view is not None:
            self.room.operations.approve(view, lambda: self._send(view.id), lambda: self._settled(view.id))

    def action_reject(self) -> None:
        """Reject it, with a reason."""
        view = self._ripe()
        if view is not None:
            self.room.operations.reject(view, lambda: self._send(view.id), lambda: self._settled(view.id))

    def action_pause(self) -> None:
        """Pause or arm."""
        self.room.operations.pause_or_arm()

    def action_zoom(self) -> None:
        """The focused pane takes everything, or gives it back."""
        zoomed = self.has_class("-zoomed")
        self.set_class(not zoomed, "-zoomed")
        self.query_one("#story").set_class(not zoomed and self.focused is not self.query_one("#facts"), "-zoom")
        for pane in self.query(LineList):
            pane.set_class(not zoomed and pane is self.focused, "-zoom")

    def leave(self) -> None:
        """Out of the zoom, then out of the view."""
        if self.has_class("-zoomed"):
            self.action_zoom()
        else:
            super().leave()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Deciding is grey where nothing waits."""
        allowed = super().check_action(action, parameters)
        return None if allowed and action in {"approve", "reject"} and self._approval is None else allowed

    def _facts(self, state: State, now: datetime) -> None:
        incident = state.incidents.get(self.incident)
        facts = self.query_one("#facts", LineList)
        if incident is None:
            facts.show_rows((Row("gone", (((f"{self.incident} is no longer kept here: see the log", "muted"),),)),))
            return
        waiting = next((a.id for a in state.approvals if a.incident == self.incident), None)
        if waiting != self._approval:
            self._approval, self._approval_since = waiting, now
            self.refresh_keys()
        rows: list[Row] = []
        for n, section in enumerate(dossier(incident, now, self.room.glyphs)):
            if section.title:
                rows.append(Row((n, "gap"), ((("", "plain"),),), selectable=False))
                rows.append(Row((n, "title"), (((section.title, "accent"),),), selectable=False))
            rows += [Row((n, m), (line,), indent=section.indent) for m, line in enumerate(section.lines)]
        facts.show_rows(rows)

    def _ripe(self) -> ApprovalView | None:
        view = next((a for a in self.room.state.approvals if a.id == self._approval), None)
        if view is None:
            say(self.app, "this incident waits for no decision")
        elif view.id in self._sending:
            say(self.app, "the decision is on its way")
        elif self._approval_since is not None and self.room.clock() - self._approval_since < GRACE:
            say(self.app, "that request has only just appeared: look at it, then press again", "warning")
        else:
            return view
        return None

    def _send(self, approval: str) -> None:
        self._sending |= {approval}

    def _settled(self, approval: str) -> None:
        self._sending -= {approval}
