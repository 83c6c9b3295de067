"""The faults that a target can inject, to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from overwatch_tui.chaos import ChaosFault, FaultName
from overwatch_tui.widgets.safe import content


@dataclass(frozen=True, slots=True)
class Choice:
    """A fault in words."""

    fault: FaultName
    title: str
    effect: str


CHOICES: tuple[Choice, ...] = (
    Choice("degrade", "Degrade", "slow answers and failing requests"),
    Choice("outage", "Outage", "every request fails, health too"),
    Choice("crash", "Crash", "one replica is killed"),
    Choice("recover", "Recover", "clear every fault"),
)


class ChaosMenu(ModalScreen[ChaosFault | None]):
    """Answers with a fault, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "cancel", "Cancel", show=False),
        Binding("j", "down", "Down", show=False),
        Binding("k", "up", "Up", show=False),
    ]

    def __init__(self, target: str, region: str, faults: Sequence[FaultName]) -> None:
        super().__init__(classes="question")
        self._where = f"{region} of {target}"
        self._choices = tuple(choice for choice in CHOICES if choice.fault in faults)

    def compose(self) -> ComposeResult:
        """The list of faults."""
        ascii_only = self.app.has_class("-ascii")
        with Vertical(classes="frame") as frame:
            frame.border_title = "Inject a fault"
            yield Static(
                content((("into ", "muted"), (self._where, "strong")), ascii_only=ascii_only), markup=False, classes="words"
            )
            options = (
                Option(
                    content(((choice.title.ljust(10), "strong"), (choice.effect, "muted")), ascii_only=ascii_only),
                    id=choice.fault,
                )
                for choice in self._choices
            )
            yield OptionList(*options, id="faults", markup=False)
            yield Static(
                content(((("enter injects, esc leaves"), "muted"),), ascii_only=ascii_only), markup=False, classes="words"
            )

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Answer."""
        self.dismiss(ChaosFault(self._choices[event.option_index].fault))

    def action_cancel(self) -> None:
        """Leave without doing anything."""
        self.dismiss(None)

    def action_down(self) -> None:
        """The next fault."""
        self.query_one(OptionList).action_cursor_down()

    def action_up(self) -> None:
        """The fault before."""
        self.query_one(OptionList).action_cursor_up()
