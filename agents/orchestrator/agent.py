"""The Orchestrator on the bus: asks policy, then a person where policy says so, and checks again what a person approved."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from datetime import timedelta
from typing import Protocol

from agents.catalogue import Catalogue
from agents.events import (
    ApprovalDecided,
    ApprovalRequested,
    Event,
    IncidentEscalated,
    Payload,
    StrategyApproved,
    StrategyEdited,
    StrategyProposed,
    StrategyRefused,
    answer,
)
from agents.facts import Strategy
from agents.incident import Approval, Incident
from agents.orchestrator.people import approvers, needed, unfit
from agents.orchestrator.policy import Decision, History, history_of, judge
from agents.policy_settings import PolicySettings
from agents.seams import Context, Inventory, Outcome
from agents.world import UnknownTargetError

POLICY = "policy"
DEADLINE = "deadline"


class Past(Protocol):
    """Where the Orchestrator reads what happened before."""

    async def recent_incidents(self, target: str) -> Sequence[Incident]:
        """The newest incidents of a target, resolved ones included."""
        ...

    async def paused(self) -> bool:
        """Whether automation is paused."""
        ...


class Orchestrator:
    """Judges strategies. `never` has a tool in its hand: it only emits decisions."""

    name = "Orchestrator"
    types = frozenset({StrategyProposed.TYPE, StrategyEdited.TYPE, ApprovalDecided.TYPE})

    def __init__(self, policy: PolicySettings, inventory: Inventory, past: Past, catalogue: Catalogue) -> None:
        self._policy = policy
        self._inventory = inventory
        self._past = past
        self._catalogue = catalogue

    async def handle(self, event: Event, context: Context) -> Outcome:
        """Answer a proposal with a decision or a request, and a person's decision with a decision."""
        incident = context.incident
        if incident is None or incident.strategy is None:
            return Outcome()
        if isinstance(event.data, StrategyProposed | StrategyEdited) and incident.status == "proposed":
            if event.data.strategy.id != incident.strategy.id:
                return Outcome()
            payload = await self._told(self._proposed(incident, incident.strategy, context))
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

    async def _proposed(self, incident: Incident, strategy: Strategy, context: Context) -> Payload:
        decision = await self._judge(incident, strategy, context)
        match decision.verdict:
            case "approve":
                return StrategyApproved(strategy=strategy, by=strategy.requested_by or POLICY, reasons=decision.reasons)
            case "page":
                return IncidentEscalated(reason="; ".join(decision.reasons))
            case "refuse":
                return StrategyRefused(strategy=strategy.id, by=POLICY, reasons=decision.reasons, again=True)
            case "ask":
                now = context.clock.now()
                who = approvers(self._policy, strategy)
                if who is None:
                    return IncidentEscalated(reason="nobody is on every list of approvers that holds for this: change policy")
                return ApprovalRequested(
                    approval=f"{incident.id}-{strategy.attempt}-v{incident.proposed_version}",
                    strategy=strategy.id,
                    binding=strategy.binding(incident.id, incident.proposed_version),
                    reasons=decision.reasons,
                    deadline=now + timedelta(seconds=self._policy.approval_ttl_s),
                    needs=needed(self._policy, strategy),
                    approvers=who,
                    confirm=strategy.target if strategy.blast_radius > self._policy.confirm_blast_radius else "",
                )

    async def _answered(self, incident: Incident, strategy: Strategy, approval: Approval, context: Context) -> Payload:
        by = " and ".join(approval.people) or approval.by or ""
        if approval.by == DEADLINE:
            return IncidentEscalated(reason=f"nobody decided on {strategy.actions[0].kind} before {approval.deadline:%H:%M:%S}")
        if not approval.approved:
            why = approval.reason or "no reason given"
            return StrategyRefused(strategy=strategy.id, by=by, reasons=(f"rejected by {by}: {why}",), again=True)
        if (wrong := unfit(approval, context.clock.now())) is not None:
            return StrategyRefused(strategy=strategy.id, by=POLICY, reasons=(wrong,), again=True)
        if approval.binding != strategy.binding(incident.id, incident.proposed_version):
            reasons = ("what was approved is not what would be done now",)
            return StrategyRefused(strategy=strategy.id, by=POLICY, reasons=reasons, again=True)
        decision = await self._judge(incident, strategy, context)
        if decision.verdict not in {"approve", "ask"}:
            return StrategyRefused(strategy=strategy.id, by=POLICY, reasons=decision.reasons, again=True)
        return StrategyApproved(strategy=strategy, by=by, reasons=(f"approved by {by}", *decision.reasons))

    async def _judge(self, incident: Incident, strategy: Strategy, context: Context) -> Decision:
        world = await self._inventory.world(incident.target)
        history: History = history_of(
            await self._past.recent_incidents(incident.target),
            paused=await self._past.paused(),
            target=incident.target,
            besides=incident.id,
        )
        return judge(incident, strategy, self._policy, world, history, self._catalogue, context.clock.now())
