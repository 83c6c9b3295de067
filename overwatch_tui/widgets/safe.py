"""The door to the screen: toned pieces become content here, and nothing in them is read as markup, a link or an escape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from textual.app import RenderResult
from textual.content import Content, Span
from textual.reactive import reactive
from textual.widget import Widget

from agents.sanitize import clean
from overwatch_tui.state.format import plain
from overwatch_tui.state.models import Line
from overwatch_tui.themes import TONES

if TYPE_CHECKING:
    from textual.app import App

LINE_LIMIT = 2_000


def content(line: Line, *, ascii_only: bool = False) -> Content:
    """One line as content. Whatever a terminal would obey is taken out of every piece, whoever wrote it."""
    text = ""
    spans = []
    for words, tone in line:
        piece = clean(words, LINE_LIMIT)
        piece = plain(piece) if ascii_only else piece
        if style := TONES[tone]:
            spans.append(Span(len(text), len(text) + len(piece), style))
        text += piece
    return Content(text, spans)


def width_of(line: Line) -> int:
    """How many cells a line takes."""
    return content(line).cell_length


def say(app: App[Any], text: str, severity: Literal["information", "warning", "error"] = "information") -> None:
    """A toast; its text is shown as it is."""
    app.notify(clean(text, 600), severity=severity, markup=False, timeout=10 if severity == "error" else 5)


class SafeLines(Widget):
    """A few lines that are replaced as a whole; as high as they are many."""

    lines: reactive[tuple[Line, ...]] = reactive((), layout=True)

    def __init__(self, *, ascii_only: bool, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self._ascii_only = ascii_only

    def render(self) -> RenderResult:
        """The lines, each cut at the width."""
        width = self.content_size.width
        rendered = [content(line, ascii_only=self._ascii_only).truncate(width, ellipsis=True) for line in self.lines]
        return Content("\n").join(rendered)


class SafeLine(SafeLines):
    """One line whose change never moves anything else."""

    lines: reactive[tuple[Line, ...]] = reactive((), layout=False)
