"""The control room over a recording: the clock is the recording's, the keys move through it, and every command is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Input

from overwatch_tui.actions import ACTIONS, in_scope, keys_of
from overwatch_tui.app import OverwatchApp
from overwatch_tui.replay.player import Player
from overwatch_tui.screens.base import RoomScreen
from overwatch_tui.state import format as fmt
from overwatch_tui.widgets.safe import say

if TYPE_CHECKING:
    from overwatch_tui.bridge.seam import SwarmHandle

TICK = 0.25
"""Seconds between two looks at the clock, which may run faster than others."""

_METHODS = frozenset(action.method.partition("(")[0] for action in in_scope("replay"))


class ReplayApp(OverwatchApp):
    """A read-only room whose present is where `player` stands."""

    CSS_PATH: ClassVar[list[str]] = ["../overwatch.tcss", "../questions.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(a.keys, a.method, a.label, show=False, id=a.id, tooltip=a.help, priority=True) for a in in_scope("replay")),
        Binding("ctrl+c", "quit", "Quit", show=False, priority=True),
    ]

    recorded = True

    def __init__(
        self, player: Player, factory: Callable[[], SwarmHandle], *, theme: str, ascii_only: bool, keymap: Mapping[str, str]
    ) -> None:
        super().__init__(factory, theme=theme, ascii_only=ascii_only, keymap=keymap, read_only=True, clock=player.now)
        self._player = player
        self._commands = frozenset(key for action in ACTIONS if action.changes for key in keys_of(action, keymap))

    def on_mount(self) -> None:
        """Look at the clock more often than a room of now does."""
        self.set_interval(TICK, self._second)

    def on_key(self, event: events.Key) -> None:
        """Say why a key that gives a command does nothing here."""
        if event.key in self._commands and self._in_the_room():
            say(self, "this is a replay: nothing is sent", "warning")

    def first_words(self) -> tuple[str, str]:
        """How it plays and where it stands, and what a person must not forget."""
        position = self._player.position()
        so_far = fmt.remaining((position.at - self._player.since).total_seconds())
        length = fmt.remaining(self._player.length.total_seconds())
        how = f"×{self._player.speed:g}" if position.playing == "playing" else position.playing
        return f"REPLAY {how} {'0:00' if so_far == 'now' else so_far}/{length}", "nothing is real"

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The replay's keys belong to the room's views, and not to a field that is typed into."""
        if action in _METHODS:
            return self._in_the_room()
        return super().check_action(action, parameters)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette, with the replay's own actions."""
        yield from super().get_system_commands(screen)
        for action in in_scope("replay"):
            yield SystemCommand(action.label, action.help, self._run(action.method))

    def action_replay_toggle(self) -> None:
        """Stop, or go on."""
        self._player.toggle()
        self._second()

    def action_replay_speed(self, steps: int) -> None:
        """Faster, or slower."""
        self._player.change_speed(steps)
        self._second()

    def action_replay_seek(self, seconds: int) -> None:
        """Forwards, or back."""
        self._player.seek(timedelta(seconds=seconds))
        self._second()

    def action_replay_step(self, direction: int) -> None:
        """To the next event, or the one before."""
        self._player.step(direction)
        self._second()

    def _in_the_room(self) -> bool:
        return isinstance(self.screen, RoomScreen) and not isinstance(self.focused, Input)

    def _run(self, method: str) -> Callable[[], Any]:
        async def run() -> None:
            await self.run_action(method, self)

        return run
