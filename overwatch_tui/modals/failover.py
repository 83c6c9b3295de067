"""Where to, and the name typed out: what moves all users is never one key."""

from __future__ import annotations

from collections.abc import Iterable

from textual.widget import Widget
from textual.widgets import Input

from overwatch_tui.modals.base import Question
from overwatch_tui.state import format as fmt
from overwatch_tui.state.format import Glyphs
from overwatch_tui.state.models import Line, TargetView
from overwatch_tui.widgets.safe import say


class Failover(Question[str]):
    """Answers with the destination whose name was typed."""

    AUTO_FOCUS = "Input"

    def __init__(self, target: TargetView, glyphs: Glyphs) -> None:
        self._target = target.name
        self._regions = tuple(view.sample.region for view in target.regions)
        lines: list[Line] = [((f"All users of {target.name} will be moved to one region.", "plain"),)]
        for view in target.regions:
            glyph, word, tone = fmt.health(view.sample.state, glyphs)
            traffic = fmt.percent(view.sample.traffic, of=100)
            lines.append(
                ((f"  {view.sample.region:<14}", "strong"), (f"{glyph} {word:<10}", tone), (f"traffic {traffic}", "muted"))
            )
        lines.append((("The plan passes the same gate as the swarm's own, marked as yours.", "muted"),))
        super().__init__("Force a failover?", lines, "Fail over")

    def middle(self) -> Iterable[Widget]:
        """The field."""
        field = Input(placeholder=f"type the destination: {' or '.join(self._regions)}", max_length=64, id="destination")
        field.cursor_blink = False
        yield field

    def on_mount(self) -> None:
        """The button waits for a name that exists."""
        self.query_one("#yes").disabled = True

    def on_input_changed(self, event: Input.Changed) -> None:
        """Let the button be pressed once a region is named in full."""
        self.query_one("#yes").disabled = event.value.strip() not in self._regions

    def on_input_submitted(self) -> None:
        """Enter answers, if a region is named in full, and says which there are if not."""
        if self.answer() is None:
            typed = self.query_one(Input).value.strip()
            known = " or ".join(self._regions)
            say(self.app, f"{typed!r} is not a region of {self._target}: type {known}, or esc leaves", "warning")
        self.submit()

    def answer(self) -> str | None:
        """The destination."""
        typed = self.query_one(Input).value.strip()
        return typed if typed in self._regions else None
