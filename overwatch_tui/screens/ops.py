"""The main view.

Screen
├ #status, #agents, #banner      one line each; the banner only where something is wrong
├ #live                          hidden behind #board until the agents are up
│ ├ HealthPane
│ ├ #middle: TimelinePane, ReasoningPane
│ └ ApprovalsPane
├ #board
└ #filter, #keys
"""

from __future__ import annotations

from datetime import datetime

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from overwatch_tui.actions import in_scope
from overwatch_tui.bindings import bindings
from overwatch_tui.chaos import ChaosFault, FaultName
from overwatch_tui.screens.audit import AuditScreen
from overwatch_tui.screens.base import RoomScreen
from overwatch_tui.screens.incident import IncidentScreen
from overwatch_tui.state.models import ApprovalView, State
from overwatch_tui.widgets import approvals, health
from overwatch_tui.widgets.approvals import ApprovalsPane
from overwatch_tui.widgets.board import Board, ready
from overwatch_tui.widgets.health import HealthPane
from overwatch_tui.widgets.lines import LineList
from overwatch_tui.widgets.reasoning import ReasoningPane
from overwatch_tui.widgets.safe import SafeLine, say
from overwatch_tui.widgets.status_bar import agents_line
from overwatch_tui.widgets.timeline import TimelinePane

_LIVE_ONLY = frozenset(action.method.partition("(")[0] for action in in_scope("ops"))

TABLE_SECONDS = 0.25
"""Tables are drawn at most four times a second."""


class OpsScreen(RoomScreen):
    """Health, timeline, reasoning, approvals."""

    BINDINGS = bindings("ops")
    FILTERED = "#timeline"

    def __init__(self) -> None:
        super().__init__(id="ops")
        self._shown = State()
        self._queue: tuple[ApprovalView, ...] | None = None
        self._tables_due = False
        self._live = False

    def compose(self) -> ComposeResult:
        """The tree above."""
        glyphs = self.room.glyphs
        yield from self.top()
        yield SafeLine(ascii_only=glyphs.ascii_only, id="agents", classes="bar")
        with Vertical(id="live"):
            yield HealthPane(glyphs)
            with Horizontal(id="middle"):
                yield TimelinePane(glyphs)
                yield ReasoningPane(glyphs, later=self.room.attached)
            yield ApprovalsPane(glyphs, self.room.clock)
        yield Board(glyphs)
        yield from self.bottom()

    def on_mount(self) -> None:
        """Start with the board, and with the timeline under the keys."""
        self._health = self.query_one(HealthPane)
        self._timeline = self.query_one(TimelinePane)
        self._reasoning = self.query_one(ReasoningPane)
        self._approvals = self.query_one(ApprovalsPane)
        self.set_interval(TABLE_SECONDS, self._draw_tables)
        self._timeline.focus()

    def show(self, state: State) -> None:
        """Text at once, tables with their next turn."""
        now = self.room.clock()
        self.show_bars(state, now)
        agents = agents_line(state, self.size.width - 2, self.room.glyphs, recorded=self.room.recorded)
        self.query_one("#agents", SafeLine).lines = (agents,)
        if not self._live:
            self._live = ready(state) or (self.room.recorded and state.loaded)
            self.query_one(Board).show(state)
            self.query_one(Board).display = not self._live
            self.query_one("#live").display = self._live
            self.query_one("#agents").display = self._live
            if not self._live:
                return
            self.call_after_refresh(self._draw_tables)
        self._shown = state
        self._tables_due = True
        self._timeline.show(state.entries)
        self._reasoning.show(state.thoughts)
        if self._queue is not state.approvals:
            self._queue = state.approvals
            self._approvals.styles.height = approvals.height_of(state.approvals, self.size.height)
            self._approvals.show(state.approvals, now)
            self.refresh_keys()

    def on_resize(self) -> None:
        """Tables too are cut to the width."""
        self._tables_due = True
        self.call_after_refresh(self._resized)

    def tick(self, now: datetime) -> None:
        """Clocks, countdowns, and how old the picture is."""
        super().tick(now)
        if self._shown.approvals:
            self._approvals.show(self._shown.approvals, now)
        self._tables_due = True

    def can_leave(self) -> bool:
        """Only a filter and the zoom can be left."""
        return self.has_class("-zoomed") or bool(self._timeline.wanted) or bool(self.query("#filter:focus"))

    def leave(self) -> None:
        """There is nothing behind this view: only the zoom can be left."""
        if self.has_class("-zoomed"):
            self.action_zoom()

    def apply_filter(self, text: str) -> None:
        """The timeline narrows, the reasoning marks."""
        self._timeline.narrow_to(text)
        self._reasoning.show_match(text)

    # What the keys do

    def action_approve(self) -> None:
        """Approve the selected request, unless it has only just appeared."""
        view = self._ripe_approval()
        if view is not None:
            self.room.operations.approve(view, lambda: self._sent(view.id, sent=True), lambda: self._sent(view.id, sent=False))

    def action_reject(self) -> None:
        """Reject the selected request."""
        view = self._ripe_approval()
        if view is not None:
            self.room.operations.reject(view, lambda: self._sent(view.id, sent=True), lambda: self._sent(view.id, sent=False))

    def action_chaos(self, fault: FaultName) -> None:
        """Inject a fault into the selected region."""
        if (selected := self._region()) is not None:
            self.room.operations.chaos(*selected, ChaosFault(fault))

    def action_chaos_menu(self) -> None:
        """Choose a fault for the selected region."""
        if (selected := self._region()) is not None:
            self.room.operations.chaos_menu(*selected)

    def action_failover(self) -> None:
        """Move the users of the selected region's target."""
        if (selected := self._region()) is not None:
            target = next(t for t in self._shown.targets if t.name == selected[0])
            self.room.operations.failover(target)

    def action_pause(self) -> None:
        """Pause or arm."""
        self.room.operations.pause_or_arm()

    def action_open_incident(self) -> None:
        """What is selected, or the newest incident that is not resolved."""
        row = self.focused.current if isinstance(self.focused, LineList) else None
        wanted = row.ref if row is not None else ""
        incidents = self.room.state.incidents
        if wanted not in incidents:
            unresolved = self.room.state.paged or self.room.state.open_incidents or tuple(incidents.values())
            if not unresolved:
                say(self.app, "there is no incident")
                return
            wanted = unresolved[-1].id
        self.app.push_screen(IncidentScreen(wanted))

    def action_open_audit(self) -> None:
        """Every decision."""
        self.app.push_screen(AuditScreen())

    def action_zoom(self) -> None:
        """The focused pane takes everything, or gives it back."""
        zoomed = self.has_class("-zoomed")
        self.set_class(not zoomed, "-zoomed")
        for pane in self.query(LineList):
            pane.set_class(not zoomed and pane is self.focused, "-zoom")
        self.refresh_keys()

    @on(LineList.Opened)
    def _opened(self) -> None:
        self.action_open_incident()

    @on(LineList.Moved)
    def _moved(self) -> None:
        self.refresh_keys()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that would do nothing now are shown grey."""
        if not self._live and action in _LIVE_ONLY:
            return False
        allowed = super().check_action(action, parameters)
        if allowed and action in {"approve", "reject"} and self._approvals.selected is None:
            return None
        return allowed

    def _ripe_approval(self) -> ApprovalView | None:
        pane = self._approvals
        view = pane.selected
        if view is None:
            say(self.app, "nothing waits for a decision")
        elif self.has_class("-zoomed") and not pane.has_class("-zoom"):
            say(self.app, "the request is hidden by the zoom: z shows it", "warning")
        elif view.id in pane.sending:
            say(self.app, "the decision is on its way")
        elif not pane.ripe:
            say(self.app, "that request has only just appeared: look at it, then press again", "warning")
        else:
            return view
        return None

    def _sent(self, approval: str, *, sent: bool) -> None:
        pane = self._approvals
        pane.sending = pane.sending | {approval} if sent else pane.sending - {approval}
        pane.show(self.room.state.approvals, self.room.clock())

    def _region(self) -> tuple[str, str] | None:
        selected = self._health.selected
        if selected is None:
            say(self.app, "no region has been seen yet")
        return selected

    def _draw_tables(self) -> None:
        if not self._tables_due or not self._live or not self.room.is_running:
            return
        self._tables_due = False
        self._health.styles.height = min(health.height_of(self._shown.targets), max(5, self.size.height // 3))
        self._health.show(self._shown.targets, self.room.clock())

    def _resized(self) -> None:
        if not self.room.is_running:
            return
        self._approvals.styles.height = approvals.height_of(self._shown.approvals, self.size.height)
        self._approvals.show(self._shown.approvals, self.room.clock())
        self._draw_tables()
        self.refresh_keys()
