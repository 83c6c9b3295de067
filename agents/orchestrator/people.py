"""Whether those who approved are enough, looked at once more whatever the log says: number, distinctness, list and time.

By what was asked for, and by what policy wants now: it can be another one after a restart.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from agents.events import is_person, same_person
from agents.orchestrator.policy import Decision
from agents.records import Approval

SKEW = timedelta(seconds=5)
"""So far may a clock be behind the request, as one that is set by the network now and then is."""


def unfit(approval: Approval) -> str | None:
    """Why this approval does not count, whatever the log says; None where it does."""
    people = approval.people
    if strangers := [name for name in people if not is_person(name)]:
        return f"{strangers[0]!r} is not a person"
    if twice := [name for n, name in enumerate(people) if any(same_person(name, other) for other in people[:n])]:
        return f"{twice[0]!r} approved twice, which counts once"
    if not people or len(people) < approval.needs:
        return f"{len(people)} of {approval.needs} people approved"
    if approval.approvers and (strangers := [name for name in people if name not in approval.approvers]):
        return f"{strangers[0]!r} may not approve this: {' or '.join(approval.approvers)} may"
    return None


def untimely(approval: Approval, now: datetime) -> str | None:
    """Why it is not the time any more for what this approval allowed; None where it is."""
    if now > approval.deadline:
        return f"could have been approved until {approval.deadline:%H:%M:%S}, and was looked at later"
    if now < approval.requested_at - SKEW:
        return f"was put to people at {approval.requested_at:%H:%M:%S}, which is still to come: the clock was set back"
    return None


def falls_short(approval: Approval, decision: Decision) -> str | None:
    """Why those who approved are not enough by what policy wants now; None where they are."""
    people = approval.people
    if len(people) < decision.needs:
        return f"{decision.needs} people have to approve it, {len(people)} did"
    if decision.approvers and (strangers := [name for name in people if name not in decision.approvers]):
        return f"{strangers[0]!r} may not approve it: {' or '.join(decision.approvers)} may"
    if decision.confirm and approval.confirm != decision.confirm:
        return f"{decision.confirm!r} has to be typed to approve it"
    return None
