"""The life of an incident under every order of events: what is legal is written down here a second time, by hand."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import Connection, insert
from tests_support import Build

from agents.durable import outcomes
from agents.durable import schema as s
from agents.durable.errors import ConflictError
from agents.durable.store import Store
from agents.events import (
    ActionFinished,
    ApprovalDecided,
    ApprovalRequested,
    Event,
    FailoverRequested,
    IncidentDiagnosed,
    IncidentEscalated,
    IncidentResolved,
    IncidentUpdated,
    Payload,
    RollbackFinished,
    StrategyApproved,
    StrategyProposed,
    StrategyRefused,
    VerificationFailed,
    VerificationPassed,
)
from agents.incident import IllegalTransitionError, Incident, evolve
from agents.outcome import outcome_of
from agents.seams import Outcome

UNDECIDED = {"open", "diagnosed", "proposed", "awaiting", "watching", "retry"}
LEGAL = (
    {("none", "opened", "open"), ("open", "diagnosed", "diagnosed"), ("proposed", "requested", "awaiting")}
    | {(status, "updated", "open") for status in UNDECIDED}
    | {(status, "failover", "diagnosed") for status in {*UNDECIDED, "escalated"}}
    | {(status, "proposed", "proposed") for status in ("diagnosed", "retry")}
    | {("awaiting", "decided", "awaiting"), ("escalated", "updated", "escalated")}
    | {(status, "approved", after) for status in ("proposed", "awaiting") for after in ("acting", "watching")}
    | {(status, "refused", "retry") for status in ("proposed", "awaiting")}
    | {("acting", "finished", after) for after in ("acting", "verifying", "undoing")}
    | {("undoing", "finished", "undoing"), ("escalated", "finished", "escalated")}
    | {("verifying", "passed", "verified"), ("verifying", "failed", "undoing"), ("undoing", "rolled back", "retry")}
    | {(status, "escalated", "escalated") for status in {*UNDECIDED, "acting", "verifying", "verified", "undoing", "escalated"}}
    | {(status, "resolved", "resolved") for status in {*UNDECIDED, "verified", "escalated"}}
)
"""Every step from one status to the next that may ever be taken."""

KINDS = {
    "updated": IncidentUpdated,
    "diagnosed": IncidentDiagnosed,
    "failover": FailoverRequested,
    "proposed": StrategyProposed,
    "requested": ApprovalRequested,
    "decided": ApprovalDecided,
    "approved": StrategyApproved,
    "refused": StrategyRefused,
    "finished": ActionFinished,
    "passed": VerificationPassed,
    "failed": VerificationFailed,
    "rolled back": RollbackFinished,
    "escalated": IncidentEscalated,
    "resolved": IncidentResolved,
}


class Hand:
    """A clock for the builder."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


class Says:
    """Makes any event, fitting or not: about this strategy or another, any step, any decision."""

    def __init__(self) -> None:
        self.clock = Hand()
        self.build = Build(self.clock)
        self.plans = [
            self.build.strategy(id="s1"),
            self.build.strategy(self.build.scale(), self.build.restart(), self.build.failover(), id="s2"),
            self.build.strategy(self.build.page(), id="s3"),
        ]
        self.count = 0

    def payload(  # noqa: C901 - one case for each kind
        self, incident: Incident, kind: str, plan: int, number: int, flag: bool, word: str
    ) -> Payload:
        """`plan` is 0 for the incident's own strategy, where it has one; a proposal is a new one each time."""
        build, now = self.build, self.clock.now()
        strategy = incident.strategy if plan == 0 and incident.strategy is not None else self.plans[plan]
        match kind:
            case "updated":
                seen = build.opened("east", "west") if flag else build.opened()
                return IncidentUpdated(symptoms=seen.symptoms, observations=seen.observations)
            case "diagnosed":
                return IncidentDiagnosed(diagnosis=build.diagnosis())
            case "failover":
                return FailoverRequested(target="demo", region="west", by="ada")
            case "proposed":
                return StrategyProposed(strategy=self.plans[plan].model_copy(update={"id": f"p{self.count}"}))
            case "requested":
                return ApprovalRequested(
                    approval=f"A{number}",
                    strategy=strategy.id,
                    binding=strategy.id,
                    reasons=(),
                    deadline=now + timedelta(seconds=60),
                )
            case "decided":
                return ApprovalDecided(approval=f"A{number}", strategy=strategy.id, binding=strategy.id, approved=flag, by="ada")
            case "approved":
                return StrategyApproved(strategy=strategy, by="policy" if flag else "ada", reasons=())
            case "refused":
                return StrategyRefused(strategy=strategy.id, by="policy", reasons=("no",), again=flag)
            case "finished":
                return ActionFinished(
                    strategy=strategy.id,
                    step=number,
                    operation=f"{strategy.id}:{number}{'u' if flag else ''}",
                    status=word,
                    summary=word,
                    undo=flag,
                    executor="Logistics",
                )
            case "passed":
                return VerificationPassed(strategy=strategy.id, checks=())
            case "failed":
                return VerificationFailed(strategy=strategy.id, checks=())
            case "rolled back":
                return RollbackFinished(strategy=strategy.id, complete=flag, summary=word)
            case "escalated":
                return IncidentEscalated(reason=word)
            case _:
                return IncidentResolved(how="verified" if flag else "cleared", checks=())

    def event(self, payload: Payload, incident: str = "INC-1") -> Event:
        self.count += 1
        self.clock.time += timedelta(seconds=1)
        return Event(id=f"e{self.count}", source="test", incident=incident, data=payload, time=self.clock.now())


SAID = {
    "kind": st.sampled_from(sorted(KINDS)),
    "plan": st.integers(0, 2),
    "number": st.integers(-1, 3),
    "flag": st.booleans(),
    "word": st.sampled_from(["succeeded", "failed", "refused", "unknown"]),
}


def fitting(incident: Incident, said: Says, flag: bool) -> Payload:
    """An event that fits the incident's status, so that a random walk also reaches the end."""
    plan = incident.strategy
    steps = incident.steps_of(plan.id) if plan else ()
    undone = {s.step for s in incident.steps_of(plan.id, undo=True)} if plan else set()
    left = [s.step for s in steps if s.status in {"succeeded", "failed"} and s.step not in undone]

    def say(kind: str, number: int = 0, *, flag: bool = flag, word: str = "") -> Payload:
        return said.payload(incident, kind, said.count % 2 if kind == "proposed" else 0, number, flag, word)

    match incident.status:
        case "open":
            return say("diagnosed")
        case "diagnosed" | "retry":
            return say("proposed")
        case "proposed":
            return say("approved" if flag else "requested", said.count)
        case "awaiting":
            return say("approved")
        case "acting":
            done = sum(s.status == "succeeded" for s in steps)
            return say("finished", done, flag=False, word="succeeded" if flag else "failed")
        case "verifying":
            return say("passed" if flag else "failed")
        case "undoing" if left:
            return say("finished", left[-1], flag=True, word="succeeded")
        case "undoing":
            return say("rolled back")
        case _:
            return say("resolved", flag=incident.status == "verified")


class Life:
    """What was accepted so far, judged without looking at how the fold does it."""

    def __init__(self) -> None:
        self.accepted: list[Event] = []
        self.path: list[tuple[str, str, str]] = []

    def took(self, before: Incident | None, event: Event, after: Incident) -> None:
        name = next((k for k, payload in KINDS.items() if type(event.data) is payload), "opened")
        self.accepted.append(event)
        self.path.append((before.status if before else "none", name, after.status))

    def judge(self, incident: Incident) -> None:
        assert incident.version == len(self.accepted)
        assert self.path[-1] in LEGAL, self.path[-1]
        payloads = [event.data for event in self.accepted]
        if incident.resolved_how == "verified":
            assert isinstance(payloads[-2], VerificationPassed)
        if incident.status == "resolved":
            assert isinstance(payloads[-1], IncidentResolved)
        if incident.status in {"acting", "verifying", "verified", "undoing"}:
            approved = max(n for n, p in enumerate(payloads) if isinstance(p, StrategyApproved))
            proposed = max(n for n, p in enumerate(payloads[:approved]) if isinstance(p, StrategyProposed))
            assert payloads[approved].strategy == payloads[proposed].strategy == incident.strategy
            assert not any(isinstance(p, StrategyProposed) for p in payloads[approved:])
        if incident.status in {"verifying", "verified"}:
            assert [s.step for s in incident.steps_of(incident.strategy.id) if s.status == "succeeded"] == list(
                range(len(incident.strategy.actions))
            )
        for step in incident.steps:
            if step.undo:
                did = [s for s in incident.steps if s.strategy == step.strategy and s.step == step.step and not s.undo]
                assert did
                assert did[0].status in {"succeeded", "failed"}
                assert incident.steps.index(did[0]) < incident.steps.index(step)
        reported = [(s.strategy, s.step, s.undo) for s in incident.steps]
        assert len(reported) == len(set(reported))


class Fold(RuleBasedStateMachine):
    """The pure fold: whatever does not fit is refused and changes nothing."""

    @initialize()
    def open(self) -> None:
        self.said, self.life = Says(), Life()
        event = self.said.event(self.said.build.opened())
        self.incident = evolve(None, event)
        self.life.took(None, event, self.incident)

    @rule(**SAID)
    def anything(self, kind, plan, number, flag, word) -> None:
        self._say(self.said.event(self.said.payload(self.incident, kind, plan, number, flag, word)))

    @rule(flag=st.booleans())
    def what_fits(self, flag) -> None:
        if self.incident.status != "resolved":
            before = self.incident.version
            self._say(self.said.event(fitting(self.incident, self.said, flag)))
            assert self.incident.version == before + 1, self.incident.status

    @rule()
    def open_again(self) -> None:
        before = self.incident
        self._say(self.said.event(self.said.build.opened()))
        assert self.incident is before

    def _say(self, event: Event) -> None:
        before = self.incident
        try:
            self.incident = evolve(before, event)
        except IllegalTransitionError:
            return
        self.life.took(before, event, self.incident)

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "incident"):
            self.life.judge(self.incident)


def beside(connection: Connection, before: Incident, event: Event) -> None:
    """What the hands and Sentry write beside such an event: what was carried out, and what came of it."""
    data, plan = event.data, before.strategy
    if isinstance(data, ActionFinished) and data.status != "refused":
        action = plan.actions[data.step]
        call = action.inverse if data.undo else action.call
        if call is not None:
            told = {"operation": data.operation, "incident": before.id, "tool": call.tool, "arguments_hash": call.digest()}
            row = {"arguments": "{}", "state_before": "{}", "epoch": 1, "summary": "", "command": "", "started": "", **told}
            connection.execute(insert(s.intent).values(status=data.status, **row))
    if isinstance(data, VerificationPassed | VerificationFailed):
        passed = isinstance(data, VerificationPassed)
        record = outcome_of(before, plan, event.time, succeeded=passed, simulated=False)
        if record is not None:
            outcomes.remember(connection, record)


class Stored(RuleBasedStateMachine):
    """The same over the real store: repeated events, stale versions and two consumers change nothing that was not wanted."""

    @initialize()
    def open(self) -> None:
        self.folder = TemporaryDirectory()
        self.loop = asyncio.new_event_loop()
        self.said, self.life = Says(), Life()
        self.store = self._run(Store.open(Path(self.folder.name) / "o.db", exclusive=False, clock=self.said.clock))
        event = self._run(self.store.open_incident(self.said.build.opened(), "Sentry", self.said.clock.now()))
        self.life.took(None, event, self._now())

    def _run(self, work):
        return self.loop.run_until_complete(work)

    def _now(self) -> Incident:
        return self._run(self.store.incident("INC-1"))

    @rule(**SAID)
    def anything(self, kind, plan, number, flag, word) -> None:
        self._commit(self.said.payload(self._now(), kind, plan, number, flag, word))

    @rule(flag=st.booleans())
    def what_fits(self, flag) -> None:
        incident = self._now()
        if incident.status != "resolved":
            self._commit(fitting(incident, self.said, flag))

    @rule(flag=st.booleans(), behind=st.integers(1, 3))
    def what_fits_an_older_version(self, flag, behind) -> None:
        incident = self._now()
        if incident.status == "resolved":
            return
        event = self.said.event(fitting(incident, self.said, flag))
        if isinstance(event.data, ApprovalDecided | FailoverRequested):
            return
        with pytest.raises(ConflictError):
            self._run(self.store.commit("Someone", self.life.accepted[0], Outcome(emit=(event,)), incident.version - behind))

    @rule()
    def everything_once_more(self) -> None:
        assert self._run(self.store.append(self.life.accepted)) == []

    @rule()
    def another_one_for_the_same_target(self) -> None:
        opened = self._run(self.store.open_incident(self.said.build.opened(), "Sentry", self.said.clock.now()))
        if self._now().status == "resolved":
            assert opened is not None or self._run(self.store.unresolved("demo")) is not None
        else:
            assert opened is None

    def _commit(self, payload: Payload) -> None:
        before, event = self._now(), self.said.event(payload)
        try:
            self._run(self.store.append([event]))
        except (IllegalTransitionError, ConflictError):
            assert self._now() == before
            return
        self.life.took(before, event, self._now())
        self._run(self.store.database.run(lambda connection: beside(connection, before, event)))

    @invariant()
    def holds(self) -> None:
        if not hasattr(self, "store"):
            return
        incident = self._now()
        self.life.judge(incident)
        events = self._run(self.store.events_of("INC-1"))
        assert [e.id for e in events] == [e.id for e in self.life.accepted]
        folded: Incident | None = None
        for event in events:
            folded = evolve(folded, event)
        assert folded == incident
        unresolved = self._run(self.store.incidents(unresolved_only=True, target="demo"))
        assert len(unresolved) <= 1
        assert self._run(self.store.verify_chain()) is None

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self._run(self.store.close())
            self.loop.close()
            self.folder.cleanup()


TestFold = Fold.TestCase
TestFold.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestStored = Stored.TestCase
TestStored.settings = settings(
    max_examples=8, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_the_walk_reaches_every_legal_step_but_those_of_a_person():
    """The machine above would prove nothing if it never got far."""
    said, seen = Says(), set()
    for seed in range(64):
        life = Life()
        event = said.event(said.build.opened())
        incident = evolve(None, event)
        life.took(None, event, incident)
        for step in range(24):
            if incident.status == "resolved":
                break
            event = said.event(fitting(incident, said, bool(seed >> (step % 6) & 1)))
            after = evolve(incident, event)
            life.took(incident, event, after)
            life.judge(after)
            incident = after
        seen |= set(life.path)
    assert {after for _, _, after in seen} >= {"verifying", "verified", "undoing", "retry", "awaiting", "acting", "resolved"}
