"""A reason in the person's own words, for the record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.widget import Widget
from textual.widgets import Input

from agents.sanitize import clean
from overwatch_tui.modals.base import Question
from overwatch_tui.state.models import Line

LIMIT = 400


class Reason(Question[str]):
    """Answers with the reason; an empty one only where it is not `required`."""

    AUTO_FOCUS = "Input"

    def __init__(self, title: str, lines: Sequence[Line], ask: str, yes: str, *, required: bool) -> None:
        super().__init__(title, lines, yes)
        self._ask = ask
        self._required = required

    def middle(self) -> Iterable[Widget]:
        """The field."""
        field = Input(placeholder=self._ask, max_length=LIMIT, id="reason")
        field.cursor_blink = False
        yield field

    def on_input_submitted(self) -> None:
        """Enter answers."""
        self.submit()

    def answer(self) -> str | None:
        """The reason."""
        field = self.query_one(Input)
        reason = clean(field.value.strip(), LIMIT)
        if self._required and not reason:
            field.placeholder = "a reason is needed: a few words are enough"
            field.focus()
            return None
        return reason
