"""The registry of actions as Textual bindings."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from overwatch_tui.actions import Scope, in_scope


def bindings(scope: Scope) -> list[BindingType]:
    """The bindings of one scope; their ids are what a keymap names."""
    return [
        Binding(action.keys, action.method, action.label, show=False, id=action.id, tooltip=action.help)
        for action in in_scope(scope)
    ]
