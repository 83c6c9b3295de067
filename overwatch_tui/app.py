"""The control room. It decides nothing: keys become commands to the swarm, and the swarm's events become the picture.

    swarm's thread ── Buffer ──▶ Pump (20 Hz) ──▶ Store ──▶ State ──▶ the screens that are open
    keys ──▶ Operations ──▶ SwarmHandle (futures)

Nothing here imports pydantic or the swarm: they load in the worker's thread, after the first paint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from overwatch_tui.actions import ACTIONS, BY_ID, check_keymap, keys_of
from overwatch_tui.bindings import bindings
from overwatch_tui.bridge.buffer import Buffer
from overwatch_tui.bridge.host import Host
from overwatch_tui.bridge.pump import RATE, Pump
from overwatch_tui.modals.help import Help
from overwatch_tui.operations import Operations
from overwatch_tui.screens.base import RoomScreen
from overwatch_tui.screens.ops import OpsScreen
from overwatch_tui.screens.too_small import HEIGHT, WIDTH, TooSmall
from overwatch_tui.state.format import ASCII, UNICODE
from overwatch_tui.state.models import State
from overwatch_tui.themes import DEFAULTS, NAMES, theme_name, themes
from overwatch_tui.widgets.safe import say

if TYPE_CHECKING:
    from agents.telemetry import SwarmState
    from overwatch_tui.bridge.seam import SwarmHandle
    from overwatch_tui.state.store import Store

EXIT_SECONDS = 1.5
"""How long leaving waits for the swarm to end; it is a daemon thread, so no longer than this."""
SILENCE_SECONDS = 10.0
"""A swarm that lives says every second how it stands; after so many without a word, the screen says that none came."""


class OverwatchApp(App[None]):
    """The room. `handle_factory` is called in the swarm's own thread, after the first paint; None shows `store` as it is.

    `attached` says that the swarm lives elsewhere and goes on without this room. `clock` gives aware UTC times. `keymap` maps
    action ids (`overwatch_tui.actions`) to keys. Raises KeymapError and UnknownThemeError before anything is drawn.
    """

    TITLE = "Overwatch"
    CSS_PATH: ClassVar[list[str]] = ["overwatch.tcss", "questions.tcss"]  # type: ignore[assignment] # Textual declares a union that no list of its own matches
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("app"),
        Binding("ctrl+q", "quit", "Quit", show=False, priority=True),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal"), (160, "-wide")]  # noqa: RUF012 - as Textual declares it
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]  # noqa: RUF012 - as Textual declares it
    ENABLE_COMMAND_PALETTE = True
    recorded: ClassVar[bool] = False
    """Whether this room shows what was, so that nothing in it is still to come up."""

    def __init__(
        self,
        handle_factory: Callable[[], SwarmHandle] | None,
        *,
        theme: str,
        ascii_only: bool,
        keymap: Mapping[str, str],
        read_only: bool,
        clock: Callable[[], datetime],
        store: Store | None = None,
        attached: bool = False,
    ) -> None:
        wanted = theme_name(theme)
        checked = check_keymap(keymap)
        super().__init__()
        for known in themes():
            self.register_theme(known)
        self.theme = wanted
        self.glyphs = ASCII if ascii_only else UNICODE
        self.set_class(ascii_only, "-ascii")
        self.read_only = read_only
        self.attached = attached
        self.clock = clock
        self.buffer = Buffer()
        self.pump = Pump(self.buffer, self._show, store)
        self.host = Host(handle_factory, self.buffer) if handle_factory is not None else Host(_nobody, self.buffer)
        self.operations = Operations(self)
        self._hosts = handle_factory is not None
        self._paged: frozenset[str] = frozenset()
        self.listening = False
        """Whether a swarm is heard live here, so that its silence means something; a replay's means nothing."""
        self._heard: tuple[SwarmState | None, datetime] = (None, clock())
        self._silent = False
        self._remapped = checked
        self.set_keymap(checked)

    @property
    def state(self) -> State:
        """What is shown."""
        return self.pump.state

    def silence(self, now: datetime) -> float:
        """Seconds since the swarm last said how it stands, by when that was heard here; 0 where it says so often enough."""
        said, at = self._heard
        passed = (now - at).total_seconds()
        return (
            passed
            if self.listening and said is not None and self.state.host.phase == "running" and passed > SILENCE_SECONDS
            else 0.0
        )

    def get_default_screen(self) -> Screen[Any]:
        """The main view."""
        return OpsScreen()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The room's own colours, for themes that do not name them."""
        return dict(DEFAULTS)

    def on_mount(self) -> None:
        """Paint first; the swarm and its imports come after."""
        self.set_interval(RATE, self.pump.tick)
        self.set_interval(1.0, self._second)
        if self._hosts:
            self.call_after_refresh(self.host.start)

    async def on_unmount(self) -> None:
        """Give the swarm a moment to end."""
        self.host.stop()
        await self.host.closed(EXIT_SECONDS)

    async def on_event(self, event: events.Event) -> None:
        """Let no key through that was on its way to a question which is gone."""
        if isinstance(event, events.Key) and not event.is_forwarded and self.operations.came_too_late(event.key):
            return
        await super().on_event(event)

    def on_resize(self, event: events.Resize) -> None:
        """Below the smallest size, say so; above it, go on."""
        small = event.size.width < WIDTH or event.size.height < HEIGHT
        if small and not isinstance(self.screen, TooSmall):
            self.push_screen(TooSmall())
        elif not small and isinstance(self.screen, TooSmall):
            self.pop_screen()

    def first_words(self) -> tuple[str, ...]:
        """What the status says before everything else: nothing, where the room shows a swarm of now."""
        return ()

    async def action_quit(self) -> None:
        """Tell the swarm, and leave."""
        self.host.stop()
        self.exit()

    def action_restart(self) -> None:
        """Start the swarm again."""
        if not self._hosts or not self.host.start():
            say(self, "the swarm is running")

    def action_help(self) -> None:
        """The keys that are active here."""
        active = self.screen.active_bindings.items()
        keys = {action.id: [key for key, found in active if found.binding.id == action.id] for action in ACTIONS}
        for name, used in keys.items():
            used.sort(key=partial(_place, keys_of(BY_ID[name], self._remapped)))
        self.push_screen(Help({name: tuple(used) for name, used in keys.items() if used}, self.glyphs))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing but the room's own views has the app's keys; starting again is offered once the swarm has ended."""
        if action == "help":
            return isinstance(self.screen, RoomScreen)
        if action == "restart":
            return self._hosts and not self.host.alive
        return super().check_action(action, parameters)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette: every action that is active here, by name, and the themes."""
        active = {b.binding.id for b in screen.active_bindings.values() if b.enabled}
        for action in ACTIONS:
            if action.id in active and action.group != "Move":
                namespace = self if "app" in action.scopes else screen
                run = partial(self.run_action, action.method, namespace)
                yield SystemCommand(action.label, action.help, run)
        for name in NAMES:
            yield SystemCommand(f"Theme: {name}", f"Use the {name} colours", partial(setattr, self, "theme", theme_name(name)))
        yield SystemCommand("Screenshot", "Save a picture of the screen as SVG", self.deliver_screenshot)

    def _show(self, state: State) -> None:
        if not self.is_running:  # the views are being taken down
            return
        paged = frozenset(incident.id for incident in state.paged)
        if paged - self._paged:
            self.bell()
        self._paged = paged
        if state.swarm is not self._heard[0]:
            self._heard = (state.swarm, self.clock())
        with self.batch_update():
            for screen in self.screen_stack:
                if isinstance(screen, RoomScreen) and screen.is_mounted:
                    screen.show(state)
        self.operations.leave_what_is_gone()

    def _second(self) -> None:
        if not self.is_running:
            return
        now = self.clock()
        silent = self.silence(now) > 0
        if silent and not self._silent:
            self.bell()
        self._silent = silent
        for screen in self.screen_stack:
            if isinstance(screen, RoomScreen) and screen.is_mounted:
                screen.tick(now)
        self.operations.leave_what_is_gone()


def _place(order: tuple[str, ...], key: str) -> int:
    return order.index(key) if key in order else len(order)


def _nobody() -> SwarmHandle:
    raise RuntimeError("this room shows a stored picture: there is no swarm to start")
