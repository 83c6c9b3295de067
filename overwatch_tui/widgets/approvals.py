"""What waits for a person. It never takes the keyboard, and takes no decision in the first moment after it changed by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from overwatch_tui.state import format as fmt
from overwatch_tui.state.format import Glyphs
from overwatch_tui.state.models import ApprovalView, Line, Tone
from overwatch_tui.widgets.layout import Row
from overwatch_tui.widgets.lines import LineList

GRACE = timedelta(seconds=0.5)
"""A key that was on its way when a request appeared, or moved under the cursor, decides nothing."""


def approval_row(view: ApprovalView, now: datetime, width: int, glyphs: Glyphs, *, sending: bool) -> Row:
    """A request in three lines."""
    left = (view.deadline - now).total_seconds()
    expires = "sent, waiting for the answer" if sending else f"expires in {fmt.remaining(left)}" if left > 0 else "EXPIRED"
    dot = f" {glyphs.dot} "
    plan = " + ".join(view.plan)
    head: Line = ((f"{view.incident}  ", "accent"), (plan, "strong"))
    why = "; ".join(view.reasons)
    undo = f"undo: {view.undo}"
    people: Line = ((f"{view.given}{dot}", "warn"),) if view.given else ()
    urgent: Tone = "warn" if left < 60 or sending else "muted"
    if width < 100:
        numbers: Line = ((f"confidence {view.confidence}", "plain"),)
        said = f"touches {view.blast_radius}{dot}{undo}{dot}{why}"
        rest: Line = (
            ((expires, urgent), (dot, "muted"), *people, (said, "muted"))
            if people
            else ((expires, urgent), (f"{dot}{said}", "muted"))
        )
        return Row(view.id, (head, numbers, rest), ref=view.incident)
    confidence = f"confidence {view.confidence}"
    drawn = fmt.plain(plan) if glyphs.ascii_only else plan
    gap = max(3, width - len(view.incident) - 2 - len(drawn) - len(confidence))
    head = (*head, (" " * gap, "plain"), (confidence, "plain"))
    rest = ((expires, urgent), (f"{dot}touches {view.blast_radius}{dot}{undo}", "muted"))
    because: Line = (*people, (f"asked because {why}", "muted"))
    return Row(view.id, (head, rest, because), ref=view.incident)


class ApprovalsPane(LineList):
    """The queue. One request is selected whenever there is one."""

    def __init__(self, glyphs: Glyphs, clock: Callable[[], datetime]) -> None:
        super().__init__(glyphs, id="approvals", gutter=True)
        self._clock = clock
        self._approvals: dict[str, ApprovalView] = {}
        self._changed_at: datetime | None = None
        self.sending: frozenset[str] = frozenset()
        """Requests whose decision is on its way."""

    def show(self, approvals: Sequence[ApprovalView], now: datetime) -> None:
        """Show these requests, with the time that is left at `now`."""
        before = self.selected
        self._approvals = {view.id: view for view in approvals}
        self.call_it(f"Approvals ({len(approvals)})" if approvals else "Approvals")
        self.set_class(bool(approvals), "-waiting")
        if approvals:
            width = self.line_width
            rows = tuple(approval_row(v, now, width, self.glyphs, sending=v.id in self.sending) for v in approvals)
        else:
            rows = (Row("none", ((("nothing waits for you", "muted"),),), selectable=False),)
        self.show_rows(rows)
        after = self.selected
        if (before.id if before else None) != (after.id if after else None):
            self._changed_at = self._clock()

    @property
    def selected(self) -> ApprovalView | None:
        """The request that a decision would be about."""
        row = self.current
        return self._approvals.get(str(row.key)) if row is not None else None

    @property
    def ripe(self) -> bool:
        """Whether the selected request has been there long enough to be decided on."""
        return self._changed_at is None or self._clock() - self._changed_at >= GRACE


def height_of(approvals: Sequence[ApprovalView], screen: int) -> int:
    """How many lines the pane wants, with its frame; one request is shown on a low `screen`, two on a higher one."""
    return 2 + (3 * min(1 if screen < 30 else 2, len(approvals)) if approvals else 1)
