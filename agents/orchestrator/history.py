"""What was done to a target before, as the gate reads it from the incidents' steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.incident import BUSY, Incident
from agents.policy_settings import PolicySettings
from agents.records import Step

DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Performed:
    """One action that was carried out before: what, where, when, whether policy alone had approved it, and whether it helped.

    `helped` is None where nothing is known yet, or it was left for something else; `undo` marks the taking back of an action.
    """

    kind: str
    target: str
    region: str | None
    at: datetime
    automatic: bool
    helped: bool | None = None
    undo: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """What was done before, and whether automation is paused."""

    performed: tuple[Performed, ...] = ()
    paused: bool = False
    busy_with: str | None = None
    """Another incident that is changing the same target now."""
    clock: str = ""
    """Why the times in it are in doubt (the clock was set); empty where they are trusted."""


def horizon(policy: PolicySettings) -> timedelta:
    """How far back any rule of `policy` looks."""
    return max(DAY, *(timedelta(seconds=s) for s in (policy.switch_window_s, policy.hold_down_s, policy.cool_down_s)))


def history_of(
    incidents: Iterable[Incident],
    *,
    paused: bool,
    target: str,
    besides: str,
    since: datetime | None = None,
    clock: str = "",
) -> History:
    """The history that the incidents' steps tell, without what ended before `since`."""
    performed: list[Performed] = []
    busy: str | None = None
    for incident in incidents:
        if incident.target == target and incident.id != besides and incident.status in BUSY:
            busy = incident.id
        performed.extend(done for done in _performed(incident) if since is None or done.at >= since)
    return History(performed=tuple(performed), paused=paused, busy_with=busy, clock=clock)


def _performed(incident: Incident) -> Iterator[Performed]:
    plans = {tried.strategy.id: tried.strategy for tried in incident.tried}
    if incident.strategy is not None:
        plans[incident.strategy.id] = incident.strategy
    for step in incident.steps:
        plan = plans.get(step.strategy)
        if plan is None or step.status == "refused" or step.step >= len(plan.actions):
            continue
        action = plan.actions[step.step]
        region = action.call.region if action.call else None
        automatic = incident.decided_by == "policy"
        yield Performed(action.kind, incident.target, region, step.at, automatic, _helped(incident, step), step.undo)


def _helped(incident: Incident, step: Step) -> bool | None:
    """Whether the plan of a step helped: verified, or failed, taken back and found wanting."""
    if step.status == "failed":
        return False
    given_up = [tried.result for tried in incident.tried if tried.strategy.id == step.strategy]
    if given_up:
        return None if given_up[-1].startswith("left:") else False
    if incident.status == "verified" or incident.resolved_how == "verified":
        return True
    undone = any(s.status == "failed" or s.undo for s in incident.steps if s.strategy == step.strategy)
    return False if undone or any(not check.passed for check in incident.checks) else None
