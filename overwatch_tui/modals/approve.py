"""The second step of an approval that reaches many users: what it would do, and the target's name typed out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from textual import events
from textual.widget import Widget
from textual.widgets import Input

from overwatch_tui.modals.base import Question
from overwatch_tui.state import format as fmt
from overwatch_tui.state.models import ApprovalView, Line
from overwatch_tui.widgets.approvals import GRACE
from overwatch_tui.widgets.safe import say

REASONS = 3
"""So many of the reasons why it is asked fit on a small terminal."""


class _Unhurried(Input):
    """A field that takes no key which was on its way when the question appeared."""

    def __init__(self, ripe: Callable[[], bool], ask: str) -> None:
        super().__init__(placeholder=ask, max_length=64, id="confirm")
        self.cursor_blink = False
        self._ripe = ripe

    def on_key(self, event: events.Key) -> None:
        """Drop what comes too early."""
        if event.is_printable and not self._ripe():
            event.prevent_default()
            event.stop()


class Approve(Question[str]):
    """Answers with the target's name, once it is typed in full; enter on an empty field is Cancel."""

    AUTO_FOCUS = "Input"

    def __init__(self, view: ApprovalView, clock: Callable[[], datetime]) -> None:
        self._wanted = view.confirm
        self._clock = clock
        self._since = clock()
        lines: list[Line] = [((f"{view.incident}  ", "accent"), (" + ".join(view.plan), "strong"))]
        lines.append((("touches     ", "muted"), (f"{view.blast_radius} of {view.target}", "warn")))
        lines.append((("undo        ", "muted"), (view.undo, "plain")))
        lines.append((("confidence  ", "muted"), (view.confidence, "plain")))
        lines += [(("asked       ", "muted"), (reason, "plain")) for reason in view.reasons[:REASONS]]
        if (more := len(view.reasons) - REASONS) > 0:
            lines.append(((f"            and {fmt.plural(more, 'more reason')}: enter on the request shows all", "muted"),))
        if view.given:
            lines.append((("people      ", "muted"), (view.given, "warn")))
        super().__init__("Approve this?", lines, "Approve")

    def middle(self) -> Iterable[Widget]:
        """The field."""
        yield _Unhurried(self._ripe, f"type {self._wanted} to approve")

    def on_mount(self) -> None:
        """The button waits for the name."""
        self.query_one("#yes").disabled = True

    def on_input_changed(self, event: Input.Changed) -> None:
        """Let the button be pressed once the name is there in full."""
        self.query_one("#yes").disabled = event.value.strip() != self._wanted

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter answers where the name is there in full, says so where it is another one, and leaves where nothing was typed."""
        if not self._ripe():
            return
        typed = event.value.strip()
        if not typed:
            self.dismiss(None)
            return
        if typed != self._wanted:
            said = f"{typed!r} is not {self._wanted!r}: nothing was approved; type the name as it is shown, or esc leaves"
            say(self.app, said, "warning")
        self.submit()

    def answer(self) -> str | None:
        """The name."""
        typed = self.query_one(Input).value.strip()
        return typed if typed == self._wanted and self._ripe() else None

    def _ripe(self) -> bool:
        return self._clock() - self._since >= GRACE
