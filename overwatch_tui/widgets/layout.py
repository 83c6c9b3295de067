"""Rows laid out as lines of one width, and where each of them begins. Knows nothing of scrolling or keys."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable
from dataclasses import dataclass

from textual.content import Content

from overwatch_tui.state.models import Line
from overwatch_tui.widgets.safe import content


@dataclass(frozen=True, slots=True)
class Row:
    """One item: a line or a few. `key` tells it from others over time, `ref` says what it is about.

    `indent` is how far a wrapped line's rest stands in; a row that can't be selected is a heading.
    """

    key: Hashable
    lines: tuple[Line, ...]
    ref: str = ""
    selectable: bool = True
    indent: int = 0

    def plain(self) -> str:
        """The text of the row."""
        return "\n".join("".join(words for words, _ in line).rstrip() for line in self.lines)


class Layout:
    """The rows of a list as lines. A row that is the same object at the same width is not laid out again."""

    def __init__(self, *, wrap: bool, ascii_only: bool) -> None:
        self.rows: tuple[Row, ...] = ()
        self.lines: list[Content] = []
        self.width = 0
        self._starts: list[int] = []
        self._known: dict[Hashable, tuple[Row, list[Content]]] = {}
        self._wrap = wrap
        self._ascii_only = ascii_only

    def lay(self, rows: tuple[Row, ...], width: int) -> None:
        """Take these rows, `width` cells wide; with no width yet, as before the first paint, they have no lines."""
        if width != self.width:
            self._known.clear()
        known: dict[Hashable, tuple[Row, list[Content]]] = {}
        lines: list[Content] = []
        starts: list[int] = []
        for row in rows:
            before = self._known.get(row.key)
            drawn = before[1] if before is not None and before[0] is row else self._draw(row, width) if width else []
            known[row.key] = (row, drawn)
            starts.append(len(lines))
            lines.extend(drawn)
        self.rows, self.lines, self.width = rows, lines, width
        self._known, self._starts = known, starts

    def row_at(self, y: int) -> int:
        """The index of the row that line `y` belongs to."""
        return max(0, bisect_right(self._starts, y) - 1)

    def span(self, index: int) -> tuple[int, int]:
        """The first line of a row, and the first one after it."""
        end = self._starts[index + 1] if index + 1 < len(self._starts) else len(self.lines)
        return self._starts[index], end

    def anchor(self, y: int) -> tuple[Hashable, int] | None:
        """Line `y` as its row's key and the line within it, to be found again in another layout."""
        if not self.rows or y >= len(self.lines):
            return None
        index = self.row_at(y)
        return self.rows[index].key, y - self._starts[index]

    def find(self, anchor: tuple[Hashable, int]) -> int | None:
        """The line of an anchor, if its row is still there."""
        index = self.index(anchor[0])
        return None if index is None else self._starts[index] + anchor[1]

    def index(self, key: Hashable) -> int | None:
        """The index of the row with this key."""
        return next((n for n, row in enumerate(self.rows) if row.key == key), None)

    def selectable(self, index: int | None, step: int) -> int | None:
        """The next row after `index` in the direction of `step` that can be selected; from the edge where it is None."""
        index = (-1 if step > 0 else len(self.rows)) if index is None else index
        index += step
        while 0 <= index < len(self.rows):
            if self.rows[index].selectable:
                return index
            index += step
        return None

    @property
    def last(self) -> int | None:
        """The last row that can be selected."""
        return self.selectable(None, -1)

    def near(self, index: int) -> int | None:
        """The row at `index`, or the nearest that can be selected."""
        index = min(index, len(self.rows) - 1)
        if index < 0:
            return None
        if self.rows[index].selectable:
            return index
        after = self.selectable(index, 1)
        return self.selectable(index, -1) if after is None else after

    def _draw(self, row: Row, width: int) -> list[Content]:
        drawn: list[Content] = []
        for line in row.lines:
            piece = content(line, ascii_only=self._ascii_only)
            if piece.cell_length <= width:
                drawn.append(piece)
            elif self._wrap:
                drawn.extend(_wrapped(piece, width, min(row.indent, width // 2)))
            else:
                drawn.append(piece.truncate(width, ellipsis=not self._ascii_only))
        return drawn or [Content("")]


def _wrapped(line: Content, width: int, indent: int) -> list[Content]:
    first, *rest = line.wrap(width)
    if not rest or not indent:
        return [first, *rest]
    remaining = line[len(first.plain.rstrip()) :]
    stripped = len(remaining.plain) - len(remaining.plain.lstrip())
    return [first, *(part.pad_left(indent) for part in remaining[stripped:].wrap(width - indent))]
