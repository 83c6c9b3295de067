"""Properties 10, 11, 12 and 18 under adversarial health: the product's own detection, diagnosis, plans, gate and executor.

A sequence gives two regions outages of any length, in any order, together or apart, seen through a watcher that errs. In half of
them the gate lets everything pass, so that the executor has to hold alone. `OVERWATCH_SEQUENCES=10000` plays as many.
"""

from __future__ import annotations

import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from sqlalchemy import StaticPool, create_engine
from tests_support import Build

from agents.catalogue import load_catalogue
from agents.durable import restraint
from agents.durable import schema as s
from agents.events import (
    Event,
    IncidentDiagnosed,
    IncidentEscalated,
    IncidentOpened,
    IncidentResolved,
    RollbackFinished,
    StrategyApproved,
    StrategyProposed,
    StrategyRefused,
    VerificationFailed,
    VerificationPassed,
)
from agents.execution import todo
from agents.facts import Confidence, Observation, Strategy, Symptom
from agents.foundry.embedded import EmbeddedReasoner
from agents.incident import evolve
from agents.orchestrator import judge
from agents.orchestrator.history import history_of
from agents.policy_settings import PolicySettings, PolicyWindow
from agents.seams import CallResult, Context, ProbeResult, RetryLaterError
from agents.sentry.detect import Stream
from agents.strategist.plans import remedies
from agents.traffic_controller import TrafficController
from agents.world import RegionFacts, World

SEQUENCES = int(os.environ.get("OVERWATCH_SEQUENCES", "500"))
STEPS, STEP_S = 60, 10.0
START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
FREEZE = PolicyWindow(name="launch", begins=START + timedelta(seconds=200), ends=START + timedelta(seconds=260))
POLICY = PolicySettings(
    max_switches=2, switch_window_s=400, hold_down_s=40, cool_down_s=0, actions_per_hour=50, hourly_budget=100, min_outcomes=0,
    confirm_blast_radius=1.0, give_up_after=50, plan_max_age_s=60,
)  # fmt: skip
FROZEN = POLICY.model_copy(update={"windows": (FREEZE,)})
CATALOGUE = load_catalogue()
REASONER = EmbeddedReasoner(CATALOGUE)
OTHER = {"east": "west", "west": "east"}
KINDS = frozenset({"unreachable"})


def driven(work):
    """The result of a coroutine whose seams never suspend."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("something waited for the outside")


class Sequence:
    """One simulated stretch of time: the truth about two regions, a watcher, a swarm, and what was done."""

    def __init__(self, seed: int, connection) -> None:
        self.chance = Random(seed)
        self.connection = connection
        self.time = START
        self.build = Build(self)
        self.policy = FROZEN if seed % 3 == 0 else POLICY
        self.gate = seed % 2 == 0
        self.noise = self.chance.choice((0.0, 0.1, 0.3))
        self.paused = seed % 5 == 0
        self.down = {region: self._outages() for region in OTHER}
        self.weights = {"east": 100, "west": 0}
        self.streams = {region: Stream(2, 2) for region in OTHER}
        self.incidents = []
        self.incident = None
        self.switches: list[datetime] = []
        self.counts: Counter[str] = Counter()
        self.controller = TrafficController(self, self.policy, self, self)

    def _outages(self) -> list[tuple[float, float]]:
        """When a region is down; short and long, regular and not."""
        spans, at, period = [], 0.0, self.chance.choice((5.0, 15.0, 30.0, 60.0, 200.0))
        while at < STEPS * STEP_S:
            at += self.chance.uniform(0, 2 * period)
            length = self.chance.uniform(0, 2 * period)
            spans.append((at, at + length))
            at += length
        return spans

    def now(self) -> datetime:
        return self.time

    def well(self, region: str) -> bool:
        at = (self.time - START).total_seconds()
        return not any(begin <= at < end for begin, end in self.down[region])

    async def probe(self, target: str, region: str | None) -> ProbeResult:
        """The independent look; it takes a moment, in which the region may go."""
        self.time += timedelta(seconds=0.3)
        ok = self.well(region)
        return ProbeResult(ok, self.time, 200 if ok else None, 5, region if ok else None, "200" if ok else "refused")

    async def world(self, target: str) -> World:
        return World(
            target="demo",
            allowed=frozenset({"failover_region"}),
            max_replicas=5,
            regions=tuple(
                RegionFacts(
                    region, "fail" if self.streams[region].on else "ok", traffic=self.weights[region],
                    replicas_ready=2 if self.well(region) else 0, replicas_desired=2,
                )
                for region in OTHER
            ),
        )  # fmt: skip

    async def execute(self, call, *, operation, incident, inverse, holder, refuse) -> CallResult:
        """The door's order over the product's own restraints; what it applies is judged at that very moment."""
        restraint.must_be_armed(self.connection)
        restraint.must_be_open(self.policy, call.target, self.time)
        reason = await refuse()
        restraint.must_be_armed(self.connection)
        restraint.must_be_open(self.policy, call.target, self.time)
        reason = reason or restraint.flapping(self.connection, call, operation, incident, self.policy, self.time)
        if reason is not None:
            self.counts["refused by the executor"] += 1
            return CallResult(operation, "refused", reason)
        self.connection.execute(
            s.intent.insert().values(
                operation=operation, incident=incident, tool=call.tool, arguments=f'{{"target": "{call.target}"}}',
                arguments_hash="", state_before="{}", epoch=1, status="succeeded", summary="", command="",
                started=self.time.isoformat(),
            )
        )  # fmt: skip
        self.apply(dict(call.weights), undo=operation.endswith("u"))
        return CallResult(operation, "succeeded", call.describe())

    def apply(self, weights: dict[str, int], *, undo: bool) -> None:
        """A switch happens; every property that this test is about is checked here."""
        assert sum(weights.values()) == 100
        assert set(weights) == set(OTHER)
        for region, weight in weights.items():
            if weight > self.weights[region]:
                assert self.well(region), f"users were moved to {region}, which is down"
        assert not self.is_paused(), "users were moved while automation was paused"
        assert not (self.policy.windows and FREEZE.begins <= self.time < FREEZE.ends), "users were moved in a freeze"
        self.switches.append(self.time)
        window = timedelta(seconds=self.policy.switch_window_s)
        recent = [at for at in self.switches if self.time - at < window]
        assert len(recent) <= self.policy.max_switches, f"{len(recent)} switches within {window}"
        self.weights = weights
        self.counts["undone" if undo else "moved"] += 1

    def is_paused(self) -> bool:
        at = (self.time - START).total_seconds()
        return self.paused and 100 <= at < 180

    def play(self) -> Counter[str]:
        for table in (s.intent, s.automation):
            self.connection.execute(table.delete())
        was = False
        for step in range(1, STEPS + 1):
            self.time = max(self.time, START + timedelta(seconds=step * STEP_S))
            if self.is_paused() != was:
                was = self.is_paused()
                self.connection.execute(s.automation.delete())
                self.connection.execute(s.automation.insert().values(id=1, paused=was, by="ada", reason="", at=""))
            self.look()
            self.act()
        self.counts["sequences"] += 1
        return self.counts

    def look(self) -> None:
        """Sentry's streams, through a watcher that errs."""
        for region, stream in self.streams.items():
            bad = (not self.well(region)) is not (self.chance.random() < self.noise)
            stream.add(KINDS if bad else frozenset(), self.time)
        sick = [region for region, stream in self.streams.items() if stream.on]
        if self.incident is None and sick:
            self.say(self.opened(sick))
            self.counts["incidents"] += 1
        elif self.incident is not None and not sick and self.incident.status in {"escalated", "retry", "open", "diagnosed"}:
            self.say(IncidentResolved(how="cleared", checks=()))

    def opened(self, sick: list[str]) -> IncidentOpened:
        seen = tuple(
            Observation(
                id=f"{region}-{metric}", region=region, metric=metric, value=value, baseline=baseline, text=metric, at=self.time
            )
            for region in OTHER
            for metric, value, baseline in (
                ("health", float(region not in sick), 1.0),
                ("probe_success", float(region not in sick), 1.0),
                ("replicas_ready", 2.0, 2.0),
            )
        )
        symptoms = tuple(
            Symptom(kind="unreachable", region=region, observations=(f"{region}-health",), since=self.time) for region in sick
        )
        return IncidentOpened(target="demo", title="down", symptoms=symptoms, observations=seen)

    def say(self, payload) -> Event:
        name = self.incident.id if self.incident is not None else f"INC-{len(self.incidents) + 1}"
        event = Event(
            id=f"{name}:{self.incident.version if self.incident else 0}", source="t", incident=name, data=payload, time=self.time
        )
        self.incident = evolve(self.incident, event)
        if self.incident.status == "resolved":
            self.incidents.append(self.incident)
            self.incident = None
        return event

    def act(self) -> None:
        """Go on with the incident as far as it goes now; one that is being verified waits for the next look."""
        for _ in range(12):
            incident = self.incident
            match incident.status if incident is not None else "none":
                case "open":
                    self.say(IncidentDiagnosed(diagnosis=REASONER.classify(incident)))
                case "diagnosed" | "retry":
                    self.propose()
                case "proposed":
                    self.decide()
                case "acting" | "undoing":
                    if not self.carry_out():
                        return
                case "verifying":
                    if self.time - incident.updated_at < timedelta(seconds=STEP_S):
                        return
                    self.verify()
                case "verified":
                    self.say(IncidentResolved(how="verified", checks=()))
                case _:
                    return

    def propose(self) -> None:
        found = next(iter(remedies(self.incident, driven(self.world("demo")), CATALOGUE)), None)
        if found is None or found[0].call is None:
            self.say(IncidentEscalated(reason="nothing is left to try"))
            self.counts["paged"] += 1
            return
        action, reach, why = found
        self.say(
            StrategyProposed(
                strategy=Strategy(
                    id=f"{self.incident.id}.s{self.incident.version}", target="demo",
                    fault_class=self.incident.diagnosis.fault_class, actions=(action,),
                    confidence=Confidence(track_record=0.95, evidence=0.95, outcomes=50), rationale=why,
                    expected_effect="users are served", blast_radius=reach, attempt=self.incident.attempt, created_at=self.time,
                )
            )
        )  # fmt: skip

    def decide(self) -> None:
        plan, incident = self.incident.strategy, self.incident
        history = history_of([*self.incidents, incident], paused=self.is_paused(), target="demo", besides=incident.id)
        world = driven(self.world("demo"))
        decision = judge(incident, plan, self.policy, world, history, CATALOGUE, self.time)
        self.counts[f"the gate said {decision.verdict}"] += 1
        if decision.verdict == "approve" or not self.gate:
            self.say(StrategyApproved(strategy=plan, by="policy", reasons=()))
        elif decision.verdict == "refuse":
            self.say(StrategyRefused(strategy=plan.id, by="policy", reasons=decision.reasons))
        else:
            self.say(IncidentEscalated(reason="a person has to decide"))

    def carry_out(self) -> bool:
        """The Traffic Controller's next step; False where it has to wait."""
        if todo(self.incident) is None:
            self.say(RollbackFinished(strategy=self.incident.strategy.id, complete=True, summary="undone"))
            return True
        event = Event(
            id="now", source="t", incident=self.incident.id, time=self.time,
            data=StrategyApproved(strategy=self.incident.strategy, by="policy", reasons=()),
        )  # fmt: skip
        try:
            outcome = driven(self.controller.handle(event, Context(self.incident, 1, self, self)))
        except RetryLaterError:
            self.counts["held back"] += 1
            return False
        for answer in outcome.emit:
            self.say(answer.data)
        return True

    def publish(self, item) -> None:
        """Nobody listens."""

    def verify(self) -> None:
        serving = next(region for region, weight in self.weights.items() if weight)
        kind = VerificationPassed if self.well(serving) else VerificationFailed
        self.counts["verified" if self.well(serving) else "not verified"] += 1
        self.say(kind(strategy=self.incident.strategy.id, checks=()))


@pytest.mark.timeout(1_800)
def test_p10_no_sequence_of_health_makes_users_go_to_and_fro(capsys):
    total: Counter[str] = Counter()
    engine = create_engine("sqlite://", poolclass=StaticPool)
    s.metadata.create_all(engine)
    with engine.connect() as connection:
        for seed in range(SEQUENCES):
            total += Sequence(seed, connection).play()
    engine.dispose()
    with capsys.disabled():
        print(f"\n{', '.join(f'{what}: {count}' for what, count in sorted(total.items()))}")
    for reached in ("moved", "undone", "refused by the executor", "held back", "paged", "verified", "not verified"):
        assert total[reached] > SEQUENCES / 1_000, f"{reached!r} was hardly ever reached: the test proves nothing of it"
