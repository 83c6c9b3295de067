"""Yes or no, where no is the default."""

from __future__ import annotations

from overwatch_tui.modals.base import Question


class Confirm(Question[bool]):
    """Answers True, or None."""

    def answer(self) -> bool:
        """Yes."""
        return True
