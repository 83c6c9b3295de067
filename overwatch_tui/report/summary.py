"""The first paragraph: what users saw and for how long, what the cause was, what was done, who decided, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator

from agents.durable.casefile import CaseFile
from agents.events import ActionFinished
from overwatch_tui.report.deciding import cause, plans
from overwatch_tui.report.document import Block, Code, Inline, Listing, Strong, words
from overwatch_tui.report.times import Moments
from overwatch_tui.state import format as fmt
from overwatch_tui.state.words import cleared


def summary(case: CaseFile, when: Moments) -> Iterator[Block]:
    """One point for each question that a reader comes with."""
    yield Listing(
        (
            words(Strong("Users:"), _users(case, when)),
            words(Strong("Cause:"), _cause(case)),
            words(Strong("Done:"), *_done(case)),
            words(Strong("Decided:"), _decided(case)),
            words(Strong("Ended:"), _ended(case, when)),
        )
    )


def _users(case: CaseFile, when: Moments) -> str:
    users = when.users
    if users.failed is None:
        if users.looks:
            return f"none of {fmt.plural(users.looks, 'look')} through the public address failed."
        failing = any(s.kind == "users_failing" for s in case.incident.symptoms)
        return "they were failing; how badly was not recorded." if failing else "what they saw was not recorded."
    worst = [f"up to {fmt.percent(users.worst_errors)} of requests failed"] if users.worst_errors else []
    if users.worst_p95_ms is not None:
        worst.append(f"p95 rose to {fmt.milliseconds(users.worst_p95_ms)}")
    how = ", ".join(worst) or "they were failing"
    if users.healed is None:
        return f"{how}, from {fmt.clock(users.failed)} on; no good look after that is recorded."
    seconds = (users.healed - users.failed).total_seconds()
    return f"{how}, for {fmt.duration(seconds)}, from {fmt.clock(users.failed)} to {fmt.clock(users.healed)}."


def _cause(case: CaseFile) -> str:
    found = case.incident.diagnosis
    if found is None:
        return "not diagnosed."
    return f"{found.fault_class}: {cause(found)}."


def _done(case: CaseFile) -> tuple[Inline, ...]:
    known = plans(case.events)
    parts: list[Inline] = []
    for event in case.events:
        data = event.data
        if not isinstance(data, ActionFinished) or data.status == "refused":
            continue
        plan = known.get(data.strategy)
        action = plan.actions[data.step] if plan is not None and 0 <= data.step < len(plan.actions) else None
        call = (action.inverse if data.undo else action.call) if action is not None else None
        what = call.describe() if call is not None else data.operation
        parts += [*(["then"] if parts else []), *(["undone by"] if data.undo else []), Code(what)]
        if data.status != "succeeded":
            parts.append(f"({data.status})")
    return tuple(parts) or ("nothing was changed.",)


def _decided(case: CaseFile) -> str:
    by = case.incident.decided_by
    if not by:
        return "nobody decided anything."
    who = "policy alone, without a person" if by == "policy" else by
    why = "; ".join(reason for reason in case.incident.reasons if reason != f"approved by {by}")
    return f"by {who}{': ' if why else ''}{why}."


def _ended(case: CaseFile, when: Moments) -> str:
    incident = case.incident
    if incident.resolved_at is None:
        paged = f"; a person was paged: {incident.escalation}" if incident.escalation else ""
        return f"not yet, it is {incident.status}{paged}."
    took = fmt.duration((incident.resolved_at - when.began).total_seconds())
    if incident.resolved_how == "verified":
        return f"verified from outside, {took} after it began."
    if incident.resolved_how == "closed":
        why = f"{took} after it began: {incident.closed_because}"
        return f"by {incident.closed_by}'s word alone, nothing was checked from outside, {why}."
    paged = ", after a person was paged" if when.paged is not None else ""
    return f"{cleared(incident)}{paged}, {took} after it began."
