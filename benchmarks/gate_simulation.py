"""What each way to gate lets through: the model's word alone, the track record alone, the whole scheme. Seeded, and printed.

The confidence, the records and the decision of the whole scheme are the product's own (`agents.confidence`,
`agents.orchestrator`); the world around them is made up, and its assumptions are printed. Run it with `make simulate`.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from agents.calibration import calibrate, wilson
from agents.catalogue import load_catalogue
from agents.confidence import confidence, weigh
from agents.events import Event, IncidentDiagnosed, IncidentOpened, StrategyProposed
from agents.facts import Action, Call, Confidence, Diagnosis, Hypothesis, Observation, Strategy, Symptom
from agents.incident import Incident, evolve
from agents.orchestrator import History, judge
from agents.policy_settings import PolicySettings
from agents.seams import OutcomeRecord
from agents.world import RegionFacts, World

START = datetime(2026, 1, 1, tzinfo=UTC)
TARGET = "shop"
POLICY = PolicySettings()
CATALOGUE = load_catalogue()
KINDS = (
    ("restart_service", "crash"),
    ("restart_service", "resource_leak"),
    ("restart_service", "connection_exhaustion"),
    ("restart_service", "process_degraded"),
    ("failover_region", "region_down"),
    ("failover_region", "dependency_down"),
    ("failover_region", "network"),
    ("scale_service", "capacity"),
)
WORLD = World(
    target=TARGET,
    allowed=frozenset({"failover_region", "restart_service", "scale_service"}),
    max_replicas=10,
    regions=(
        RegionFacts("east", "fail", traffic=100, replicas_ready=2, replicas_desired=2),
        RegionFacts("west", "ok", traffic=0, replicas_ready=2, replicas_desired=2),
    ),
)
ASSUMPTIONS = """\
  kinds        {kinds} pairs of action and fault class; each works at a hidden rate, drawn from Beta(9, 1) once per world,
               where the diagnosis is right
  diagnosis    right in 85 % of incidents; where it is wrong, the action works in 10 % of them all the same
  evidence     the share of the checklist that holds: Beta(30, 1.5), about 0.95, where the diagnosis is right; Beta(8, 4),
               about 0.67, where it is wrong
  the word     a model is sure of itself: Beta(30, 2), about 0.94, where it is right, Beta(20, 2.5), about 0.89, where it is
               wrong, and 0.95 whatever happens in every fourth incident
  people       what is not automatic goes to a person, who approves 90 % of what is right and 30 % of what is wrong;
               whatever is carried out is verified and counts in the record
  time         {per_day:g} incidents a day; each scheme meets the same incidents and keeps a record of its own
  not in it    budgets, cool-down, hold-down and give-up: they stop repetition, and would only lower the failures"""


@dataclass(frozen=True)
class Case:
    """One incident as fate has it: what is proposed, what the numbers say, and what would come of it."""

    at: datetime
    action: str
    fault_class: str
    evidence: float
    word: float
    works: bool
    person_approves: bool


@dataclass(frozen=True)
class Done:
    """What a scheme made of one case."""

    case: Case
    automatic: bool
    carried_out: bool
    numbers: Confidence


Scheme = Callable[[Case, Confidence], bool]


def word_alone(_case: Case, numbers: Confidence) -> bool:
    """The model is believed."""
    return (numbers.word or 0.0) > POLICY.threshold


def record_alone(_case: Case, numbers: Confidence) -> bool:
    """What worked before is done again, whatever is seen now."""
    return numbers.track_record > POLICY.threshold and numbers.outcomes >= POLICY.min_outcomes


def whole_scheme(case: Case, numbers: Confidence) -> bool:
    """The product's own gate."""
    incident, strategy = proposal(case, numbers)
    return judge(incident, strategy, POLICY, WORLD, History(), CATALOGUE, case.at).verdict == "approve"


SCHEMES: dict[str, Scheme] = {
    "the model's word alone": word_alone,
    "the track record alone": record_alone,
    "the whole scheme": whole_scheme,
}


def proposal(case: Case, numbers: Confidence) -> tuple[Incident, Strategy]:
    """The case as the incident and the plan that the Orchestrator gets."""
    call, inverse = _calls(case.action)
    strategy = Strategy(
        id="INC-1.s1v2",
        target=TARGET,
        fault_class=case.fault_class,
        actions=(Action(kind=case.action, call=call, inverse=inverse, harmless=inverse is None),),  # type: ignore[arg-type]
        confidence=numbers,
        rationale="simulated",
        expected_effect="simulated",
        blast_radius=0.5,
        attempt=1,
        created_at=case.at,
    )
    seen = Observation(id="o1", region="east", metric="health", value=0, text="east is not well", at=case.at)
    symptom = Symptom(kind="health_fail", region="east", observations=("o1",), since=case.at)
    diagnosis = Diagnosis(
        fault_class=case.fault_class,
        cause="simulated",
        regions=("east",),
        hypotheses=(Hypothesis(fault_class=case.fault_class, probability=0.9, why="simulated", cites=("o1",)),),
        cites=("o1",),
        evidence=numbers.evidence,
        word=numbers.word,
        source="simulated",
    )
    incident: Incident | None = None
    for n, payload in enumerate(
        (
            IncidentOpened(target=TARGET, title="simulated", symptoms=(symptom,), observations=(seen,)),
            IncidentDiagnosed(diagnosis=diagnosis),
            StrategyProposed(strategy=strategy),
        )
    ):
        incident = evolve(incident, Event(id=f"e{n}", source="simulation", incident="INC-1", data=payload, time=case.at))
    if incident is None:
        raise AssertionError("three events make an incident")
    return incident, strategy


def _calls(action: str) -> tuple[Call, Call | None]:
    match action:
        case "failover_region":
            there = Call(tool="switch_traffic", target=TARGET, weights={"east": 0, "west": 100})
            return there, there.model_copy(update={"weights": {"east": 100, "west": 0}})
        case "scale_service":
            more = Call(tool="scale_service", target=TARGET, region="east", replicas=3)
            return more, more.model_copy(update={"replicas": 2})
        case _:
            return Call(tool="restart_service", target=TARGET, region="east"), None


def world_of(seed: int, count: int, per_day: float) -> list[Case]:
    """A world's incidents in the order of time."""
    chance = random.Random(seed)
    rates = {kind: chance.betavariate(9, 1) for kind in KINDS}
    return [_case(chance, n / per_day, *(kind := chance.choice(KINDS)), rate=rates[kind]) for n in range(count)]


def drifting(seed: int, days: int, per_day: float, turns: float) -> list[Case]:
    """One remedy that works nearly always until day `turns`, and then hardly ever, while everything looks as before."""
    chance = random.Random(seed)
    whole = round(days * per_day)
    return [_case(chance, n / per_day, *KINDS[0], rate=0.98 if n / per_day < turns else 0.1, right=True) for n in range(whole)]


def _case(chance: random.Random, day: float, action: str, fault_class: str, *, rate: float, right: bool | None = None) -> Case:
    right = chance.random() < 0.85 if right is None else right
    evidence = chance.betavariate(30, 1.5) if right else chance.betavariate(8, 4)
    word = 0.95 if chance.random() < 0.25 else chance.betavariate(30, 2) if right else chance.betavariate(20, 2.5)
    works = chance.random() < (rate if right else 0.1)
    approves = chance.random() < (0.9 if right else 0.3)
    return Case(START + timedelta(days=day), action, fault_class, evidence, word, works, approves)


def run(cases: Sequence[Case], scheme: Scheme) -> list[Done]:
    """One scheme's way through a world, learning from what it carried out."""
    known: dict[str, list[OutcomeRecord]] = {}
    done = []
    for n, case in enumerate(cases):
        mine = known.setdefault(case.action, [])
        record = weigh(mine, action=case.action, fault_class=case.fault_class, target=TARGET, now=case.at)
        numbers = confidence(record, case.evidence, case.word)
        automatic = scheme(case, numbers)
        carried_out = automatic or case.person_approves
        done.append(Done(case, automatic, carried_out, numbers))
        if carried_out:
            mine.append(_outcome(n, case, numbers, automatic))
    return done


def _outcome(n: int, case: Case, numbers: Confidence, automatic: bool) -> OutcomeRecord:
    return OutcomeRecord(
        operation=str(n),
        target=TARGET,
        action=case.action,
        fault_class=case.fault_class,
        succeeded=case.works,
        simulated=False,
        at=case.at,
        confidence=numbers,
        decided_by="policy" if automatic else "ada",
    )


def shares(done: Sequence[Done]) -> tuple[int, int, int]:
    """How many cases there were, how many were automatic, and how many of those failed."""
    automatic = [d for d in done if d.automatic]
    return len(done), len(automatic), sum(not d.case.works for d in automatic)


def share(part: int, of: int) -> str:
    """A share with its 95 % interval (Wilson 1927)."""
    if not of:
        return "–"
    low, high = wilson(part / of, of)
    return f"{part / of:6.1%} ({low:.1%} to {high:.1%})"


def main(seed: int = 7, worlds: int = 6, count: int = 1_500, per_day: float = 4.0) -> None:
    print(f"Gate simulation, seed {seed}: {worlds} worlds of {count} incidents, threshold {POLICY.threshold}")
    print("Assumed:")
    print(ASSUMPTIONS.format(kinds=len(KINDS), per_day=per_day))
    made = [world_of(seed * 1_000 + n, count, per_day) for n in range(worlds)]
    results = {name: [run(cases, scheme) for cases in made] for name, scheme in SCHEMES.items()}
    print("\nApproved automatically, and failed of those (95 % interval):")
    for name, ways in results.items():
        total, automatic, failed = shares([d for done in ways for d in done])
        print(f"  {name:<24} {share(automatic, total)}   failed {share(failed, automatic)}")
    whole = results["the whole scheme"]
    _tell_learning(whole)
    _tell_numbers(whole)
    _tell_drift(seed)


def _tell_learning(whole: Sequence[Sequence[Done]]) -> None:
    print("\nThe whole scheme over time:")
    length = len(whole[0])
    for quarter in range(4):
        part = [d for done in whole for d in done[quarter * length // 4 : (quarter + 1) * length // 4]]
        total, automatic, failed = shares(part)
        first = part[0].case.at - START
        last = part[-1].case.at - START
        print(f"  days {first.days:3} to {last.days:3}           {share(automatic, total)}   failed {share(failed, automatic)}")


def _tell_numbers(whole: Sequence[Sequence[Done]]) -> None:
    """What `overwatch-tui calibration` would say of these outcomes."""
    carried_out = [d for done in whole for d in done if d.carried_out]
    outcomes = [_outcome(n, d.case, d.numbers, d.automatic) for n, d in enumerate(carried_out)]
    measured = calibrate(outcomes, now=outcomes[-1].at, threshold=POLICY.threshold, min_outcomes=POLICY.min_outcomes)
    print(f"\nHow far each number came true, over the {len(outcomes)} outcomes of the whole scheme:")
    for curve in measured.curves:
        skill = "–" if curve.skill is None else f"{curve.skill:+.0%}"
        print(f"  {curve.source:<24} Brier {curve.brier:.3f}   ECE {curve.ece:.3f}   skill {skill}")


def _tell_drift(seed: int, days: int = 120, per_day: float = 2.0, turns: float = 60.0) -> None:
    print(f"\nA remedy that stops working on day {turns:.0f} of {days}, with {per_day:g} incidents a day and evidence as before:")
    for name, scheme in SCHEMES.items():
        done = run(drifting(seed, days, per_day, turns), scheme)
        after = [d for d in done if (d.case.at - START).total_seconds() >= turns * 86_400]
        failed = [d for d in after if d.automatic and not d.case.works]
        last = max((d.case.at - START for d in failed), default=timedelta(days=turns))
        closed = f"the last on day {last / timedelta(days=1):.1f}"
        if after[-1].automatic:
            closed = "and it is still open at the end"
        print(f"  {name:<24} {len(failed):3} automatic failures, {closed}")


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:2]))
