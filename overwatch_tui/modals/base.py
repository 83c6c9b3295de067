"""What all questions share: a frame, words that are shown as they are, and Cancel as the default."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Static

from overwatch_tui.state.models import Line
from overwatch_tui.widgets.safe import content

T = TypeVar("T")


class Question(ModalScreen[T | None], Generic[T]):
    """A question with a safe way out: escape and Cancel answer None, and enter is Cancel unless something is typed."""

    AUTO_FOCUS = "#cancel"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel", show=False),
        Binding("left,up", "app.focus_previous", "Previous", show=False),
        Binding("right,down", "app.focus_next", "Next", show=False),
    ]

    def __init__(self, title: str, lines: Sequence[Line], yes: str) -> None:
        super().__init__(classes="question")
        self._title = title
        self._lines = tuple(lines)
        self._yes = yes

    def compose(self) -> ComposeResult:
        """The frame: words, what the question adds, the two buttons."""
        with Vertical(classes="frame") as frame:
            frame.border_title = self._title
            for line in self._lines:
                yield Static(self._words(line), markup=False, classes="words")
            yield from self.middle()
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel")
                yield Button(self._yes, id="yes", variant="primary")

    def middle(self) -> Iterable[Widget]:
        """What a question asks for beyond yes or no."""
        return ()

    @abstractmethod  # what mypy enforces: a screen has a metaclass of its own, so this can't be an ABC
    def answer(self) -> T | None:
        """What yes stands for; None keeps the question open."""

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer."""
        if event.button.id == "cancel":
            self.dismiss(None)
            return
        self.submit()

    def submit(self) -> None:
        """Answer with yes, if that is complete."""
        answer = self.answer()
        if answer is not None:
            self.dismiss(answer)

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        """Answer once: Textual takes whatever screen is in front, and after the first answer that is another one."""
        return super().dismiss(result) if self.is_active else AwaitComplete()

    def action_cancel(self) -> None:
        """Leave without doing anything."""
        self.dismiss(None)

    def _words(self, line: Line) -> Content:
        return content(line, ascii_only=self.app.has_class("-ascii"))
