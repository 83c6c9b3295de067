"""Shown while the terminal is too small for the room; nothing is lost behind it."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import Screen

from overwatch_tui.widgets.safe import SafeLines

WIDTH, HEIGHT = 80, 24


class TooSmall(Screen[None]):
    """Says how large the terminal is and should be. It goes by itself."""

    def compose(self) -> ComposeResult:
        """A few short lines."""
        yield SafeLines(ascii_only=False, id="small")

    def on_resize(self) -> None:
        """The size has changed again."""
        self.query_one(SafeLines).lines = (
            ((f"{self.app.size.width} by {self.app.size.height} is a little small", "strong"),),
            ((f"Overwatch needs {WIDTH} by {HEIGHT}", "plain"),),
            (("the swarm goes on, q quits", "muted"),),
        )
