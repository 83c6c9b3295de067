"""Who has to approve a plan, and whether who did is enough: number, distinctness, list and time, looked at once more."""

from __future__ import annotations

from datetime import datetime, timedelta

from agents.events import is_person, same_person
from agents.facts import Strategy
from agents.incident import Approval
from agents.policy_settings import PolicyRule, PolicySettings

SKEW = timedelta(seconds=5)
"""So far may a clock be behind the request, as one that is set by the network now and then is."""


def needed(policy: PolicySettings, strategy: Strategy) -> int:
    """How many different people have to approve it: the largest number of the rules that match."""
    return max((rule.approvals or 1 for rule in _matching(policy, strategy)), default=1)


def approvers(policy: PolicySettings, strategy: Strategy) -> tuple[str, ...] | None:
    """Who may approve it; empty means every person. Where several lists hold, who is on all of them; None where nobody is."""
    lists = [tuple(names) for names in (policy.approvers, *(rule.approvers for rule in _matching(policy, strategy))) if names]
    if not lists:
        return ()
    return tuple(name for name in lists[0] if all(name in names for names in lists)) or None


def unfit(approval: Approval, now: datetime) -> str | None:
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
    if now > approval.deadline:
        return f"{' and '.join(people)} decided too late"
    if now < approval.requested_at - SKEW:
        return f"it was asked at {approval.requested_at:%H:%M:%S}, which is still to come: the clock was set back"
    return None


def _matching(policy: PolicySettings, strategy: Strategy) -> list[PolicyRule]:
    kinds = {action.kind for action in strategy.actions}
    return [
        rule
        for rule in policy.rules
        if (not rule.targets or strategy.target in rule.targets) and (not rule.actions or kinds & set(rule.actions))
    ]
