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


def help_rows(active: Mapping[str, tuple[str, ...]]) -> tuple[Row, ...]:
    """Rows by group; `active` maps action ids to their keys."""
    rows: list[Row] = []
    groups = dict.fromkeys(action.group for action in ACTIONS if action.id in active)
    for group in groups:
        rows.append(_row((group, "accent")))
        rows += [
            _key(" ".join(key_name(key) for key in active[action.id]), action.id, action.help)
            for action in ACTIONS
            if action.group == group and action.id in active
        ]
        if group == "Program":
            rows += [_key(*fixed) for fixed in FIXED]
        rows.append(_row(("", "plain")))
    rows.append(_row(("The ids can be given other keys in the settings, under [screen.keys].", "muted")))
    return tuple(Row(n, row.lines, selectable=False) for n, row in enumerate(rows))


class Help(ModalScreen[None]):
    """Shows the keys; any of esc, q and ? leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark,f1", "leave", "Leave", show=False)]

    def __init__(self, active: Mapping[str, tuple[str, ...]], glyphs: Glyphs) -> None:
        super().__init__(classes="question")
        self._rows = help_rows(active)
        self._glyphs = glyphs

    def compose(self) -> ComposeResult:
        """One list."""
        lines = LineList(self._glyphs, id="help", cursor=False)
        lines.call_it("Keys")
        yield lines

    def on_mount(self) -> None:
        """Fill it."""
        lines = self.query_one(LineList)
        lines.show_rows(self._rows)
        lines.focus()

    def action_leave(self) -> None:
        """Back."""
        self.dismiss(None)


def _key(keys: str, name: str, text: str) -> Row:
    return _row((f"  {keys:<16}", "strong"), (f"{text:<54}", "plain"), (name, "muted"))


def _row(*line: Piece) -> Row:
    return Row("", (line,))
