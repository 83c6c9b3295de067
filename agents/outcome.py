"""The outcome of a verification, for the track record: it follows from the incident alone."""

from __future__ import annotations

from datetime import datetime

from agents.facts import Strategy
from agents.incident import Incident
from agents.seams import OutcomeRecord


def outcome_of(incident: Incident, strategy: Strategy, at: datetime, *, succeeded: bool, simulated: bool) -> OutcomeRecord | None:
    """The outcome of the first action that did anything; None where none did. `incident` is as it was while being verified."""
    numbered = [(n, a) for n, a in enumerate(strategy.actions) if a.call is not None]
    if not numbered:
        return None
    number, action = numbered[0]
    operation = next((s.operation for s in incident.steps_of(strategy.id) if s.step == number), f"{strategy.id}:{number}")
    return OutcomeRecord(
        operation=operation,
        target=incident.target,
        action=action.kind,
        fault_class=strategy.fault_class,
        succeeded=succeeded,
        simulated=simulated,
        at=at,
        confidence=strategy.confidence,
        decided_by=incident.decided_by or "",
    )
