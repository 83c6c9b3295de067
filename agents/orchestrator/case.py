"""The case before the gate: one plan, and all that it is judged by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from agents.catalogue import Catalogue
from agents.facts import Action, RuleEffect, Strategy
from agents.incident import Incident
from agents.orchestrator.history import History
from agents.policy_settings import PolicySettings
from agents.world import World

IDLE = frozenset({"page_person", "do_nothing"})
"""The actions that touch nothing."""

Said = Iterator[tuple[RuleEffect, str]]
"""What one rule says: what it wants, and why, in words for people."""


@dataclass(frozen=True, slots=True)
class Case:
    """One plan, and all that it is judged by. `now` is aware."""

    incident: Incident
    strategy: Strategy
    policy: PolicySettings
    world: World
    history: History
    catalogue: Catalogue
    now: datetime

    @property
    def acts(self) -> tuple[Action, ...]:
        """The actions of the plan that are there to change something."""
        return tuple(action for action in self.strategy.actions if action.kind not in IDLE or action.call is not None)

    @property
    def plan(self) -> str:
        """What would be done, in words."""
        return ", then ".join(action.call.describe() if action.call else action.kind for action in self.strategy.actions)

    @property
    def wish_of(self) -> str | None:
        """The person who asked for exactly this plan; nobody did, where it was edited since."""
        return self.strategy.requested_by if self.strategy.edited_by is None else None


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the gate.

    `name` is stable: decisions in the log, `policy explain` and people's own cases refer to it. `speak` may raise: what can't be
    judged is denied. `about_acts` leaves plans out that touch nothing; `doubt` gives way where a person asked for the plan;
    `ground` is told as a reason where the plan is approved.
    """

    name: str
    speak: Callable[[Case], Said]
    about_acts: bool = True
    doubt: bool = False
    ground: bool = False
