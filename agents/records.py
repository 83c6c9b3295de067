"""What an incident keeps beside its facts: the steps that were taken, the request to a person, and what was tried.

Pure, immutable and typed.
"""

from __future__ import annotations

from pydantic import AwareDatetime

from agents.events import same_person
from agents.facts import ActionStatus, Frozen, Strategy, Text


class Step(Frozen):
    """What became of one step of a strategy, or of its undoing."""

    strategy: str
    step: int
    operation: str
    status: ActionStatus
    summary: Text
    command: Text
    undo: bool
    executor: str
    at: AwareDatetime
    anew: bool = False
    """Refused because the plan had waited too long, which says nothing of its remedy."""


class Approval(Frozen):
    """The open or decided request to a person."""

    id: str
    strategy: str
    binding: str
    reasons: tuple[str, ...]
    deadline: AwareDatetime
    requested_at: AwareDatetime
    needs: int = 1
    approvers: tuple[str, ...] = ()
    confirm: str = ""
    given: tuple[str, ...] = ()
    """Who has approved so far; it is approved once there are `needs` of them."""
    given_at: tuple[AwareDatetime, ...] = ()
    """When each of them did."""
    approved: bool | None = None
    by: str | None = None
    reason: Text = ""

    @property
    def people(self) -> tuple[str, ...]:
        """Who has approved, also where a version that knew of one person alone wrote it down."""
        return self.given or ((self.by,) if self.approved and self.by else ())

    def refuses(self, by: str, confirm: str) -> str | None:
        """Why `by` can't approve this, with `confirm` as what was typed; None where they can."""
        if self.approvers and by not in self.approvers:
            return f"{by!r} may not approve this: {' or '.join(self.approvers)} may"
        if already := next((person for person in self.people if same_person(person, by)), None):
            return f"{already} has approved already: it needs {self.needs} different people"
        if self.confirm and confirm != self.confirm:
            return f"{confirm!r} was typed: type {self.confirm!r} to approve, it reaches many users"
        return None


class Tried(Frozen):
    """A strategy that was refused or did not help, for the Strategist to learn from."""

    strategy: Strategy
    result: Text
    anew: bool = False
    """Nothing of it was begun, because it had waited too long: its remedy may be proposed again."""
