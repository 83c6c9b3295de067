"""All keys, made from the bindings that are active where help was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from overwatch_tui.actions import ACTIONS, key_name
from overwatch_tui.state.format import Glyphs
from overwatch_tui.state.models import Piece
from overwatch_tui.widgets.layout import Row
from overwatch_tui.widgets.lines import LineList

FIXED: tuple[tuple[str, str, str], ...] = (
    ("tab", "focus.next", "The next pane; shift+tab the one before"),
    ("ctrl+p", "palette", "Every command by name, and the themes"),
)

ROOM_FOR_IDS = 104
"""So many columns has a terminal where every id fits beside what its key does."""


def help_rows(active: Mapping[str, tuple[str, ...]], *, ids: bool = True) -> tuple[Row, ...]:
    """Rows by group; `active` maps action ids to their keys. Without `ids` for a screen where they would be cut off."""
    rows: list[Row] = []
    groups = dict.fromkeys(action.group for action in ACTIONS if action.id in active)
    for group in groups:
        rows.append(_row((group, "accent")))
        rows += [
            _key(" ".join(key_name(key) for key in active[action.id]), action.id if ids else "", action.help)
            for action in ACTIONS
            if action.group == group and action.id in active
        ]
        if group == "Program":
            rows += [_key(keys, name if ids else "", text) for keys, name, text in FIXED]
        rows.append(_row(("", "plain")))
    other = "The ids can be given other keys in the settings, under [screen.keys]."
    if not ids:
        other = "A wider screen shows the ids for [screen.keys] in the settings."
    rows.append(_row((other, "muted")))
    return tuple(Row(n, row.lines, selectable=False) for n, row in enumerate(rows))


class Help(ModalScreen[None]):
    """Shows the keys; any of esc, q and ? leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark,f1", "leave", "Leave", show=False)]

    def __init__(self, active: Mapping[str, tuple[str, ...]], glyphs: Glyphs) -> None:
        super().__init__(classes="question")
        self._active = active
        self._glyphs = glyphs

    def compose(self) -> ComposeResult:
        """One list."""
        lines = LineList(self._glyphs, id="help", cursor=False)
        lines.call_it("Keys")
        yield lines

    def on_mount(self) -> None:
        """Fill it."""
        self._fill()
        self.query_one(LineList).focus()

    def on_resize(self) -> None:
        """What fits is another thing now."""
        self._fill()

    def _fill(self) -> None:
        self.query_one(LineList).show_rows(help_rows(self._active, ids=self.app.size.width >= ROOM_FOR_IDS))

    def action_leave(self) -> None:
        """Back."""
        self.dismiss(None)


def _key(keys: str, name: str, text: str) -> Row:
    if not name:
        return _row((f"  {keys:<12}", "strong"), (text, "plain"))
    return _row((f"  {keys:<16}", "strong"), (f"{text:<54}", "plain"), (name, "muted"))


def _row(*line: Piece) -> Row:
    return Row("", (line,))
