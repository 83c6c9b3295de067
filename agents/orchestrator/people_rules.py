"""What people have said about a target in the configuration: levels of autonomy, protection, windows, who has to approve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from agents.facts import ActionKind
from agents.orchestrator.case import Case, Rule, Said
from agents.policy_settings import Autonomy, PolicyRule, PolicySettings
from agents.windows import all_active

LEVELS: tuple[Autonomy, ...] = get_args(Autonomy)
"""The levels of autonomy, the strictest first."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who has to approve: how many different people, out of whom (empty: every person), and what they type to confirm.

    `nobody` says why no approval could ever be complete; empty where one can.
    """

    needs: int = 1
    approvers: tuple[str, ...] = ()
    confirm: str = ""
    nobody: str = ""


def asked(case: Case) -> Asked:
    """Who has to approve the plan, should a person be asked."""
    policy, target = case.policy, case.incident.target
    kinds = [action.kind for action in case.acts]
    needs = max((needed(policy, target, kind) for kind in kinds), default=1)
    lists = [names for kind in kinds for names in _lists(policy, target, kind)]
    approvers = _common(lists)
    confirm = target if case.strategy.blast_radius > policy.confirm_blast_radius else ""
    nobody = ""
    if lists and not approvers:
        told = " and ".join(sorted({", ".join(names) for names in lists}))
        nobody = f"nobody may approve it: the rules that match name {told}, with nobody in common"
    elif lists and len(approvers) < needs:
        nobody = f"{needs} people have to approve it, and only {', '.join(approvers)} may"
    return Asked(needs, approvers, confirm, nobody)


def matching(policy: PolicySettings, target: str, kind: ActionKind) -> tuple[PolicyRule, ...]:
    """The rules of the configuration that are about one action on one target."""
    return tuple(
        rule
        for rule in policy.rules
        if (not rule.targets or target in rule.targets) and (not rule.actions or kind in rule.actions)
    )


def level_of(policy: PolicySettings, target: str, kind: ActionKind) -> Autonomy:
    """How far the swarm may go by itself with one action: the strictest word of the rules that match, else the policy's."""
    named = [rule.autonomy for rule in matching(policy, target, kind) if rule.autonomy is not None]
    return min(named, key=LEVELS.index, default=policy.autonomy)


def needed(policy: PolicySettings, target: str, kind: ActionKind) -> int:
    """How many different people have to approve one action, where people are asked."""
    return max((rule.approvals or 1 for rule in matching(policy, target, kind)), default=1)


def approvers_of(policy: PolicySettings, target: str, kind: ActionKind) -> tuple[str, ...] | None:
    """Who may approve one action, sorted: those that every list names which counts; None where there is none: every person."""
    lists = _lists(policy, target, kind)
    return _common(lists) if lists else None


def _lists(policy: PolicySettings, target: str, kind: ActionKind) -> list[tuple[str, ...]]:
    """The lists of approvers that count for one action: those of the rules that match, else the policy's."""
    of_rules = [rule.approvers for rule in matching(policy, target, kind) if rule.approvers]
    return of_rules or ([policy.approvers] if policy.approvers else [])


def _common(lists: list[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted(set(lists[0]).intersection(*lists[1:]))) if lists else ()


def _person(case: Case) -> Said:
    if any(action.kind == "page_person" for action in case.strategy.actions):
        yield "page", case.strategy.rationale
    elif not case.acts:
        yield "allow", "it touches nothing"


def _protected(case: Case) -> Said:
    if case.incident.target in case.policy.protected:
        yield "deny", f"{case.incident.target} is protected: it is never touched, whoever asks"
    else:
        yield "allow", f"{case.incident.target} is not protected"


def _autonomy(case: Case) -> Said:
    target = case.incident.target
    for action in case.acts:
        match level_of(case.policy, target, action.kind):
            case "observe":
                yield "deny", f"policy only observes {target}: {action.kind} is not done there"
            case "suggest":
                yield "page", f"policy only suggests {action.kind} on {target}; the remedy would be {case.plan}"
            case "ask":
                yield "ask", f"policy asks a person before {action.kind} on {target}"
            case "auto":
                yield "allow", f"policy lets the swarm do {action.kind} on {target}"


def _freeze(case: Case) -> Said:
    held = [found for found in all_active(case.policy.windows, case.incident.target, case.now) if found.window.kind == "freeze"]
    for found in held:
        yield "page", f"{found.describe()}: nothing is carried out; the remedy would be {case.plan}"
    if not held:
        yield "allow", "no freeze holds"


def _maintenance(case: Case) -> Said:
    """Symptoms are expected in a maintenance: nobody is called before its end, but who asked for something is told at once."""
    windows = all_active(case.policy.windows, case.incident.target, case.now)
    held = [found for found in windows if found.window.kind == "maintenance"]
    for found in held:
        if case.wish_of is None:
            yield "hold", f"{found.describe()}: nothing is done, and nobody is called, before its end"
        else:
            yield "page", f"{found.describe()}: nothing is carried out, also not what {case.wish_of} asked for"
    if not held:
        yield "allow", "no maintenance holds"


def _approvals(case: Case) -> Said:
    who = asked(case)
    if who.needs > 1:
        yield "ask", f"policy wants {who.needs} people to approve it"
    if case.wish_of is not None and who.approvers and case.wish_of not in who.approvers:
        yield "ask", f"{case.wish_of} is not one of those who may approve it: {', '.join(who.approvers)}"


def _edited(case: Case) -> Said:
    if case.strategy.edited_by is not None:
        yield "ask", f"{case.strategy.edited_by} edited it: what a person writes, a person approves"


def _paused(case: Case) -> Said:
    if case.history.paused:
        yield "ask", "automation is paused"
    else:
        yield "allow", "automation is armed"


def _waits(case: Case) -> bool:
    """Whether the plan is one that a window can hold: it changes something, or calls a person."""
    return bool(case.acts) or any(action.kind == "page_person" for action in case.strategy.actions)


def _maintenance_where_it_matters(case: Case) -> Said:
    if _waits(case):
        yield from _maintenance(case)


PEOPLE_RULES = (
    Rule("person", _person, about_acts=False, ground=True),
    Rule("protected", _protected),
    Rule("window.maintenance", _maintenance_where_it_matters, about_acts=False),
    Rule("window.freeze", _freeze),
    Rule("autonomy.level", _autonomy, doubt=True),
    Rule("approvals", _approvals),
    Rule("edited", _edited),
    Rule("paused", _paused),
)
"""What people have said about the target and its actions."""
