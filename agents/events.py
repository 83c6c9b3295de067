"""What the agents say to each other: immutable events, shaped after CloudEvents 1.0, with typed payloads.

Pure: nothing here reads a clock, a file or the network. An event's id is deterministic, so that emitting it again is a no-op.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
"""A target or a region: lower case, digits and hyphens."""

Text = Annotated[str, Field(max_length=2_000)]
"""Words for people. Whatever came from outside has gone through `agents.sanitize.clean` before it is put here."""

SymptomKind = Literal["unreachable", "health_fail", "latency", "errors", "replicas_missing", "users_failing"]
ActionKind = Literal[
    "failover_region",
    "restart_service",
    "scale_service",
    "deploy_container",
    "rollback_revision",
    "switch_traffic",
    "page_person",
    "do_nothing",
]
ActionStatus = Literal["succeeded", "failed", "refused", "unknown"]


AGENTS = ("Sentry", "Diagnostician", "Strategist", "Orchestrator", "Logistics", "Traffic Controller")
"""The six, in the order of the way of an incident."""

NOT_A_PERSON = frozenset({"", "policy", "deadline", *AGENTS})
"""Names under which nothing can be approved: consent is never inferred, and never given by the swarm to itself."""


class UnknownEventTypeError(ValueError):
    """A stored event has a type that this version does not know; upgrade Overwatch to read it."""


class Frozen(BaseModel):
    """A value: never changed, compared by content, refusing fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Observation(Frozen):
    """One measured fact that a diagnosis can cite. `value` and `baseline` are in `unit`."""

    id: str
    region: Name | None = None
    metric: str
    value: float | None = None
    baseline: float | None = None
    unit: str = ""
    text: Text
    at: AwareDatetime


class Symptom(Frozen):
    """A sustained deviation of one region (or of what users see, when `region` is None)."""

    kind: SymptomKind
    region: Name | None = None
    observations: tuple[str, ...] = ()
    since: AwareDatetime


class Hypothesis(Frozen):
    """One possible cause; `probability` is in 0..1 and is a ranking, not a licence to act."""

    fault_class: str
    probability: float = Field(ge=0, le=1)
    why: Text
    cites: tuple[str, ...] = ()
    ruled_out: bool = False


class Diagnosis(Frozen):
    """What the Diagnostician holds to be the cause, with what it cited and what it ruled out.

    `evidence` (0..1) is the deterministic checklist of the embedded engine; `word` is a model's own number, if a model spoke.
    """

    fault_class: str
    cause: Text
    regions: tuple[Name, ...]
    hypotheses: tuple[Hypothesis, ...]
    cites: tuple[str, ...]
    evidence: float = Field(ge=0, le=1)
    word: float | None = Field(default=None, ge=0, le=1)
    source: str
    """`embedded`, or the name of the model that spoke."""


class Call(Frozen):
    """One call of an MCP tool on one target. Only the fields that the tool takes are set."""

    tool: Literal["restart_service", "scale_service", "deploy_container", "switch_traffic"]
    target: Name
    region: Name | None = None
    weights: Mapping[Name, int] | None = None
    replicas: int | None = None
    image: str | None = None

    def arguments(self) -> dict[str, Any]:
        """The tool's arguments, without the unset ones."""
        return self.model_dump(mode="json", exclude={"tool"}, exclude_none=True)

    def describe(self) -> str:
        """One line for people, such as `switch_traffic east 0, west 100`."""
        if self.weights is not None:
            return f"{self.tool} " + ", ".join(f"{r} {w}" for r, w in sorted(self.weights.items()))
        extra = "" if self.replicas is None else f" to {self.replicas} replicas"
        extra += "" if self.image is None else f" {self.image}"
        return f"{self.tool} {self.region or self.target}{extra}"


class Action(Frozen):
    """A step of a strategy: a catalogue entry bound to a target. Without `call` it touches nothing (`page_person`, `do_nothing`).

    `inverse` undoes it; `harmless` says that there is nothing to undo because the configuration stays as it was (a restart).
    """

    kind: ActionKind
    call: Call | None = None
    inverse: Call | None = None
    harmless: bool = False

    @property
    def reversible(self) -> bool:
        """Whether what it does can be taken back, or needs no taking back."""
        return self.call is None or self.harmless or self.inverse is not None


class Confidence(Frozen):
    """`min` of three numbers in 0..1, each shown; `outcomes` is how many verified outcomes stand behind the record."""

    track_record: float = Field(ge=0, le=1)
    evidence: float = Field(ge=0, le=1)
    word: float | None = Field(default=None, ge=0, le=1)
    outcomes: float = Field(default=0, ge=0)

    @property
    def value(self) -> float:
        """The number that the gate compares; a model's word may lower it, never raise it."""
        parts = [self.track_record, self.evidence]
        return min(parts if self.word is None else [*parts, self.word])


class Strategy(Frozen):
    """An ordered plan against one diagnosis.

    `blast_radius` is the share of users that it touches, 0..1, from the catalogue and from what was observed.
    """

    id: str
    target: Name
    fault_class: str
    actions: tuple[Action, ...] = Field(min_length=1)
    confidence: Confidence
    rationale: Text
    expected_effect: Text
    blast_radius: float = Field(ge=0, le=1)
    attempt: int = Field(ge=1)
    requested_by: str | None = None
    """A person's name where a person asked for it (a forced failover); None for the swarm's own."""
    created_at: AwareDatetime

    def binding(self, incident: str, version: int) -> str:
        """SHA-256 over what would be done, to what, and at which version of the incident: what an approval is bound to."""
        what = {"incident": incident, "version": version, "strategy": self.model_dump(mode="json")}
        return hashlib.sha256(canonical(what)).hexdigest()


class Check(Frozen):
    """One line of a verification."""

    name: str
    passed: bool
    detail: Text


class Payload(Frozen):
    """The typed content of an event; `TYPE` is its CloudEvents type."""

    TYPE: ClassVar[str]


class IncidentOpened(Payload):
    """Sentry saw sustained symptoms (or a person asked for a failover: `manual`)."""

    TYPE = "incident.opened"
    target: Name
    title: Text
    symptoms: tuple[Symptom, ...]
    observations: tuple[Observation, ...]
    manual: bool = False


class IncidentUpdated(Payload):
    """More was seen before anything was done: another region, another symptom. Leads to a new diagnosis."""

    TYPE = "incident.updated"
    symptoms: tuple[Symptom, ...]
    observations: tuple[Observation, ...]


class IncidentDiagnosed(Payload):
    """The Diagnostician's answer."""

    TYPE = "incident.diagnosed"
    diagnosis: Diagnosis


class FailoverRequested(Payload):
    """A person wants the target's users in `region`."""

    TYPE = "failover.requested"
    target: Name
    region: Name
    by: str


class StrategyProposed(Payload):
    """The Strategist's plan, to be judged."""

    TYPE = "strategy.proposed"
    strategy: Strategy


class ApprovalRequested(Payload):
    """The Orchestrator may not decide alone; a person has until `deadline`."""

    TYPE = "approval.requested"
    approval: str
    strategy: str
    binding: str
    reasons: tuple[str, ...]
    deadline: AwareDatetime


class ApprovalDecided(Payload):
    """A person (`by`) decided, or the deadline passed (`by` is `deadline`)."""

    TYPE = "approval.decided"
    approval: str
    strategy: str
    binding: str
    approved: bool
    by: str
    reason: Text = ""


class StrategyApproved(Payload):
    """It may be carried out. `by` is `policy` or a person's name; every reason is shown."""

    TYPE = "strategy.approved"
    strategy: Strategy
    by: str
    reasons: tuple[str, ...]


class StrategyRefused(Payload):
    """It may not be carried out. `again` tells the Strategist to look for something else."""

    TYPE = "strategy.refused"
    strategy: str
    by: str
    reasons: tuple[str, ...]
    again: bool = False


class ActionFinished(Payload):
    """One step was carried out, or undone (`undo`), or could not be. `command` is the equivalent command line."""

    TYPE = "action.finished"
    strategy: str
    step: int
    operation: str
    status: ActionStatus
    summary: Text
    command: Text = ""
    undo: bool = False
    executor: str


class VerificationPassed(Payload):
    """Sentry checked from outside, after the settle window: it helped and harmed nothing else."""

    TYPE = "verification.passed"
    strategy: str
    checks: tuple[Check, ...]


class VerificationFailed(Payload):
    """Sentry checked from outside: it did not help, or harmed something."""

    TYPE = "verification.failed"
    strategy: str
    checks: tuple[Check, ...]


class RollbackFinished(Payload):
    """What could be undone has been; the Strategist is asked again."""

    TYPE = "rollback.finished"
    strategy: str
    complete: bool
    summary: Text


class IncidentEscalated(Payload):
    """A person is paged; the swarm goes on watching, and does nothing more to this target by itself."""

    TYPE = "incident.escalated"
    reason: Text


class IncidentResolved(Payload):
    """`how`: `verified` after an action, or `cleared` where the symptoms went away without one."""

    TYPE = "incident.resolved"
    how: Literal["verified", "cleared"]
    checks: tuple[Check, ...]


class AutomationPaused(Payload):
    """Nothing is executed until it is armed again; survives restarts."""

    TYPE = "automation.paused"
    by: str
    reason: Text = ""


class AutomationArmed(Payload):
    """Automation may act again, within policy."""

    TYPE = "automation.armed"
    by: str


PAYLOADS: Mapping[str, type[Payload]] = {
    p.TYPE: p
    for p in (
        IncidentOpened,
        IncidentUpdated,
        IncidentDiagnosed,
        FailoverRequested,
        StrategyProposed,
        ApprovalRequested,
        ApprovalDecided,
        StrategyApproved,
        StrategyRefused,
        ActionFinished,
        VerificationPassed,
        VerificationFailed,
        RollbackFinished,
        IncidentEscalated,
        IncidentResolved,
        AutomationPaused,
        AutomationArmed,
    )
}


class Event(Frozen):
    """An immutable fact. `incident` is empty for facts about the swarm itself; `cause` is the id of the event it answers."""

    id: str = Field(max_length=400)
    source: str
    incident: str = ""
    data: Payload
    cause: str | None = None
    time: AwareDatetime
    traceparent: str | None = None

    @property
    def type(self) -> str:
        """The CloudEvents type of the payload."""
        return self.data.TYPE

    def data_json(self) -> str:
        """The payload as canonical JSON."""
        return canonical(self.data.model_dump(mode="json")).decode()


def answer(cause: Event, agent: str, n: int, data: Payload, at: datetime, *, incident: str | None = None) -> Event:
    """The n-th event with which `agent` answers `cause`; the same arguments give the same id."""
    return Event(
        id=short_id(f"{cause.id}>{agent}:{n}"),
        source=agent,
        incident=cause.incident if incident is None else incident,
        data=data,
        cause=cause.id,
        time=at,
        traceparent=cause.traceparent,
    )


def short_id(full: str) -> str:
    """`full`, or its tail behind a digest of the whole where a long chain of causes would outgrow 200 characters."""
    if len(full) <= 200:
        return full
    return f"{hashlib.sha256(full.encode()).hexdigest()[:24]}~{full.rsplit('>', 1)[-1]}"


def load_payload(type_: str, raw: str) -> Payload:
    """The payload of a stored event. Raises UnknownEventTypeError, or pydantic's ValidationError where the content is damaged."""
    try:
        model = PAYLOADS[type_]
    except KeyError:
        raise UnknownEventTypeError(f"unknown event type {type_!r}: upgrade Overwatch to read this database") from None
    return model.model_validate_json(raw)


def canonical(value: Any) -> bytes:
    """Canonical JSON: sorted keys, no spaces, UTF-8. What hashes are computed over."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
