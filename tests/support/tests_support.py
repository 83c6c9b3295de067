"""Builders and stand-ins for the swarm's tests. Each has the interface of the real thing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agents.events import (
    ActionFinished,
    ApprovalDecided,
    ApprovalRequested,
    Event,
    IncidentDiagnosed,
    IncidentOpened,
    Payload,
    StrategyApproved,
    StrategyProposed,
    VerificationFailed,
)
from agents.facts import Action, Call, Confidence, Diagnosis, Hypothesis, Observation, Strategy, Symptom
from agents.incident import Incident, evolve
from agents.seams import CallResult, Context, ProbeResult
from agents.telemetry import Telemetric
from agents.world import RegionFacts, UnknownTargetError, World


class SpyTelemetry:
    """Keeps what was published."""

    def __init__(self) -> None:
        self.items: list[Telemetric] = []

    def publish(self, item: Telemetric) -> None:
        self.items.append(item)


class SpyEffects:
    """Records every call; asks `refuse` first, as the real door does."""

    def __init__(self, status: str = "succeeded") -> None:
        self.calls: list[tuple[str, Call]] = []
        self.status = status

    async def execute(self, call, *, operation, incident, inverse, holder, refuse) -> CallResult:
        if (reason := await refuse()) is not None:
            return CallResult(operation, "refused", reason)
        self.calls.append((operation, call))
        return CallResult(operation, self.status, f"{call.describe()} {self.status}", command=f"az {call.tool}")


class FixedInventory:
    """A world that the test may change."""

    def __init__(self, world: World) -> None:
        self.facts = world

    async def world(self, target: str) -> World:
        if target != self.facts.target:
            raise UnknownTargetError(f"{target!r} is not a target; known: {[self.facts.target]}")
        return self.facts


class ScriptedProber:
    """Answers from a list, then goes on with the last answer."""

    def __init__(self, clock, answers: Sequence[bool] = (True,), region: str | None = None) -> None:
        self._clock = clock
        self._answers = list(answers)
        self._region = region
        self.asked: list[tuple[str, str | None]] = []

    async def probe(self, target: str, region: str | None) -> ProbeResult:
        self.asked.append((target, region))
        ok = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        answered = self._region or region
        return ProbeResult(ok, self._clock.now(), 200 if ok else 503, 12, answered, "200" if ok else "503 service unavailable")


class Build:
    """Makes valid values with little text; keyword arguments change what a test is about."""

    def __init__(self, clock) -> None:
        self.clock = clock

    def world(self, **changes: Any) -> World:
        east = RegionFacts("east", "fail", traffic=100, replicas_ready=2, replicas_desired=2, image="mini-app:1")
        west = RegionFacts("west", "ok", traffic=0, replicas_ready=2, replicas_desired=2, image="mini-app:1")
        values: dict[str, Any] = {
            "target": "demo",
            "allowed": frozenset({"failover_region", "switch_traffic", "restart_service", "scale_service"}),
            "max_replicas": 5,
            "regions": (east, west),
        }
        return World(**(values | changes))

    def failover(self) -> Action:
        to_west = Call(tool="switch_traffic", target="demo", weights={"east": 0, "west": 100})
        back = Call(tool="switch_traffic", target="demo", weights={"east": 100, "west": 0})
        return Action(kind="failover_region", call=to_west, inverse=back)

    def restart(self, region: str = "east") -> Action:
        return Action(kind="restart_service", call=Call(tool="restart_service", target="demo", region=region), harmless=True)

    def scale(self, replicas: int = 3) -> Action:
        call = Call(tool="scale_service", target="demo", region="east", replicas=replicas)
        return Action(kind="scale_service", call=call, inverse=call.model_copy(update={"replicas": 2}))

    def page(self) -> Action:
        return Action(kind="page_person")

    def confidence(self, value: float = 0.9, *, outcomes: float = 20, word: float | None = None) -> Confidence:
        return Confidence(track_record=value, evidence=0.99, word=word, outcomes=outcomes)

    def strategy(self, *actions: Action, **changes: Any) -> Strategy:
        values: dict[str, Any] = {
            "id": "INC-1/s1",
            "target": "demo",
            "fault_class": "region_down",
            "actions": actions or (self.failover(),),
            "confidence": self.confidence(),
            "rationale": "east refuses everything, west is well",
            "expected_effect": "users are served by west",
            "blast_radius": 1.0,
            "attempt": 1,
            "created_at": self.clock.now(),
        }
        return Strategy(**(values | changes))

    def opened(self, *regions: str) -> IncidentOpened:
        now = self.clock.now()
        sick = regions or ("east",)
        return IncidentOpened(
            target="demo",
            title=f"{', '.join(sick)}: health fail, errors",
            symptoms=tuple(
                Symptom(kind="health_fail", region=r, observations=(f"o{n}",), since=now) for n, r in enumerate(sick, 1)
            ),
            observations=tuple(
                Observation(id=f"o{n}", region=r, metric="health", value=0, text=f"{r} answers 503", at=now)
                for n, r in enumerate(sick, 1)
            ),
        )

    def diagnosis(self, fault_class: str = "region_down") -> Diagnosis:
        return Diagnosis(
            fault_class=fault_class,
            cause="east is gone, west is fine",
            regions=("east",),
            hypotheses=(Hypothesis(fault_class=fault_class, probability=0.9, why="all its probes fail", cites=("o1",)),),
            cites=("o1",),
            evidence=0.95,
            source="embedded",
        )

    def event(self, payload: Payload, *, incident: str = "INC-1", id_: str | None = None, source: str = "test") -> Event:
        return Event(
            id=id_ or f"{payload.TYPE}@{self.clock.now().isoformat()}",
            source=source,
            incident=incident,
            data=payload,
            time=self.clock.now(),
        )

    def fold(self, *payloads: Payload) -> Incident:
        """The incident after these payloads, in order."""
        incident: Incident | None = None
        for payload in payloads:
            incident = evolve(incident, self.event(payload))
        assert incident is not None
        return incident

    def proposed(self, strategy: Strategy | None = None) -> Incident:
        plan = strategy or self.strategy()
        return self.fold(
            self.opened(), IncidentDiagnosed(diagnosis=self.diagnosis(plan.fault_class)), StrategyProposed(strategy=plan)
        )

    def awaiting(self, strategy: Strategy | None = None, *, ttl_s: float = 600, **changes: Any) -> Incident:
        from datetime import timedelta

        incident = self.proposed(strategy)
        assert incident.strategy is not None
        binding = incident.strategy.binding(incident.id, incident.proposed_version)
        request = ApprovalRequested(
            approval="A1",
            strategy=incident.strategy.id,
            binding=binding,
            reasons=("confidence 0.66 is not above 0.85",),
            deadline=self.clock.now() + timedelta(seconds=ttl_s),
            **changes,
        )
        return evolve(incident, self.event(request))

    def decided(self, incident: Incident, *, approved: bool = True, by: str = "ada", **changes: Any) -> ApprovalDecided:
        assert incident.approval is not None
        values: dict[str, Any] = {
            "approval": incident.approval.id,
            "strategy": incident.approval.strategy,
            "binding": incident.approval.binding,
            "approved": approved,
            "by": by,
            "confirm": incident.approval.confirm if approved else "",
        }
        return ApprovalDecided(**(values | changes))

    def acting(self, strategy: Strategy | None = None) -> Incident:
        plan = strategy or self.strategy()
        return evolve(self.proposed(plan), self.event(StrategyApproved(strategy=plan, by="policy", reasons=())))

    def finished(self, incident: Incident, step: int = 0, *, status: str = "succeeded", undo: bool = False) -> ActionFinished:
        assert incident.strategy is not None
        return ActionFinished(
            strategy=incident.strategy.id,
            step=step,
            operation=f"{incident.strategy.id}:{step}{'u' if undo else ''}",
            status=status,
            summary="done",
            undo=undo,
            executor="Traffic Controller",
        )

    def undoing(self, strategy: Strategy | None = None) -> Incident:
        incident = self.acting(strategy)
        assert incident.strategy is not None
        for step in range(len(incident.strategy.actions)):
            incident = evolve(incident, self.event(self.finished(incident, step)))
        return evolve(incident, self.event(VerificationFailed(strategy=incident.strategy.id, checks=())))

    def context(self, incident: Incident | None, attempt: int = 1) -> Context:
        return Context(incident=incident, attempt=attempt, clock=self.clock, telemetry=SpyTelemetry())
