"""A journal with everything in it that a record can be about, written by the store itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from agents.durable.effects import DurableEffects
from agents.durable.store import Store
from agents.events import (
    ApprovalRequested,
    IncidentDiagnosed,
    IncidentEscalated,
    IncidentResolved,
    Payload,
    StrategyApproved,
    StrategyProposed,
    StrategyRefused,
    VerificationPassed,
    answer,
)
from agents.outcome import outcome_of
from agents.seams import Outcome


async def resolved_incident(store: Store, build: Any) -> str:
    """One more incident, from its opening to its end; its id."""
    event = await store.open_incident(build.opened(), "Sentry", build.clock.now())
    assert event is not None
    await say(store, build, event.incident, IncidentDiagnosed(diagnosis=build.diagnosis()))
    await say(store, build, event.incident, IncidentResolved(how="cleared", checks=()))
    return event.incident


async def healed_incident(store: Store, build: Any) -> str:
    """One more incident, ended by a failover that was carried out once and verified; its id."""
    opened = await store.open_incident(build.opened(), "Sentry", build.clock.now())
    assert opened is not None
    id_ = opened.incident
    plan = build.strategy(id=f"{id_}.s1")
    approved = StrategyApproved(strategy=plan, by="ada", reasons=())
    await say(store, build, id_, IncidentDiagnosed(diagnosis=build.diagnosis()), StrategyProposed(strategy=plan), approved)

    async def passes() -> None:
        return None

    hand = DurableEffects(store=store, tools=Doing(), clock=build.clock)
    (action,) = plan.actions
    done = await hand.execute(
        action.call, operation=f"{plan.id}:0", incident=id_, inverse=action.inverse, holder=id_, refuse=passes
    )
    assert done.status == "succeeded"
    await say(store, build, id_, build.finished(await store.incident(id_)))
    (finished,) = (await store.recent_events(10_000))[-1:]
    incident, at = await store.incident(id_), build.clock.now()
    passed = VerificationPassed(strategy=plan.id, checks=(), simulated=False)
    said = [
        answer(finished, "Sentry", n, data, at) for n, data in enumerate((passed, IncidentResolved(how="verified", checks=())))
    ]
    record = outcome_of(incident, plan, at, succeeded=True, simulated=False)
    await store.commit("Sentry", finished, Outcome(emit=tuple(said), record=record), incident.version)
    return id_


class Doing:
    """Tools that do what they are told."""

    async def read(self, tool: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Nothing is known of what was."""
        return {}

    async def write(self, tool: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Done."""
        return {"status": "succeeded", "summary": tool}


async def say(store: Store, build: Any, incident: str, *payloads: Payload) -> None:
    """Append payloads about an incident, as agents do."""
    for payload in payloads:
        build.clock.advance(1)
        known = len(await store.recent_events(10_000))
        await store.append([build.event(payload, incident=incident, id_=f"said:{incident}:{known}")])


async def write_journal(path: Path, build: Any) -> None:
    """A resolved incident, a request that a person rejected, a refusal by policy, a page, a pause and its end."""
    store = await Store.open(path, exclusive=True, clock=build.clock)
    try:
        await resolved_incident(store, build)
        event = await store.open_incident(build.opened(), "Sentry", build.clock.now())
        assert event is not None
        plan = build.strategy()
        await say(store, build, event.incident, IncidentDiagnosed(diagnosis=build.diagnosis()), StrategyProposed(strategy=plan))
        incident = await store.incident(event.incident)
        asked = ApprovalRequested(
            approval="A1",
            strategy=plan.id,
            binding=plan.binding(incident.id, incident.proposed_version),
            reasons=("confidence 0.66 is not above 0.85",),
            deadline=build.clock.now() + timedelta(seconds=600),
        )
        await say(store, build, event.incident, asked)
        await store.decide_approval("A1", approved=False, by="ada", reason="a deploy is running")
        rejected = StrategyRefused(strategy=plan.id, by="ada", reasons=("rejected by ada",), again=True)
        await say(store, build, event.incident, rejected, StrategyProposed(strategy=plan))
        denied = StrategyRefused(strategy=plan.id, by="policy", reasons=("the destination is not well",), again=True)
        await say(store, build, event.incident, denied, IncidentEscalated(reason="nothing is left to try"))
        await store.pause(by="ada", reason="maintenance")
        await store.arm(by="grace")
    finally:
        await store.close()


def tamper(path: Path, *statements: str, values: tuple[Any, ...] = ()) -> int:
    """Change a database behind the store's back; how many rows the last statement changed."""
    with closing(sqlite3.connect(path)) as database, database:
        for statement in statements:
            cursor = database.execute(statement, values if "?" in statement else ())
        return cursor.rowcount
