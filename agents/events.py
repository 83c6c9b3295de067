"""What the agents say to each other: immutable events, shaped after CloudEvents 1.0, with typed payloads.

Pure: nothing here reads a clock, a file or the network. An event's id is deterministic, so that emitting it again is a no-op.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Literal

from pydantic import AwareDatetime, Field

from agents.facts import ActionStatus, Basis, Check, Diagnosis, Frozen, Name, Observation, Strategy, Symptom, Text, canonical

AGENTS = ("Sentry", "Diagnostician", "Strategist", "Orchestrator", "Logistics", "Traffic Controller")
"""The six, in the order of the way of an incident."""

_LOOK_ALIKES = str.maketrans(
    "авеіјкмнорѕстухһԁԛԝгαβγειηκμνορτυχζıɑɡӏ01345|",
    "abeijkmhopsctyxhdqwrabyeihkmnoptyxziagloieasi",
)


class UnknownEventTypeError(ValueError):
    """A stored event has a type that this version does not know; upgrade Overwatch to read it."""


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
    """More was seen before anything was done: another region, another symptom. Leads to a new diagnosis.

    So it does where nothing more is seen, and the plan does not count any more: `anew` says why then.
    """

    TYPE = "incident.updated"
    symptoms: tuple[Symptom, ...]
    observations: tuple[Observation, ...]
    anew: Text = ""


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
    needs: int = 1
    """How many different people have to approve."""
    approvers: tuple[str, ...] = ()
    """Who may approve; empty means every person."""
    confirm: str = ""
    """What has to be typed to approve, where it reaches many users; empty where nothing has."""
    basis: Basis | None = None


class ApprovalDecided(Payload):
    """A person (`by`) decided, or the deadline passed (`by` is `deadline`). `confirm` is what was typed to approve."""

    TYPE = "approval.decided"
    approval: str
    strategy: str
    binding: str
    approved: bool
    by: str
    reason: Text = ""
    confirm: Text = ""


class StrategyEdited(Payload):
    """A person put `strategy` in the place of the one that was waited for. The request for the old one is void."""

    TYPE = "strategy.edited"
    approval: str
    replaces: str
    strategy: Strategy
    by: str


class StrategyApproved(Payload):
    """It may be carried out. `by` is `policy` or a person's name; every reason is shown."""

    TYPE = "strategy.approved"
    strategy: Strategy
    by: str
    reasons: tuple[str, ...]
    basis: Basis | None = None


class StrategyRefused(Payload):
    """It may not be carried out. `again` tells the Strategist to look for something else."""

    TYPE = "strategy.refused"
    strategy: str
    by: str
    reasons: tuple[str, ...]
    again: bool = False
    basis: Basis | None = None


class ActionFinished(Payload):
    """One step was carried out, or undone (`undo`), or could not be. `command` is the equivalent command line.

    `anew` says that it was refused because the plan had waited too long: nothing was learned of the remedy.
    """

    TYPE = "action.finished"
    strategy: str
    step: int
    operation: str
    status: ActionStatus
    summary: Text
    command: Text = ""
    undo: bool = False
    executor: str
    anew: bool = False


class VerificationPassed(Payload):
    """Sentry checked from outside, after the settle window: it helped and harmed nothing else.

    `simulated` says whether the target was; None in the records of versions that did not say.
    """

    TYPE = "verification.passed"
    strategy: str
    checks: tuple[Check, ...]
    simulated: bool | None = None


class VerificationFailed(Payload):
    """Sentry checked from outside: it did not help, or harmed something. `simulated` is as for one that passed."""

    TYPE = "verification.failed"
    strategy: str
    checks: tuple[Check, ...]
    simulated: bool | None = None


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
    basis: Basis | None = None


class IncidentResolved(Payload):
    """`how`: `verified` after an action, or `cleared` where the symptoms went away without one."""

    TYPE = "incident.resolved"
    how: Literal["verified", "cleared"]
    checks: tuple[Check, ...]


class IncidentClosed(Payload):
    """A person (`by`) ends an incident without a look from outside: it says nothing about whether anything got better.

    `gone` says that the target is not configured any more, so that nothing of the swarm's can be under way there.
    """

    TYPE = "incident.closed"
    by: str
    reason: Text = Field(min_length=1)
    gone: bool = False


class AutomationPaused(Payload):
    """Nothing is executed until it is armed again; survives restarts."""

    TYPE = "automation.paused"
    by: str
    reason: Text = ""


class AutomationArmed(Payload):
    """Automation may act again, within policy."""

    TYPE = "automation.armed"
    by: str


class AutomationStood(Frozen):
    """How automation stood when the records that say so were taken away."""

    paused: bool
    by: str
    reason: Text
    at: AwareDatetime


class JournalPruned(Payload):
    """Retention took the oldest records away: `records` of them, up to number `upto`, whose hash was `hash`.

    `archive` is the file that holds them, with the SHA-256 of its bytes; empty where none was wanted. `automation` is set where
    no record is left that says how it stands.
    """

    TYPE = "journal.pruned"
    upto: int
    hash: str
    records: int
    incidents: int
    keep_days: int
    archive: str = ""
    archive_sha256: str = ""
    automation: AutomationStood | None = None


A_PERSON_S_WORD = (ApprovalDecided, StrategyEdited, FailoverRequested, IncidentClosed, AutomationArmed)
"""What no agent may say: it opens a way past the gate."""

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
        StrategyEdited,
        StrategyApproved,
        StrategyRefused,
        ActionFinished,
        VerificationPassed,
        VerificationFailed,
        RollbackFinished,
        IncidentEscalated,
        IncidentResolved,
        IncidentClosed,
        AutomationPaused,
        AutomationArmed,
        JournalPruned,
    )
}


def is_person(name: str) -> bool:
    """Whether somebody of this name may ask and approve: consent is never inferred, and never given by the swarm to itself.

    A name of the swarm's own counts as such however it is written: case, spaces, accents, invisible and look-alike letters.
    """
    plain = _plain(name)
    return plain != "" and plain not in {_plain(own) for own in ("policy", "deadline", *AGENTS)}


def same_person(one: str, other: str) -> bool:
    """Whether two names read alike, and so count as one person where two are needed."""
    return _plain(one) == _plain(other)


def _plain(name: str) -> str:
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold()).translate(_LOOK_ALIKES)
    return "".join(letter for letter in folded if letter.isalnum()).replace("l", "i")


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
