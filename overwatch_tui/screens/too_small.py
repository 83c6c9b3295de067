"""Shown while the terminal is too small for the room; nothing is lost behind it."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Static

from overwatch_tui.widgets.safe import content

WIDTH, HEIGHT = 80, 24


class TooSmall(Screen[None]):
    """Says how large the terminal is and should be. It goes by itself."""

    def compose(self) -> ComposeResult:
        """A few short lines."""
        yield Static(markup=False, id="small")

    def on_resize(self) -> None:
        """The size has changed again."""
        words = content(
            (
                (f"{self.app.size.width} by {self.app.size.height} is a little small.", "strong"),
                (f" Overwatch needs {WIDTH} by {HEIGHT}.", "plain"),
                (" The swarm goes on; q quits.", "muted"),
            )
        )
        self.query_one(Static).update(words)
