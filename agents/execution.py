"""What Logistics and the Traffic Controller share: which step is next, whose it is, and how it is reported.

The next step follows from the incident alone, so that a delivery after a crash finds the same one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from agents.events import (
    ActionFinished,
    Event,
    IncidentEscalated,
    Payload,
    RollbackFinished,
    StrategyApproved,
    VerificationFailed,
    answer,
)
from agents.facts import Call, Strategy
from agents.incident import TOUCHED, Incident
from agents.policy_settings import PolicySettings
from agents.seams import CallResult, Context, Effects, Outcome
from agents.world import UnknownTargetError


@dataclass(frozen=True, slots=True)
class Todo:
    """The next thing to do for an incident: step `number` of its strategy, or the undoing of it."""

    strategy: Strategy
    number: int
    call: Call | None
    inverse: Call | None
    undo: bool

    @property
    def operation(self) -> str:
        """The deterministic id of the operation: the same step is the same operation, however often it is delivered."""
        return f"{self.strategy.id}:{self.number}{'u' if self.undo else ''}"


def todo(incident: Incident) -> Todo | None:
    """What is to be done next, or None where nothing is (left). A step that failed is undone too: it may have failed half-way."""
    strategy = incident.strategy
    if strategy is None:
        return None
    ended = incident.steps_of(strategy.id)
    if incident.status == "acting":
        number = sum(s.status == "succeeded" for s in ended)
        if number >= len(strategy.actions):
            return None
        action = strategy.actions[number]
        return Todo(strategy, number, action.call, action.inverse, undo=False)
    if incident.status == "undoing":
        undone = {s.step for s in incident.steps_of(strategy.id, undo=True)}
        for number in sorted((s.step for s in ended if s.status in TOUCHED), reverse=True):
            action = strategy.actions[number]
            if action.inverse is not None and number not in undone:
                return Todo(strategy, number, action.inverse, action.call, undo=True)
    return None


class Executor:
    """An agent that carries out the steps whose tool is its own. Subclasses add what must hold right before the call."""

    name: ClassVar[str]
    tools: ClassVar[frozenset[str]]
    types = frozenset({StrategyApproved.TYPE, ActionFinished.TYPE, VerificationFailed.TYPE})

    def __init__(self, effects: Effects, policy: PolicySettings) -> None:
        self._effects = effects
        self._policy = policy

    async def handle(self, event: Event, context: Context) -> Outcome:
        """Carry out the next step, if it is this agent's."""
        incident = context.incident
        if incident is None or incident.status not in {"acting", "undoing"}:
            return Outcome()
        next_ = todo(incident)
        if next_ is None:
            return self._nothing_left(event, incident, context)
        if not self._mine(next_.call):
            return Outcome()
        result = await self._carry_out(next_, incident, context)
        anew = result.status == "refused" and not next_.undo and self._stale(incident, context) is not None
        return Outcome(emit=tuple(self._report(event, next_, result, context, anew=anew)))

    def _mine(self, call: Call | None) -> bool:
        return call is not None and call.tool in self.tools

    def _nothing_left(self, event: Event, incident: Incident, context: Context) -> Outcome:
        del event, incident, context
        return Outcome()

    async def _carry_out(self, next_: Todo, incident: Incident, context: Context) -> CallResult:
        call = next_.call
        if call is None:
            return CallResult(next_.operation, "succeeded", "nothing to call")

        async def refuse() -> str | None:
            if call.target != incident.target:
                return f"{call.describe()} is about {call.target!r}, not {incident.target!r}: nothing is done"
            stale = None if next_.undo else self._stale(incident, context)
            try:
                return stale or await self._refusal(next_, incident)
            except UnknownTargetError as error:
                return f"{error}: nothing is done"

        return await self._effects.execute(
            call,
            operation=next_.operation,
            incident=incident.id,
            inverse=next_.inverse,
            holder=incident.id,
            refuse=refuse,
        )

    def _stale(self, incident: Incident, context: Context) -> str | None:
        decided = incident.decided_at
        limit = timedelta(seconds=self._policy.plan_max_age_s)
        if decided is None or context.clock.now() - decided > limit:
            return f"the plan was approved more than {limit.total_seconds():.0f} s ago: it is made anew"
        if decided - context.clock.now() > limit:
            return f"the plan was approved at {decided:%H:%M:%S}, which is still to come: the clock was set back"
        return None

    async def _refusal(self, next_: Todo, incident: Incident) -> str | None:
        """Why the step must not be done now, looked at right before it would be; None lets it pass."""
        del next_, incident
        return None

    def _report(self, event: Event, next_: Todo, result: CallResult, context: Context, *, anew: bool) -> list[Event]:
        now = context.clock.now()
        finished = ActionFinished(
            strategy=next_.strategy.id,
            step=next_.number,
            operation=next_.operation,
            status=result.status,
            summary=result.summary,
            command=result.command,
            undo=next_.undo,
            executor=self.name,
            anew=anew,
        )
        payloads: list[Payload] = [finished]
        what = next_.call.describe() if next_.call else next_.operation
        if result.status == "unknown":
            payloads.append(IncidentEscalated(reason=f"it is not known whether {what} happened: {result.summary}"))
        elif next_.undo and result.status != "succeeded":
            payloads.append(IncidentEscalated(reason=f"could not undo with {what}: {result.summary}"))
        return [answer(event, self.name, n, payload, now) for n, payload in enumerate(payloads)]


def rollback_finished(event: Event, agent: str, incident: Incident, context: Context) -> Outcome:
    """The event that ends an undoing with nothing left to undo."""
    strategy = incident.strategy
    if strategy is None or incident.status != "undoing":
        return Outcome()
    undone = incident.steps_of(strategy.id, undo=True)
    names = ", ".join(strategy.actions[s.step].kind for s in undone)
    failed = [s.summary for s in incident.steps_of(strategy.id) if s.status in {"failed", "refused"}]
    why = failed[0] if failed else "it did not help"
    summary = f"{why}; undone: {names}" if names else f"{why}; there was nothing to undo"
    finished = RollbackFinished(strategy=strategy.id, complete=True, summary=summary[:2_000])
    return Outcome(emit=(answer(event, agent, 0, finished, context.clock.now()),))
