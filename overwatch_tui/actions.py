"""Every action of the control room, once: key bindings, the key bar, help, the palette and remapping are made from it.

No Textual here, so that the command line can check a keymap without it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Scope = Literal["app", "ops", "incident", "audit", "list", "replay"]
Group = Literal["Decide", "Automation", "Faults", "Replay", "Look", "Move", "Program"]


class KeymapError(ValueError):
    """A keymap names an action that does not exist, no key at all, or one key for two actions."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a person can do. `id` is stable; `keys` can be remapped, several are separated by commas.

    `method` is what Textual calls. `changes` marks what `--read-only` takes away. `bar` is the word in the key bar, where it is
    shown there; the higher `weight`, the longer it stays when space is short.
    """

    id: str
    keys: str
    method: str
    label: str
    help: str
    group: Group
    scopes: tuple[Scope, ...]
    changes: bool = False
    bar: str = ""
    weight: int = 0


ACTIONS: tuple[Action, ...] = (
    Action(
        "approval.approve",
        "a",
        "approve",
        "Approve",
        "Let the selected plan be carried out",
        "Decide",
        ("ops", "incident"),
        changes=True,
        bar="approve",
        weight=95,
    ),
    Action(
        "approval.reject",
        "x",
        "reject",
        "Reject",
        "Refuse the selected plan, with a reason",
        "Decide",
        ("ops", "incident"),
        changes=True,
        bar="reject",
        weight=94,
    ),
    Action(
        "incident.open",
        "enter",
        "open_incident",
        "Details",
        "The selected incident or approval in full",
        "Look",
        ("ops", "audit"),
        bar="details",
        weight=64,
    ),
    Action(
        "chaos.degrade",
        "d",
        "chaos('degrade')",
        "Degrade",
        "Make the selected region slow and faulty",
        "Faults",
        ("ops",),
        changes=True,
        bar="degrade",
        weight=70,
    ),
    Action(
        "chaos.outage",
        "o",
        "chaos('outage')",
        "Outage",
        "Take the selected region down",
        "Faults",
        ("ops",),
        changes=True,
        bar="outage",
        weight=69,
    ),
    Action(
        "chaos.recover",
        "r",
        "chaos('recover')",
        "Recover",
        "Clear every fault of the selected region",
        "Faults",
        ("ops",),
        changes=True,
        bar="recover",
        weight=68,
    ),
    Action(
        "chaos.menu",
        "c",
        "chaos_menu",
        "Faults",
        "Choose a fault for the selected region",
        "Faults",
        ("ops",),
        changes=True,
        bar="chaos",
        weight=50,
    ),
    Action(
        "failover.force",
        "f",
        "failover",
        "Failover",
        "Move all users to another region, through the gate",
        "Automation",
        ("ops",),
        changes=True,
        bar="failover",
        weight=65,
    ),
    Action(
        "automation.pause",
        "p",
        "pause",
        "Pause or arm",
        "Stop all automation, or let it act again",
        "Automation",
        ("ops", "incident"),
        changes=True,
        bar="pause",
        weight=66,
    ),
    Action(
        "audit.open",
        "u",
        "open_audit",
        "Audit",
        "Every decision, refusals too",
        "Look",
        ("ops",),
        bar="audit",
        weight=40,
    ),
    Action(
        "filter",
        "slash",
        "filter",
        "Filter",
        "Show only lines that contain a text",
        "Look",
        ("ops", "incident", "audit"),
        bar="filter",
        weight=45,
    ),
    Action("filter.next", "n", "match(1)", "Next match", "The next line that matches", "Look", ("ops", "incident", "audit")),
    Action(
        "filter.previous",
        "N",
        "match(-1)",
        "Match before",
        "The line before that matches",
        "Look",
        ("ops", "incident", "audit"),
    ),
    Action("copy", "y", "copy", "Copy", "Copy the selected text, line or pane", "Look", ("ops", "incident", "audit")),
    Action(
        "pane.zoom",
        "z",
        "zoom",
        "Zoom",
        "The focused pane alone, and back",
        "Look",
        ("ops", "incident"),
        bar="zoom",
        weight=44,
    ),
    Action(
        "view.back",
        "escape",
        "back",
        "Back",
        "Leave this view, the filter or the zoom",
        "Look",
        ("ops", "incident", "audit"),
        bar="back",
        weight=97,
    ),
    Action(
        "replay.toggle",
        "space",
        "replay_toggle",
        "Stop or play",
        "Stop the replay, or go on; from its end, play it again",
        "Replay",
        ("replay",),
        bar="stop/play",
        weight=96,
    ),
    Action(
        "replay.faster",
        "plus,equals_sign,greater_than_sign",
        "replay_speed(1)",
        "Faster",
        "Play twice as fast",
        "Replay",
        ("replay",),
        bar="faster",
        weight=92,
    ),
    Action(
        "replay.slower",
        "minus,less_than_sign",
        "replay_speed(-1)",
        "Slower",
        "Play half as fast",
        "Replay",
        ("replay",),
        bar="slower",
        weight=91,
    ),
    Action(
        "replay.forward",
        "right",
        "replay_seek(10)",
        "Forward",
        "Ten recorded seconds on",
        "Replay",
        ("replay",),
        bar="10 s on",
        weight=90,
    ),
    Action(
        "replay.back",
        "left",
        "replay_seek(-10)",
        "Back",
        "Ten recorded seconds back",
        "Replay",
        ("replay",),
        bar="back",
        weight=89,
    ),
    Action(
        "replay.next",
        "full_stop",
        "replay_step(1)",
        "Next event",
        "To the next thing that happened",
        "Replay",
        ("replay",),
        bar="next event",
        weight=88,
    ),
    Action(
        "replay.previous",
        "comma",
        "replay_step(-1)",
        "Event before",
        "To what happened before",
        "Replay",
        ("replay",),
        bar="event before",
        weight=42,
    ),
    Action("move.down", "j,down", "move(1)", "Down", "The next line", "Move", ("list",)),
    Action("move.up", "k,up", "move(-1)", "Up", "The line before", "Move", ("list",)),
    Action("move.page_down", "pagedown", "page(1)", "Page down", "A page on", "Move", ("list",)),
    Action("move.page_up", "pageup", "page(-1)", "Page up", "A page back", "Move", ("list",)),
    Action("move.first", "g,home", "edge(-1)", "First", "The first line", "Move", ("list",)),
    Action("move.last", "G,end", "edge(1)", "Last", "The last line; follows what is new", "Move", ("list",)),
    Action(
        "swarm.restart",
        "R",
        "restart",
        "Start again",
        "Start the swarm again after it ended",
        "Program",
        ("app",),
        bar="start again",
        weight=99,
    ),
    Action("help", "question_mark,f1", "help", "Help", "All keys", "Program", ("app",), bar="help", weight=100),
    Action("quit", "q", "quit", "Quit", "Leave; the log stays", "Program", ("app",), bar="quit", weight=101),
)

BY_ID: Mapping[str, Action] = {action.id: action for action in ACTIONS}
_RESERVED = frozenset({"tab", "shift+tab", "ctrl+p", "ctrl+q", "ctrl+c"})
_NAMES = {
    "slash": "/",
    "question_mark": "?",
    "escape": "esc",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "full_stop": ".",
    "comma": ",",
}


def check_keymap(keymap: Mapping[str, str]) -> dict[str, str]:
    """The keymap, if every id exists, has a key, and shares none with another action of its scope. Raises KeymapError."""
    for name, keys in keymap.items():
        if name not in BY_ID:
            near = difflib.get_close_matches(name, BY_ID, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(BY_ID))}"
            raise KeymapError(f"keys: {name!r} is no action: {hint}")
        wanted = [key.strip() for key in keys.split(",")]
        if not all(wanted):
            raise KeymapError(f"keys: {name!r} has no key in {keys!r}: write a key such as 'a' or 'f5', several with commas")
        if taken := _RESERVED.intersection(wanted):
            raise KeymapError(f"keys: {sorted(taken)[0]!r} can't be given to {name!r}: it is the program's own")
    _refuse_clashes(keymap)
    return dict(keymap)


def keys_of(action: Action, keymap: Mapping[str, str]) -> tuple[str, ...]:
    """The keys of an action, remapped where the keymap says so."""
    return tuple(key.strip() for key in keymap.get(action.id, action.keys).split(","))


def key_name(key: str) -> str:
    """A key as people write it."""
    return _NAMES.get(key, key)


def in_scope(*scopes: Scope) -> tuple[Action, ...]:
    """The actions of these scopes, in the order of the registry."""
    return tuple(action for action in ACTIONS if set(scopes).intersection(action.scopes))


def _refuse_clashes(keymap: Mapping[str, str]) -> None:
    for scope in ("ops", "incident", "audit"):
        owners: dict[str, str] = {}
        for action in in_scope(scope, "list", "app", "replay"):
            for key in keys_of(action, keymap):
                key = _character(key)  # noqa: PLW2901 - "?" and "question_mark" are one key
                if key in owners:
                    raise KeymapError(
                        f"keys: {key_name(key)!r} would be both {owners[key]!r} and {action.id!r}: give one of them another key"
                    )
                owners[key] = action.id


def _character(key: str) -> str:
    return {"/": "slash", "?": "question_mark", "esc": "escape"}.get(key, key)
