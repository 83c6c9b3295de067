"""The reasoning pane: diagnosis and plan as they are thought, word by word when a model streams. Plain text, never links."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from overwatch_tui.state import format as fmt
from overwatch_tui.state.format import Glyphs
from overwatch_tui.state.models import Line, Paragraph
from overwatch_tui.widgets.layout import Row
from overwatch_tui.widgets.lines import LineList

SAME_BREATH = timedelta(seconds=10)


def paragraph_rows(paragraph: Paragraph, glyphs: Glyphs, *, headed: bool) -> tuple[Row, ...]:
    """A blank line and a heading where somebody begins to speak, and the lines of the paragraph."""
    dot = f" {glyphs.dot} "
    heading: Line = (
        (paragraph.agent, "accent"),
        (f"{dot}{paragraph.incident}" if paragraph.incident else "", "muted"),
        (f"{dot}{paragraph.source}{dot}{fmt.clock(paragraph.at)}", "muted"),
    )
    rows: list[Row] = []
    if headed:
        rows.append(Row((paragraph.seq, "gap"), ((("", "plain"),),), selectable=False))
        rows.append(Row((paragraph.seq, "head"), (heading,), ref=paragraph.incident, selectable=False))
    lines = [line for line in paragraph.text.strip("\n").split("\n") if line.strip()]
    for n, text in enumerate(lines):
        rows.append(Row((paragraph.seq, n), (((text.rstrip(), "plain"),),), ref=paragraph.incident, indent=2))
    if not paragraph.done:
        rows.append(Row((paragraph.seq, "open"), ((("…", "muted"),),), selectable=False))
    return tuple(rows)


def _goes_on(before: Paragraph, paragraph: Paragraph) -> bool:
    """Whether the same agent goes on about the same incident, so that nobody needs to be named again."""
    same = (before.agent, before.incident, before.source) == (paragraph.agent, paragraph.incident, paragraph.source)
    return same and paragraph.at - before.at < SAME_BREATH


_EMPTY = "what the agents think shows here"
_LATER = "what the agents think shows here from now on; enter on an incident shows what it was before"


class ReasoningPane(LineList):
    """Shows paragraphs, the newest at the end."""

    def __init__(self, glyphs: Glyphs, *, later: bool = False, id: str = "reasoning") -> None:  # noqa: A002 - Textual's name
        """`later` says that there may have been thoughts before anybody listened here."""
        super().__init__(glyphs, id=id, wrap=True, cursor=False, tail=True)
        self.call_it("Reasoning")
        self._empty = _LATER if later else _EMPTY
        self._made: dict[int, tuple[Paragraph, bool, tuple[Row, ...]]] = {}

    def show(self, thoughts: Sequence[Paragraph]) -> None:
        """Show these paragraphs; only the ones that grew are laid out again."""
        made: dict[int, tuple[Paragraph, bool, tuple[Row, ...]]] = {}
        rows: list[Row] = []
        before: Paragraph | None = None
        for paragraph in thoughts:
            headed = before is None or not _goes_on(before, paragraph)
            known = self._made.get(paragraph.seq)
            if known is None or known[0] is not paragraph or known[1] is not headed:
                known = (paragraph, headed, paragraph_rows(paragraph, self.glyphs, headed=headed))
            made[paragraph.seq] = known
            rows += known[2]
            before = paragraph
        self._made = made
        if not rows:
            rows = [Row("none", (((self._empty, "muted"),),), selectable=False)]
        elif rows[0].key == (thoughts[0].seq, "gap"):
            del rows[0]
        self.show_rows(rows)
