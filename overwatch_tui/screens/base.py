"""What the views share: the room they are in, the lines at the top and at the bottom, and filtering, copying and help."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Input

from overwatch_tui.actions import ACTIONS
from overwatch_tui.state.models import State
from overwatch_tui.widgets.banner import banner_lines
from overwatch_tui.widgets.key_bar import key_line
from overwatch_tui.widgets.lines import LineList
from overwatch_tui.widgets.safe import SafeLine, SafeLines, say
from overwatch_tui.widgets.status_bar import status_line

if TYPE_CHECKING:
    from overwatch_tui.app import OverwatchApp

_CHANGES = frozenset(action.method.partition("(")[0] for action in ACTIONS if action.changes)

_ATTACHED = {"quit": "detach"}
_PAUSED = {"automation.pause": "arm"}
"""What a key does in a room whose swarm lives elsewhere."""


class RoomScreen(Screen[None]):
    """A view of the state. `show` is called with each new one, `tick` each second."""

    FILTERED: ClassVar[str]
    """The pane that a filter is about."""

    _paused = False

    @property
    def room(self) -> OverwatchApp:
        """The app."""
        return cast("OverwatchApp", self.app)

    def top(self) -> ComposeResult:
        """The lines above the panes."""
        ascii_only = self.room.glyphs.ascii_only
        yield SafeLine(ascii_only=ascii_only, id="status", classes="bar")
        yield SafeLines(ascii_only=ascii_only, id="banner")

    def bottom(self) -> ComposeResult:
        """The filter, and the keys."""
        field = Input(placeholder="show lines with… (enter keeps it, esc shows all)", id="filter", max_length=100)
        if self.room.glyphs.ascii_only:
            field.placeholder = "show lines with... (enter keeps it, esc shows all)"
        field.cursor_blink = False
        field.display = False
        yield field
        yield SafeLine(ascii_only=self.room.glyphs.ascii_only, id="keys", classes="bar")

    def on_mount(self) -> None:
        """Draw what is known already."""
        self.show(self.room.state)
        self.call_after_refresh(self.refresh_keys)

    def on_resize(self) -> None:
        """Everything that was cut to the width is cut again."""
        self.call_after_refresh(self.show_again)

    def on_screen_resume(self) -> None:
        """Show what happened while another view was in front."""
        self.show(self.room.state)
        self.refresh_keys()

    def on_descendant_focus(self, _event: events.DescendantFocus) -> None:
        """Other keys may be active now."""
        self.call_after_refresh(self.refresh_keys)

    def show_again(self) -> None:
        """Show the newest state, unless the view is being taken down."""
        if self.is_attached and self.room.is_running:
            self.show(self.room.state)

    def show(self, state: State) -> None:
        """Show this state."""
        self.show_bars(state, self.room.clock())

    def tick(self, now: datetime) -> None:
        """Show that a second has passed."""
        self.show_bars(self.room.state, now)

    def show_bars(self, state: State, now: datetime) -> None:
        """The status and the banner."""
        room, width = self.room, self.size.width
        bar = self.query_one("#status", SafeLine)
        first = room.first_words()
        said = status_line(
            state,
            width - 2,
            now,
            room.glyphs,
            read_only=room.read_only and not first,
            attached=room.attached,
            recorded=room.recorded,
            first=first,
        )
        bar.lines = (said,)
        banner = self.query_one("#banner", SafeLines)
        banner.lines = banner_lines(state, width, room.glyphs, silent_s=room.silence(now))
        banner.display = bool(banner.lines)
        paused = state.swarm is not None and state.swarm.automation == "paused"
        if paused is not self._paused:
            self._paused = paused
            self.refresh_keys()

    def refresh_keys(self) -> None:
        """The key bar, from the bindings that are active now."""
        if not self.is_attached or not self.room.is_running:
            return
        active: dict[str, tuple[str, bool]] = {}
        for key, binding in self.active_bindings.items():
            if binding.binding.id is not None:
                active.setdefault(binding.binding.id, (key, binding.enabled))
        words = {**(_ATTACHED if self.room.attached else {}), **(_PAUSED if self._paused else {})}
        self.query_one("#keys", SafeLine).lines = (key_line(active, self.size.width - 2, words),)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What would change something is not there in a read-only room."""
        if self.room.read_only and action in _CHANGES:
            return False
        if action == "back":
            return self.can_leave()
        return super().check_action(action, parameters)

    # Filtering, searching, copying

    def filter_pane(self) -> LineList | None:
        """The pane that the filter is about: the focused one."""
        return self.focused if isinstance(self.focused, LineList) else None

    def apply_filter(self, text: str) -> None:
        """Mark what matches; views that can narrow do so."""
        for pane in self.query(LineList):
            pane.show_match(text)

    def action_filter(self) -> None:
        """Open the field."""
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while typing."""
        if event.input.id == "filter":
            self.apply_filter(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep the filter and go back to the lines."""
        if event.input.id == "filter":
            self._close_filter()

    def action_match(self, step: int) -> None:
        """The next line that matches, or the one before."""
        pane = self.filter_pane()
        if pane is None or not pane.seek(step):
            say(self.app, "nothing to go to: / filters first")

    def action_back(self) -> None:
        """Out of the filter, or out of the view."""
        field = self.query_one("#filter", Input)
        if field.value or field.display:
            with self.prevent(Input.Changed):
                field.value = ""
            self.apply_filter("")
            self._close_filter()
            return
        self.leave()

    def can_leave(self) -> bool:
        """Whether there is something to leave: a filter, a zoom, the view itself."""
        return True

    def leave(self) -> None:
        """Leave the view."""
        self.dismiss(None)

    def action_copy(self) -> None:
        """The selected text, else the selected line, else the pane."""
        if selected := self.get_selected_text():
            self._copy(selected, "the selection")
            return
        pane = self.focused
        if not isinstance(pane, LineList):
            say(self.app, "nothing is focused: tab to a pane first")
            return
        row = pane.current
        self._copy(row.plain() if row else pane.plain_text(), "the line" if row else "the pane")

    def _copy(self, text: str, what: str) -> None:
        self.app.copy_to_clipboard(text)
        say(self.app, f"copied {what}")

    def _close_filter(self) -> None:
        field = self.query_one("#filter", Input)
        field.display = False
        target = self.query_one(self.FILTERED)
        target.focus()
        self.refresh_keys()
