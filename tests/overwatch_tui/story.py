"""One incident as a story that can be told up to any chapter, and the telemetry that goes with it. Times are fixed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from agents.calibration import calibrate
from agents.events import (
    ActionFinished,
    ApprovalDecided,
    ApprovalRequested,
    Event,
    IncidentDiagnosed,
    IncidentEscalated,
    IncidentOpened,
    IncidentResolved,
    Payload,
    RollbackFinished,
    StrategyApproved,
    StrategyProposed,
    VerificationFailed,
    VerificationPassed,
    answer,
)
from agents.facts import Action, Call, Check, Confidence, Diagnosis, Hypothesis, Observation, Strategy, Symptom
from agents.scores import Calibration
from agents.seams import OutcomeRecord
from agents.telemetry import AgentState, RegionSample, SwarmState, Thought, UsersSample
from overwatch_tui.bridge.buffer import Buffer, HistoryLoaded
from overwatch_tui.bridge.pump import Pump
from overwatch_tui.state.models import AGENTS, HostView
from overwatch_tui.state.store import Store

START = datetime(2026, 11, 23, 14, 1, 50, tzinfo=UTC)
NOW = START + timedelta(seconds=21)

CHAPTERS = ("opened", "diagnosed", "proposed", "asked", "approved", "acted", "verified", "resolved")


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def strategy(incident: str = "INC-7", target: str = "demo", model_word: float | None = 0.9) -> Strategy:
    call = Call(tool="switch_traffic", target=target, weights={"east": 0, "west": 100})
    return Strategy(
        id=f"{incident}-S1",
        target=target,
        fault_class="dependency_down",
        actions=(
            Action(
                kind="failover_region",
                call=call,
                inverse=Call(tool="switch_traffic", target=target, weights={"east": 100, "west": 0}),
            ),
        ),
        confidence=Confidence(track_record=0.78, evidence=0.92, word=model_word, outcomes=11),
        rationale="east alone lost its database; west answers in 38 ms and its replication lag is 0.2 s",
        expected_effect="users are served from west within 10 s, errors go to 0 %",
        blast_radius=1.0,
        attempt=1,
        created_at=at(9),
    )


def observations() -> tuple[Observation, ...]:
    return (
        Observation(
            id="o1",
            region="east",
            metric="p95",
            value=1900,
            baseline=40,
            unit="ms",
            text="1.9 s, 48 times its baseline",
            at=at(7),
        ),
        Observation(id="o2", region="east", metric="errors", value=0.41, baseline=0, text="41 % of requests fail", at=at(7)),
        Observation(id="o3", region="east", metric="health", text="db check says fail: connection refused", at=at(7.5)),
        Observation(id="o4", region="west", metric="p95", value=38, baseline=39, unit="ms", text="38 ms, as always", at=at(7.5)),
    )


def payloads(incident: str = "INC-7", target: str = "demo", **asked: Any) -> dict[str, tuple[str, float, Payload]]:
    """Each chapter's agent, second and words; `asked` is added to the request for approval."""
    plan = strategy(incident, target)
    since = at(6)
    diagnosis = Diagnosis(
        fault_class="dependency_down",
        cause="the database of east refuses connections; west has its own and is fine",
        regions=("east",),
        hypotheses=(
            Hypothesis(
                fault_class="dependency_down", probability=0.91, why="the db check fails in east only", cites=("o1", "o3")
            ),
            Hypothesis(fault_class="network", probability=0.06, why="would move p50 and p95 alike", cites=("o1",)),
            Hypothesis(fault_class="bad_deploy", probability=0.03, why="no new revision for 3 days", ruled_out=True),
        ),
        cites=("o1", "o3"),
        evidence=0.92,
        source="embedded",
    )
    version = 3
    return {
        "opened": (
            "Sentry",
            8,
            IncidentOpened(
                target=target,
                title="east: latency, errors",
                symptoms=(
                    Symptom(kind="latency", region="east", since=since),
                    Symptom(kind="errors", region="east", since=since),
                ),
                observations=observations(),
            ),
        ),
        "diagnosed": ("Diagnostician", 9, IncidentDiagnosed(diagnosis=diagnosis)),
        "proposed": ("Strategist", 9.4, StrategyProposed(strategy=plan)),
        "asked": (
            "Orchestrator",
            9.6,
            ApprovalRequested(
                approval=f"{incident}-1-v3",
                strategy=plan.id,
                binding=plan.binding(incident, version),
                reasons=("confidence 0.78 is not above 0.85",),
                deadline=at(9.6 + 600),
                **asked,
            ),
        ),
        "decided": (
            "anna",
            15,
            ApprovalDecided(
                approval=f"{incident}-1-v3", strategy=plan.id, binding=plan.binding(incident, version), approved=True, by="anna"
            ),
        ),
        "approved": ("Orchestrator", 15.2, StrategyApproved(strategy=plan, by="anna", reasons=("approved by anna",))),
        "acted": (
            "Traffic Controller",
            17,
            ActionFinished(
                strategy=plan.id,
                step=0,
                operation=f"{incident}-S1-0",
                status="succeeded",
                summary="users are served by west (5 of 5 probes)",
                command="az afd origin update --profile-name demo --origin-name east --weight 1 --enabled-state Disabled",
                executor="Traffic Controller",
            ),
        ),
        "verified": (
            "Sentry",
            20,
            VerificationPassed(
                strategy=plan.id,
                checks=(
                    Check(name="users", passed=True, detail="0 % of 40 requests failed, p95 39 ms"),
                    Check(name="west", passed=True, detail="p95 39 ms, before 38 ms"),
                    Check(name="symptom", passed=True, detail="no user reaches east"),
                ),
            ),
        ),
        "resolved": ("Sentry", 20.5, IncidentResolved(how="verified", checks=())),
        "failed": (
            "Sentry",
            20,
            VerificationFailed(
                strategy=plan.id,
                checks=(
                    Check(name="users", passed=False, detail="38 % of 40 requests failed"),
                    Check(name="west", passed=True, detail="p95 39 ms"),
                ),
            ),
        ),
        "undone": (
            "Traffic Controller",
            22,
            RollbackFinished(strategy=plan.id, complete=True, summary="switch_traffic east 100, west 0"),
        ),
        "undo": (
            "Traffic Controller",
            21,
            ActionFinished(
                strategy=plan.id,
                step=0,
                operation=f"{incident}-S1-0-undo",
                status="succeeded",
                summary="east 100, west 0 again",
                undo=True,
                executor="Traffic Controller",
            ),
        ),
        "escalated": (
            "Strategist",
            23,
            IncidentEscalated(reason="nothing that is left to try would help: look at the database of east"),
        ),
    }


def told(*chapters: str, incident: str = "INC-7", target: str = "demo", **asked: Any) -> tuple[Event, ...]:
    """The events of these chapters, each answering the one before."""
    made = payloads(incident, target, **asked)
    events: list[Event] = []
    for n, chapter in enumerate(chapters):
        agent, seconds, data = made[chapter]
        if not events:
            events.append(Event(id=f"{incident}:opened", source=agent, incident=incident, data=data, time=at(seconds)))
        else:
            events.append(answer(events[-1], agent, n, data, at(seconds)))
    return tuple(events)


OPENED = ("opened",)
DIAGNOSED = ("opened", "diagnosed")
PROPOSED = (*DIAGNOSED, "proposed")
AWAITING = (*PROPOSED, "asked")
ACTING = (*AWAITING, "decided", "approved")
VERIFYING = (*ACTING, "acted")
RESOLVED = (*VERIFYING, "verified", "resolved")
ESCALATED = (*VERIFYING, "failed", "undo", "undone", "escalated")


def region_sample(
    region: str, when: float, *, broken: bool = False, traffic: int = 0, target: str = "demo", n: int = 0
) -> RegionSample:
    wobble = math.sin(n * 1.7) * 4
    return RegionSample(
        target=target,
        region=region,
        at=at(when),
        state="fail" if broken else "ok",
        detail="db: connection refused" if broken else "",
        p95_ms=1900 + wobble * 40 if broken else 39 + wobble,
        error_rate=0.41 if broken else 0.0,
        rps=18.2 if traffic else 0.4,
        cpu=22 if traffic else 3,
        replicas_ready=2,
        replicas_desired=2,
        traffic=traffic,
    )


def users_sample(when: float, *, broken: bool = False, region: str = "east", target: str = "demo", n: int = 0) -> UsersSample:
    wobble = math.sin(n * 1.3) * 5
    return UsersSample(
        target=target,
        at=at(when),
        state="fail" if broken else "ok",
        error_rate=0.4 if broken else 0.0,
        p95_ms=1850 + wobble * 30 if broken else 42 + wobble,
        rps=18.4,
        region=region,
    )


def swarm_state(
    when: float = 0, *, automation: str = "armed", problem: str = "", paused_by: str = "", paused_reason: str = ""
) -> SwarmState:
    return SwarmState(
        at=at(when),
        automation=automation,  # type: ignore[arg-type]
        reasoning="embedded",
        bus="embedded",
        threshold=0.85,
        problem=problem,
        paused_by=paused_by,
        paused_reason=paused_reason,
        paused_at=at(when) if paused_by else None,
    )


def calibration(count: int = 40, *, target: str = "demo") -> Calibration:
    """What so many verified outcomes of the demo say of the numbers; every eleventh failed."""
    kinds = (("failover_region", "dependency_down"), ("restart_service", "process_degraded"), ("restart_service", "crash"))
    outcomes = [
        OutcomeRecord(
            operation=f"op{n}",
            target=target,
            action=kinds[n % 7 % 3][0],
            fault_class=kinds[n % 7 % 3][1],
            succeeded=n % 11 != 10,
            simulated=n % 4 != 0,
            at=at(n - 5_000),
            confidence=Confidence(track_record=min(0.97, 0.68 + n / 120), evidence=0.92 if n % 5 else 0.7, outcomes=n),
            decided_by="policy",
        )
        for n in range(count)
    ]
    return calibrate(outcomes, now=NOW, threshold=0.85, min_outcomes=5, demos={"demo"}, targets={"demo", "shop"})


def agent_states(when: float = 0, state: str = "idle", working: Sequence[str] = ()) -> tuple[AgentState, ...]:
    return tuple(AgentState(name, "working" if name in working else state, at(when)) for name in AGENTS)  # type: ignore[arg-type]


def thoughts(*, streaming: bool = False) -> tuple[Thought, ...]:
    first = (
        "p95 rose 48 times at 14:01:55, in east only; its db check is fail, and west is unchanged.\n"
        "Competing: network 0.06, because p50 would have moved too; bad_deploy is ruled out, no revision changed."
    )
    second = "failover_region to west is reversible and west has headroom: 18 rps of 60. Undo is switch_traffic east 100."
    return (
        Thought("Diagnostician", "INC-7", first, "embedded", at(9), done=True),
        Thought("Strategist", "INC-7", second[: 40 if streaming else None], "embedded", at(9.3), done=not streaming),
    )


class Teller:
    """Fills a store by way of the real buffer and the real pump."""

    def __init__(self) -> None:
        self.buffer = Buffer()
        self.store = Store()
        self._pump = Pump(self.buffer, lambda _: None, self.store)

    def up(self, *, history: Sequence[Event] = (), working: Sequence[str] = ()) -> Teller:
        self.buffer.note(HostView("running"))
        self.buffer.note(HistoryLoaded(history))
        for state in agent_states(working=working):
            self.buffer.publish(state)
        self.buffer.publish(swarm_state())
        self.tick()
        return self

    def samples(
        self, *, broken_for: int = 0, moved_for: int = 0, until: float = 20, count: int = 60, target: str = "demo"
    ) -> Teller:
        for n in range(count):
            when = until - (count - 1 - n)
            broken = n >= count - broken_for
            moved = n >= count - moved_for
            self.buffer.publish(region_sample("east", when, broken=broken, traffic=0 if moved else 100, n=n, target=target))
            self.buffer.publish(region_sample("west", when, traffic=100 if moved else 0, n=n + 9, target=target))
            self.buffer.publish(
                users_sample(when, broken=broken and not moved, region="west" if moved else "east", n=n, target=target)
            )
            self.tick()
        return self

    def publish(self, *items: object) -> Teller:
        for item in items:
            self.buffer.publish(item)  # type: ignore[arg-type]
        self.tick()
        return self

    def host(self, view: HostView) -> Teller:
        self.buffer.note(view)
        self.tick()
        return self

    def tick(self) -> None:
        self._pump.tick()
        while self.store.behind:
            self._pump.tick()
