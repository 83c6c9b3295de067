"""A person's own cases for the gate, as TOML: what would Overwatch do if …, and is that what we want?

A case names what matters to it. The rest is a good day for a plan: it is sure, has a record, can be taken back, and goes from a
sick region to one that is well, at noon (UTC) of a Monday.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, get_args

from pydantic import AwareDatetime, Field, ValidationError, field_validator, model_validator

from agents.catalogue import Catalogue
from agents.events import Event as LogEvent
from agents.events import FailoverRequested, IncidentDiagnosed, IncidentOpened, Payload, StrategyProposed
from agents.facts import Action, ActionKind, Call, Confidence, Diagnosis, Frozen, Health, Hypothesis, Name, Strategy, Symptom
from agents.incident import Incident, evolve
from agents.orchestrator.case import IDLE
from agents.orchestrator.history import History, Performed
from agents.orchestrator.policy import RULE_NAMES, Decision, Verdict, judge
from agents.policy_settings import PolicySettings
from agents.settings import TargetSettings
from agents.world import RegionFacts, World

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
ID = "INC-1"
Share = Annotated[float, Field(ge=0, le=1)]


class CaseError(ValueError):
    """The file of cases can't be used; the text names the case, the key and the remedy."""


class Done(Frozen):
    """Something that was done before."""

    action: ActionKind
    region: Name | None = None
    minutes_ago: float = Field(ge=0, le=60 * 24 * 366)
    helped: bool | None = None
    automatic: bool = True


class PolicyCase(Frozen):
    """One case: a plan, its circumstances, and what the gate is expected to say."""

    name: str = Field(min_length=1, max_length=200)
    expect: Verdict
    because: tuple[str, ...] = ()
    """Rules that must be among those that speak for the verdict."""
    needs: int | None = None
    target: Name = "demo"
    action: ActionKind = "failover_region"
    region: Name | None = None
    fault_class: str | None = None
    confidence: Share = 0.95
    track_record: Share | None = None
    evidence: Share | None = None
    word: Share | None = None
    outcomes: float = Field(default=50, ge=0)
    blast_radius: Share = 0.4
    reversible: bool = True
    at: AwareDatetime = NOON
    requested_by: str | None = None
    paused: bool = False
    busy_with: str | None = None
    history: tuple[Done, ...] = ()
    regions: Mapping[Name, Health] = Field(default_factory=dict)
    """The regions of the target, and how each is; the first that fails is the sick one."""

    @field_validator("because", mode="before")
    @classmethod
    def _one_or_more(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("because")
    @classmethod
    def _rules_are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in RULE_NAMES:
                near = difflib.get_close_matches(name, RULE_NAMES, n=1, cutoff=0.5)
                hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(RULE_NAMES)}"
                raise ValueError(f"{name!r} is not a rule{hint}")
        return names

    @model_validator(mode="after")
    def _fits_together(self) -> PolicyCase:
        moves = self.action in {"failover_region", "switch_traffic"}
        if self.requested_by is not None and self.action != "failover_region":
            raise ValueError(f"a person asks for failover_region alone, not for {self.action}: leave `requested_by` out")
        if moves and self.regions and len(self.regions) < 2:
            raise ValueError(f"{self.action} needs two regions at least: name them in `regions`")
        if self.needs is not None and self.expect != "ask":
            raise ValueError(f'`needs` is about an "ask", this case expects {self.expect!r}: leave it out')
        return self


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of one case; `wrong` says what was not as expected, and is empty where all was."""

    case: PolicyCase
    decision: Decision
    wrong: tuple[str, ...]


class _File(Frozen):
    case: tuple[PolicyCase, ...] = Field(min_length=1)


def read_cases(text: str) -> tuple[PolicyCase, ...]:
    """The cases of a file. Raises CaseError."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CaseError(f"this is not valid TOML: {error}") from error
    try:
        return _File.model_validate(table).case
    except ValidationError as error:
        problems = error.errors(include_url=False)
        raise CaseError("; ".join(_said(p["loc"], p["type"], p["msg"], table) for p in problems)) from error


def _said(location: tuple[int | str, ...], type_: str, message: str, table: Mapping[str, object]) -> str:
    """One problem in words, with the case's name and, for an unknown key, the nearest known one."""
    if location == ("case",) and type_ in {"missing", "too_short"}:
        return "there is no case: begin one with [[case]]"
    where = ".".join(str(part) for part in location)
    cases = table.get("case")
    if len(location) > 1 and isinstance(location[1], int) and isinstance(cases, list):
        written = cases[location[1]]
        name = written.get("name") if isinstance(written, Mapping) else None
        where = f"case {location[1] + 1}" + (f" ({name!r})" if name else "")
        if len(location) > 2:
            where += ", " + ".".join(repr(part) for part in location[2:])
    if type_ == "extra_forbidden":
        known = Done.model_fields if "history" in location else PolicyCase.model_fields if len(location) > 2 else {"case": None}
        near = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
        return f"{where}: not a key" + (f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}")
    return f"{where}: {message.removeprefix('Value error, ')}"


def run_case(case: PolicyCase, policy: PolicySettings, targets: Mapping[str, TargetSettings], catalogue: Catalogue) -> CaseResult:
    """Judge one case by `policy`. Raises CaseError where it contradicts the configuration or the catalogue."""
    world = _world(case, targets.get(case.target))
    incident = _incident(case, world, catalogue)
    performed = tuple(
        Performed(d.action, case.target, d.region, case.at - timedelta(minutes=d.minutes_ago), d.automatic, d.helped)
        for d in case.history
    )
    history = History(performed, case.paused, case.busy_with)
    if incident.strategy is None:
        raise CaseError(f"{case.name!r} has no plan")
    decision = judge(incident, incident.strategy, policy, world, history, catalogue, case.at)
    wrong = []
    if decision.verdict != case.expect:
        wrong.append(f"expected {case.expect}, came to {decision.verdict}")
    spoke = {finding.rule for finding in decision.findings if (finding.effect != "allow") is (decision.verdict != "approve")}
    wrong += [f"{rule} did not speak for it" for rule in case.because if rule not in spoke]
    if case.needs is not None and decision.needs != case.needs:
        wrong.append(f"expected {case.needs} to approve, {decision.needs} have to")
    return CaseResult(case, decision, tuple(wrong))


def _world(case: PolicyCase, settings: TargetSettings | None) -> World:
    names = tuple(case.regions) or (tuple(settings.regions) if settings is not None else ("east", "west"))
    if case.region is not None and case.region not in names:
        raise CaseError(f"{case.name!r}: {case.region!r} is not a region of {case.target!r}; known: {', '.join(names)}")
    sick = case.region or next((name for name in names if case.regions.get(name, "ok") == "fail"), names[0])
    every: frozenset[ActionKind] = frozenset(kind for kind in get_args(ActionKind) if kind not in IDLE)
    facts = tuple(
        RegionFacts(
            name,
            case.regions.get(name, "fail" if name == sick else "ok"),
            traffic=100 if name == sick else 0,
            replicas_ready=2,
            replicas_desired=2,
            image="app:2",
            revision="r2",
            previous_revision="r1",
            previous_image="app:1",
        )
        for name in sorted(names, key=lambda name: name != sick)
    )
    platform = settings.platform if settings is not None else None
    return World(
        case.target,
        settings.actions() if settings is not None else every,
        platform.max_replicas if platform is not None else 5,
        facts,
    )


def _incident(case: PolicyCase, world: World, catalogue: Catalogue) -> Incident:
    sick = world.regions[0].region
    fault = case.fault_class or next((f.id for f in catalogue.faults.values() if case.action in f.right), "manual")
    if case.fault_class is not None and case.fault_class not in catalogue.faults:
        near = difflib.get_close_matches(case.fault_class, catalogue.faults, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(catalogue.faults)}"
        raise CaseError(f"{case.name!r}: {case.fault_class!r} is not a fault class; {hint}")
    failing = [f.region for f in world.regions if f.health == "fail"] or [sick]
    symptoms = tuple(Symptom(kind="health_fail", region=name, since=case.at) for name in failing)
    told: list[Payload] = [IncidentOpened(target=case.target, title=case.name, symptoms=symptoms, observations=())]
    other = next((f.region for f in world.regions if f.region != sick), sick)
    if case.requested_by is not None:
        told.append(FailoverRequested(target=case.target, region=other, by=case.requested_by))
        fault = "manual"
    else:
        told.append(IncidentDiagnosed(diagnosis=_diagnosis(fault, case)))
    told.append(StrategyProposed(strategy=_strategy(case, _action(case, world, other, catalogue), fault)))
    incident: Incident | None = None
    for n, payload in enumerate(told):
        incident = evolve(incident, LogEvent(id=f"case:{n}", source="case", incident=ID, data=payload, time=case.at))
    if incident is None:
        raise CaseError(f"{case.name!r} tells nothing")
    return incident


def _diagnosis(fault: str, case: PolicyCase) -> Diagnosis:
    hypothesis = Hypothesis(fault_class=fault, probability=0.9, why=case.name)
    return Diagnosis(
        fault_class=fault,
        cause=case.name,
        regions=(),
        hypotheses=(hypothesis,),
        cites=(),
        evidence=case.confidence,
        source="case",
    )


def _strategy(case: PolicyCase, action: Action, fault: str) -> Strategy:
    record = case.confidence if case.track_record is None else case.track_record
    evidence = case.confidence if case.evidence is None else case.evidence
    return Strategy(
        id=f"{ID}.s1",
        target=case.target,
        fault_class=fault,
        actions=(action,),
        confidence=Confidence(track_record=record, evidence=evidence, word=case.word, outcomes=case.outcomes),
        rationale=case.name,
        expected_effect=case.name,
        blast_radius=case.blast_radius,
        attempt=1,
        requested_by=case.requested_by,
        created_at=case.at,
    )


def _action(case: PolicyCase, world: World, other: str, catalogue: Catalogue) -> Action:
    sick, kind = world.regions[0], case.action
    at: Mapping[str, str] = {"target": case.target, "region": sick.region}
    there: Call | None = None
    back: Call | None = None
    match kind:
        case "failover_region" | "switch_traffic":
            if other == sick.region:
                raise CaseError(f"{case.name!r}: {case.target} has one region alone, its users can't be moved")
            now = {f.region: f.traffic or 0 for f in world.regions}
            there = Call(tool="switch_traffic", target=case.target, weights=dict.fromkeys(now, 0) | {other: 100})
            back = Call(tool="switch_traffic", target=case.target, weights=now)
        case "restart_service":
            there = Call(tool="restart_service", **at)
        case "scale_service":
            there, back = Call(tool="scale_service", replicas=3, **at), Call(tool="scale_service", replicas=2, **at)
        case "deploy_container":
            there, back = Call(tool="deploy_container", image="app:3", **at), Call(tool="deploy_container", image="app:2", **at)
        case "rollback_revision":
            there, back = Call(tool=kind, revision="r1", **at), Call(tool=kind, revision="r2", **at)
        case "page_person" | "do_nothing":
            pass
    harmless = catalogue.action(kind).harmless
    return Action(kind=kind, call=there, inverse=back if case.reversible else None, harmless=harmless and case.reversible)
