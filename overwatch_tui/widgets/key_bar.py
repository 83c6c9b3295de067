"""The last line: the keys that do something here, made from the bindings."""

from __future__ import annotations

from collections.abc import Mapping

from overwatch_tui.actions import BY_ID, key_name
from overwatch_tui.state.models import Line, Piece
from overwatch_tui.widgets.safe import width_of


def key_line(active: Mapping[str, tuple[str, bool]], width: int) -> Line:
    """The line. `active` maps action ids to their first key and whether it can be used now; the lightest give way first."""
    shown = [BY_ID[name] for name in BY_ID if name in active and BY_ID[name].bar]
    while True:
        line: list[Piece] = []
        for action in shown:
            key, enabled = active[action.id]
            line += [
                (key_name(key), "accent" if enabled else "muted"),
                (f" {action.bar}", "plain" if enabled else "muted"),
                ("  ", "plain"),
            ]
        if width_of(tuple(line[:-1])) <= width or not shown:
            return tuple(line[:-1])
        shown.remove(min(shown, key=lambda action: action.weight))
