"""The decisions of an incident, each made again from the log alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from agents.catalogue import Catalogue
from agents.events import ApprovalRequested, Event, IncidentEscalated, StrategyApproved, StrategyRefused
from agents.facts import Basis
from agents.incident import Incident, evolve
from agents.orchestrator.basis import BasisError, replay, same
from agents.orchestrator.policy import Decision
from agents.policy_settings import PolicySettings

Replayed = Literal["same", "different", "impossible", "none"]

_DECISIONS = (StrategyApproved, StrategyRefused, ApprovalRequested, IncidentEscalated)


@dataclass(frozen=True, slots=True)
class Explained:
    """One decision of the log. `replayed` is `none` where the gate did not speak (a person's no, a deadline, an older version).

    `again` is the decision as it was made again, `problem` why that is impossible, and `now` what another policy would say.
    """

    event: Event
    plan: str
    basis: Basis | None
    replayed: Replayed
    again: Decision | None = None
    problem: str = ""
    now: Decision | None = None

    @property
    def by(self) -> str:
        """Who decided: `policy`, or a person."""
        return self.event.data.by if isinstance(self.event.data, StrategyApproved | StrategyRefused) else "policy"

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reasons as the event tells them."""
        data = self.event.data
        if isinstance(data, IncidentEscalated):
            return (data.reason,)
        return data.reasons if isinstance(data, StrategyApproved | StrategyRefused | ApprovalRequested) else ()


def explain(events: Iterable[Event], catalogue: Catalogue, policy: PolicySettings | None = None) -> Iterator[Explained]:
    """Every decision among the events of one incident, in order; with `policy`, also what that one would say to it."""
    incident: Incident | None = None
    for event in events:
        if incident is not None and isinstance(event.data, _DECISIONS):
            yield _explained(event, event.data.basis, incident, catalogue, policy)
        incident = evolve(incident, event)


def _explained(
    event: Event, basis: Basis | None, before: Incident, catalogue: Catalogue, policy: PolicySettings | None
) -> Explained:
    plan = ""
    if before.strategy is not None:
        plan = ", then ".join(a.call.describe() if a.call else a.kind for a in before.strategy.actions)
    if basis is None:
        return Explained(event, plan, None, "none")
    try:
        again = replay(before, basis, catalogue)
        now = None if policy is None else replay(before, basis, catalogue, policy)
    except BasisError as error:
        return Explained(event, plan, basis, "impossible", problem=str(error))
    return Explained(event, plan, basis, "same" if same(again, basis) else "different", again, now=now)
