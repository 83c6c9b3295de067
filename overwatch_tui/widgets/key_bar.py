"""The last line: the keys that do something here, made from the bindings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from overwatch_tui.actions import BY_ID, Action, key_name
from overwatch_tui.state.models import Line, Piece
from overwatch_tui.widgets.safe import width_of

KEPT = 60
"""What weighs this much is only left out where closer gaps do not help."""


def key_line(active: Mapping[str, tuple[str, bool]], width: int, words: Mapping[str, str] = MappingProxyType({})) -> Line:
    """The line. `active` maps action ids to their first key and whether it can be used now; the lightest give way first.

    `words` says otherwise what a key does here.
    """
    shown = [BY_ID[name] for name in BY_ID if name in active and BY_ID[name].bar]
    while True:
        lightest = min(shown, key=lambda action: action.weight, default=None)
        for gap in ("  ", " ") if lightest is None or lightest.weight >= KEPT else ("  ",):
            line = _keys(shown, active, gap, words)
            if lightest is None or width_of(line) <= width:
                return line
        if lightest is not None:
            shown.remove(lightest)


def _keys(shown: Sequence[Action], active: Mapping[str, tuple[str, bool]], gap: str, words: Mapping[str, str]) -> Line:
    line: list[Piece] = []
    for action in shown:
        key, enabled = active[action.id]
        line += [
            (key_name(key), "accent" if enabled else "muted"),
            (f" {words.get(action.id, action.bar)}", "plain" if enabled else "muted"),
            (gap, "plain"),
        ]
    return tuple(line[:-1])
