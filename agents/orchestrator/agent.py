"""The Orchestrator on the bus: asks policy, then a person where policy says so, and checks again what a person approved.

Every decision carries what it rested on, so that it can be made again from the log. A plan that a maintenance window holds back
is not decided on yet: its delivery waits, uncounted. What was proposed too long ago is diagnosed again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Protocol

from agents.catalogue import Catalogue
from agents.events import (
    ApprovalDecided,
    ApprovalRequested,
    Event,
    IncidentEscalated,
    IncidentUpdated,
    Payload,
    StrategyApproved,
    StrategyEdited,
    StrategyProposed,
    StrategyRefused,
    answer,
)
from agents.facts import Strategy
from agents.incident import Incident
from agents.orchestrator.basis import decide
from agents.orchestrator.people import falls_short, unfit, untimely
from agents.orchestrator.policy import Decision
from agents.policy_settings import PolicySettings
from agents.records import Approval
from agents.sanitize import clean
from agents.seams import Context, Inventory, Outcome, RetryLaterError
from agents.world import UnknownTargetError

POLICY = "policy"
DEADLINE = "deadline"
LOOK_AGAIN_S = 30.0
"""Seconds after which a plan on hold is looked at again at the latest: the symptoms may be gone, or the window with a restart."""


class Past(Protocol):
    """Where the Orchestrator reads what happened before."""

    async def recent_incidents(self, target: str) -> Sequence[Incident]:
        """The newest incidents of a target, resolved ones included."""
        ...

    async def paused(self) -> bool:
        """Whether automation is paused."""
        ...


class Orchestrator:
    """Judges strategies. It has no tool in its hand: it only emits decisions."""

    name = "Orchestrator"
    types = frozenset({StrategyProposed.TYPE, StrategyEdited.TYPE, ApprovalDecided.TYPE})

    def __init__(
        self,
        policy: PolicySettings,
        inventory: Inventory,
        past: Past,
        catalogue: Catalogue,
        clock_doubt: Callable[[], str] = str,
    ) -> None:
        self._policy = policy
        self._inventory = inventory
        self._past = past
        self._catalogue = catalogue
        self._clock_doubt = clock_doubt

    async def handle(self, event: Event, context: Context) -> Outcome:
        """Answer a proposal with a decision or a request, and a person's decision with a decision."""
        incident = context.incident
        if incident is None or incident.strategy is None:
            return Outcome()
        if isinstance(event.data, StrategyProposed | StrategyEdited) and incident.status == "proposed":
            if event.data.strategy.id != incident.strategy.id:
                return Outcome()
            payload = await self._told(self._proposed(event, incident, incident.strategy, context))
        elif isinstance(event.data, ApprovalDecided) and incident.status == "awaiting":
            approval = incident.approval
            if approval is None or approval.id != event.data.approval or approval.approved is None:
                return Outcome()  # nobody has decided, or not yet enough people
            payload = await self._told(self._answered(incident, incident.strategy, approval, context))
        else:
            return Outcome()
        return Outcome(emit=(answer(event, self.name, 0, payload, context.clock.now()),))

    async def _told(self, deciding: Awaitable[Payload]) -> Payload:
        """The decision; where the target is not configured any more, a person is told instead of asking for ever."""
        try:
            return await deciding
        except UnknownTargetError as error:
            return IncidentEscalated(reason=f"{error}: nothing is done")

    async def _proposed(self, event: Event, incident: Incident, strategy: Strategy, context: Context) -> Payload:
        waited = context.clock.now() - event.time  # what judging takes is no waiting: a slow platform would make it anew for ever
        decision = await self._judge(incident, strategy, context)
        now = context.clock.now()
        if decision.verdict == "hold":
            left = (decision.until - now).total_seconds() if decision.until is not None else LOOK_AGAIN_S
            raise RetryLaterError("; ".join(decision.reasons), min(max(left, 1.0), LOOK_AGAIN_S), counted=False)
        kinds = {action.kind for action in strategy.actions}
        if decision.verdict == "refuse":
            if kinds == {"page_person"}:  # there is nothing after it: refused, it would be proposed again for ever
                return _escalated((strategy.rationale, *decision.reasons), decision)
            return StrategyRefused(strategy=strategy.id, by=POLICY, reasons=decision.reasons, again=True, basis=decision.basis)
        if kinds != {"do_nothing"} and waited > timedelta(seconds=self._policy.plan_max_age_s):
            return _made_anew(incident, strategy, f"was planned at {event.time:%Y-%m-%d %H:%M:%S} UTC, too long ago")
        return self._decided(decision, incident, strategy, context)

    def _decided(self, decision: Decision, incident: Incident, strategy: Strategy, context: Context) -> Payload:
        if decision.verdict == "approve":
            by = strategy.requested_by or POLICY
            return StrategyApproved(strategy=strategy, by=by, reasons=decision.reasons, basis=decision.basis)
        if decision.verdict == "ask":
            return ApprovalRequested(
                approval=f"{incident.id}-{strategy.attempt}-v{incident.proposed_version}",
                strategy=strategy.id,
                binding=strategy.binding(incident.id, incident.proposed_version),
                reasons=decision.reasons,
                deadline=context.clock.now() + timedelta(seconds=self._policy.approval_ttl_s),
                needs=decision.needs,
                approvers=decision.approvers,
                confirm=decision.confirm,
                basis=decision.basis,
            )
        return _escalated(decision.reasons, decision)

    async def _answered(self, incident: Incident, strategy: Strategy, approval: Approval, context: Context) -> Payload:
        by = " and ".join(approval.people) if approval.approved else approval.by or ""
        if approval.by == DEADLINE:
            return IncidentEscalated(reason=f"nobody decided on {strategy.actions[0].kind} before {approval.deadline:%H:%M:%S}")
        if not approval.approved:
            why = approval.reason or "no reason given"
            return StrategyRefused(strategy=strategy.id, by=by, reasons=(f"rejected by {by}: {why}",), again=True)
        if (wrong := unfit(approval)) is not None:
            return StrategyRefused(strategy=strategy.id, by=POLICY, reasons=(wrong,), again=True)
        if (late := untimely(approval, context.clock.now())) is not None:
            return _made_anew(incident, strategy, late)
        if approval.binding != strategy.binding(incident.id, incident.proposed_version):
            reasons = ("what was approved is not what would be done now",)
            return StrategyRefused(strategy=strategy.id, by=POLICY, reasons=reasons, again=True)
        decision = await self._judge(incident, strategy, context)
        basis = decision.basis
        if decision.verdict == "hold":  # a refusal would use the remedy up: after the maintenance it is still the one
            return _made_anew(incident, strategy, f"was approved, but {'; '.join(decision.reasons)}")
        if decision.verdict == "page":
            return _escalated(decision.reasons, decision)
        if decision.verdict not in {"approve", "ask"}:
            return StrategyRefused(strategy=strategy.id, by=POLICY, reasons=decision.reasons, again=True, basis=basis)
        if decision.verdict == "ask" and (missing := falls_short(approval, decision)) is not None:
            return _made_anew(incident, strategy, f"was approved, but by what policy wants now that is not enough ({missing})")
        return StrategyApproved(strategy=strategy, by=by, reasons=(f"approved by {by}", *decision.reasons), basis=basis)

    async def _judge(self, incident: Incident, strategy: Strategy, context: Context) -> Decision:
        world = await self._inventory.world(incident.target)
        past = await self._past.recent_incidents(incident.target)
        paused, clock, now = await self._past.paused(), self._clock_doubt(), context.clock.now()
        return decide(incident, strategy, self._policy, world, past, self._catalogue, now, paused=paused, clock=clock)


def _escalated(reasons: Sequence[str], decision: Decision) -> IncidentEscalated:
    return IncidentEscalated(reason=clean("; ".join(reasons), 2_000), basis=decision.basis)


def _made_anew(incident: Incident, strategy: Strategy, why: str) -> Payload:
    """The answer to a plan that does not count any more: it waited while the world moved on, or policy did.

    It is diagnosed again; what a person wishes is not carried out at another time than they asked for it, so they are told. So
    they are where the plan was to call one, because their wish could not be met: diagnosed again, it could be by then. An
    incident that is a person's own is diagnosed by nobody.
    """
    unmet = incident.manual or all(tried.strategy.requested_by is None for tried in incident.tried)
    wish_of = strategy.requested_by or (incident.failover_by if unmet else None)
    if wish_of is None:
        reason = clean(f"it {why}", 2_000)
        return IncidentUpdated(symptoms=incident.symptoms, observations=incident.observations, anew=reason)
    return IncidentEscalated(reason=f"what {clean(wish_of, 64)} asked for {why}: ask again")
