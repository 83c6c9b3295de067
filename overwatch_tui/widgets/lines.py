"""A virtual list of toned lines, with a cursor, a tail that can be followed, and text that can be selected.

Every pane that lists something is one of these. Only what is visible is drawn, and a row is laid out once per width.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from rich.segment import Segment
from textual import events
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.style import Style

from overwatch_tui.bindings import bindings
from overwatch_tui.state.format import Glyphs
from overwatch_tui.widgets.layout import Layout, Row
from overwatch_tui.widgets.safe import content


class LineList(ScrollView, can_focus=True):
    """Shows rows. With `tail`, the newest line is followed until the person moves up; without a cursor, keys scroll."""

    BINDINGS = bindings("list")
    COMPONENT_CLASSES = {"line-list--cursor"}  # noqa: RUF012 - Textual's declaration

    class Moved(Message):
        """The cursor is on another row; `by_person` where a key or the mouse did it."""

        def __init__(self, lines: LineList, *, by_person: bool) -> None:
            super().__init__()
            self.lines = lines
            self.by_person = by_person

    class Opened(Message):
        """A row was double-clicked."""

        def __init__(self, lines: LineList) -> None:
            super().__init__()
            self.lines = lines

    def __init__(
        self,
        glyphs: Glyphs,
        *,
        id: str | None = None,  # noqa: A002 - Textual's name
        wrap: bool = False,
        cursor: bool = True,
        gutter: bool = False,
        tail: bool = False,
    ) -> None:
        super().__init__(id=id)
        self.glyphs = glyphs
        self.following = tail
        self.below = 0
        """How many rows came below while the person looked further up."""
        self.match = ""
        self._called = ""
        self._tail = tail
        self._has_cursor = cursor
        self._gutter = 2 if gutter else 0
        self._cursor: int | None = None
        self._laid = Layout(wrap=wrap, ascii_only=glyphs.ascii_only)

    # What is shown

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows as they were given."""
        return self._laid.rows

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        return self.rows[self._cursor] if self._cursor is not None else None

    @property
    def line_width(self) -> int:
        """The cells that a line can take."""
        return max(1, self.scrollable_content_region.width - self._gutter)

    def show_rows(self, rows: Sequence[Row]) -> None:
        """Show these rows. The cursor stays on its row, or follows the tail."""
        rows = tuple(rows)
        before, old = self.current, self.rows
        if len(rows) == len(old) and all(a is b or a == b for a, b in zip(rows, old, strict=True)):
            return
        anchor = self._laid.anchor(int(self.scroll_offset.y))
        self._lay_out(rows)
        self._place_cursor(before)
        if self.following:
            self.below = 0
            self._to_the_end()
        else:
            self._count_below(old)
            self._restore(anchor)
        self.tell_below()
        self.refresh()
        if (before.key if before else None) != (self.current.key if self.current else None):
            self.post_message(self.Moved(self, by_person=False))

    def show_match(self, text: str) -> None:
        """Mark every place where `text` occurs, whatever its case, and say so in the frame."""
        self.match = text.casefold()
        self.call_it(self._called)
        self.refresh()

    def call_it(self, title: str) -> None:
        """Put the name in the frame, with what is looked for."""
        self._called = title
        name = f"{title}  / {self.match}" if self.match else title
        self.border_title = content(((name, "plain"),), ascii_only=self.glyphs.ascii_only)  # a str would be read as markup

    def plain_text(self) -> str:
        """Everything that the pane holds, as text."""
        return "\n".join(line.plain.rstrip() for line in self._laid.lines)

    def tell_below(self) -> None:
        """Say what is new below, in the frame."""
        self.border_subtitle = f"{self.below} new below {self.glyphs.dot} G" if self.below else ""

    # Moving

    def go(self, index: int | None, *, by_person: bool = True) -> None:
        """Put the cursor on a row and bring it into view."""
        if index is None or index == self._cursor:
            return
        self._cursor = index
        if self._tail:
            self.following = index == self._laid.last
            self.below = 0 if self.following else self.below
            self.tell_below()
        start, end = self._laid.span(index)
        self.scroll_to_region(Region(0, start, 1, end - start), animate=False, immediate=True, force=True, x_axis=False)
        self.refresh()
        self.post_message(self.Moved(self, by_person=by_person))

    def seek(self, step: int) -> bool:
        """Go to the next row (or the one before) that holds the match; False where none does."""
        if not self.match or not self.rows:
            return False
        here = self._cursor if self._cursor is not None else self._laid.row_at(int(self.scroll_offset.y))
        for n in range(1, len(self.rows) + 1):
            index = (here + step * n) % len(self.rows)
            row = self.rows[index]
            if self.match in row.plain().casefold():
                if self._has_cursor and row.selectable:
                    self.go(index)
                else:
                    self._cursor = index if self._has_cursor else None
                    self.scroll_to(y=self._laid.span(index)[0], animate=False, immediate=True)
                return True
        return False

    def action_move(self, step: int) -> None:
        """The next row, or the next line where there is no cursor."""
        if not self._has_cursor:
            self.scroll_relative(y=step, animate=False, immediate=True)
            return
        self.go(self._laid.selectable(self._cursor, step))

    def action_page(self, step: int) -> None:
        """A page on."""
        height = max(1, self.scrollable_content_region.height - 1)
        if not self._has_cursor:
            self.scroll_relative(y=step * height, animate=False, immediate=True)
            return
        index = self._cursor
        for _ in range(height):
            following = self._laid.selectable(index, step)
            if following is None:
                break
            index = following
        self.go(index)

    def action_edge(self, step: int) -> None:
        """The first row or the last; the last is followed from then on."""
        if self._has_cursor:
            self.go(self._laid.last if step > 0 else self._laid.selectable(-1, 1))
        if step > 0:
            self.following, self.below = self._tail, 0
            self.tell_below()
            self._to_the_end()
        elif not self._has_cursor:
            self.scroll_home(animate=False, immediate=True)

    def on_click(self, event: events.Click) -> None:
        """Select the row; twice opens it."""
        offset = event.get_content_offset(self)
        if offset is None or not self._has_cursor:
            return
        y = offset.y + int(self.scroll_offset.y)
        if y >= len(self._laid.lines):
            return
        index = self._laid.row_at(y)
        if self.rows[index].selectable:
            self.go(index)
            if event.chain == 2:
                self.post_message(self.Opened(self))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Stop following when the person scrolls up; follow again at the end."""
        super().watch_scroll_y(old_value, new_value)
        if not self._tail:
            return
        if new_value < old_value and new_value < self.max_scroll_y:
            self.following = False
        elif new_value >= self.max_scroll_y and self.below:
            self.following, self.below = True, 0
            self.tell_below()

    def watch_show_vertical_scrollbar(self, shown: bool) -> None:
        """A scrollbar that appears after the lines were moved begins where they are; Textual would leave it at the top."""
        if shown:
            self.vertical_scrollbar.position = self.scroll_y

    # Laying out and drawing

    def on_resize(self) -> None:
        """Lay out again for the new width."""
        if self.line_width != self._laid.width:
            anchor = self._laid.anchor(int(self.scroll_offset.y))
            self._lay_out(self.rows)
            self._restore(anchor)
        if self.following and self._tail:
            self._to_the_end()

    def notify_style_update(self) -> None:
        """Draw again with the theme's new colours."""
        super().notify_style_update()
        self.refresh()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """What the mouse selected."""
        pad = " " * self._gutter
        return selection.extract("\n".join(pad + line.plain for line in self._laid.lines)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:  # noqa: ARG002 - Textual's signature
        """Draw the selection."""
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of the window."""
        at = y + int(self.scroll_offset.y)
        base = self.visual_style
        width = self.scrollable_content_region.width
        if at >= len(self._laid.lines):
            return Strip.blank(width, base.rich_style)
        index = self._laid.row_at(at)
        line = self._laid.lines[at]
        selected = self._has_cursor and index == self._cursor
        if self._gutter:
            mark = self.glyphs.cursor if selected else " "
            line = Content.styled(mark.ljust(self._gutter), "$accent") + line
        line = self._marked(line, at)
        if selected and self.has_focus:
            if self.app.current_theme.ansi:  # a terminal's own colours have no quiet background
                line, base = Content(line.plain), base + Style(reverse=True)
            else:
                base = self.get_visual_style("line-list--cursor")
        parts = line.render(base, end="", parse_style=self.app.stylesheet.parse_style)
        strip = Strip([Segment(text, style.rich_style) for text, style in parts], line.cell_length)
        return strip.crop_extend(0, width, base.rich_style).apply_offsets(0, at)

    def _marked(self, line: Content, at: int) -> Content:
        line = _with_matches(line, self.match)
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(at)) is not None:
            start, end = span
            style = Style.from_styles(self.screen.get_component_styles("screen--selection"))
            line = line.stylize(style, start, len(line) if end == -1 else end)
        return line

    def _to_the_end(self) -> None:
        """Show the last line, by force: rows that have just come may not have a scrollbar yet."""
        self.scroll_end(animate=False, immediate=True, force=True, x_axis=False)

    def _lay_out(self, rows: tuple[Row, ...]) -> None:
        self._laid.lay(rows, self.line_width if self.scrollable_content_region.width else 0)
        self.virtual_size = Size(self.line_width, len(self._laid.lines))

    def _place_cursor(self, before: Row | None) -> None:
        if not self._has_cursor:
            return
        if self.following:
            self._cursor = self._laid.last
            return
        index = self._laid.index(before.key) if before is not None else None
        self._cursor = self._laid.near(self._cursor or 0) if index is None else index

    def _count_below(self, old: Sequence[Row]) -> None:
        index = self._laid.index(old[-1].key) if self._tail and old else None
        if index is not None:
            self.below += len(self.rows) - 1 - index

    def _restore(self, anchor: tuple[Hashable, int] | None) -> None:
        y = self._laid.find(anchor) if anchor is not None and self.scroll_offset.y else None
        if y is not None and y != int(self.scroll_offset.y):
            self.scroll_to(y=y, animate=False, immediate=True)


def _with_matches(line: Content, match: str) -> Content:
    """The line with every place marked where `match`, which is case-folded, occurs."""
    folded, start = line.plain.casefold(), 0
    while match and (start := folded.find(match, start)) >= 0:
        line = line.stylize("reverse", start, start + len(match))
        start += len(match)
    return line
