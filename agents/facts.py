"""The values that events are made of: what is observed, what is held to be the cause, what is planned, and what was checked.

Pure, immutable and typed; nothing here reads a clock, a file or the network.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

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
ToolName = Literal["restart_service", "scale_service", "deploy_container", "rollback_revision", "switch_traffic"]
ActionStatus = Literal["succeeded", "failed", "refused", "unknown"]
Health = Literal["ok", "warn", "fail", "unknown"]


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

    tool: ToolName
    target: Name
    region: Name | None = None
    weights: Mapping[Name, int] | None = None
    replicas: int | None = None
    image: str | None = None
    revision: str | None = None

    def arguments(self) -> dict[str, Any]:
        """The tool's arguments, without the unset ones."""
        return self.model_dump(mode="json", exclude={"tool"}, exclude_none=True)

    def digest(self) -> str:
        """The SHA-256 that tells this call from any other."""
        return hashlib.sha256(canonical(self.model_dump(mode="json"))).hexdigest()

    def describe(self) -> str:
        """One line for people, such as `switch_traffic east 0, west 100`."""
        if self.weights is not None:
            return f"{self.tool} " + ", ".join(f"{r} {w}" for r, w in sorted(self.weights.items()))
        extra = "" if self.replicas is None else f" to {self.replicas} replicas"
        extra += "" if self.image is None else f" {self.image}"
        extra += "" if self.revision is None else f" to {self.revision}"
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
    edited_by: str | None = None
    """Who changed what the swarm had proposed; such a plan is never automatic."""
    created_at: AwareDatetime

    def binding(self, incident: str, version: int) -> str:
        """SHA-256 over what would be done, to what, and at which version of the incident: what an approval is bound to."""
        unsaid = {"edited_by"} if self.edited_by is None else set()  # so that what an older version asked for stays bound
        what = {"incident": incident, "version": version, "strategy": self.model_dump(mode="json", exclude=unsaid)}
        return hashlib.sha256(canonical(what)).hexdigest()


RuleEffect = Literal["deny", "hold", "page", "ask", "allow"]
"""What one rule of the gate wants, the strictest first."""


class Finding(Frozen):
    """What one rule of the gate said about a plan. `rule` is its stable name, such as `confidence.threshold`."""

    rule: str
    effect: RuleEffect
    text: Text


class Basis(Frozen):
    """What a decision rested on beside the incident and its plan: enough to make it again from the log alone.

    `given` is canonical JSON of the policy, the world, the history and the catalogue's digest, as they were at `at`. It is text,
    so that a later version can read the event whatever has become of its settings.
    """

    verdict: str
    findings: tuple[Finding, ...]
    at: AwareDatetime
    given: str


class Check(Frozen):
    """One line of a verification."""

    name: str
    passed: bool
    detail: Text


def canonical(value: Any) -> bytes:
    """Canonical JSON: sorted keys, no spaces, UTF-8. What hashes are computed over."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
