"""From what is in mind to what is said: open, update, clear or escalate an incident. Says each thing once, whoever restarts."""

from __future__ import annotations

from datetime import datetime, timedelta

from agents.events import Event, IncidentEscalated, IncidentResolved, IncidentUpdated, Payload, short_id
from agents.facts import Check
from agents.incident import UNDECIDED, IllegalTransitionError, Incident
from agents.sentry import observe
from agents.sentry.detect import changes_picture
from agents.sentry.memory import Memory, Symptoms
from agents.sentry.store import IncidentStore

NAME = "Sentry"
WATCHING_LIMIT = timedelta(seconds=60)
"""How long symptoms may go on while the decision was to do nothing."""
LOOK_BACK = 50
"""Incidents that are read at the start, to know which regions users were moved away from."""


class Decider:
    """Writes to the store for one look at a time."""

    def __init__(self, store: IncidentStore) -> None:
        self._store = store

    async def decide(self, memory: Memory, now: datetime) -> None:
        """Say what the last look changed, if anything."""
        async with memory.lock:
            memory.come_back()
            symptoms = memory.symptoms()
            if not symptoms:
                memory.waiting_since = None
            if not symptoms and memory.incident is None and not self._due(memory, now):
                return
            incident = await self._read(memory, now)
            if incident is None:
                if symptoms and self._waited(memory, symptoms, now):
                    await self._open(memory, now)
                return
            payload = self._about(memory, incident, now)
            if payload is not None:
                await self._say(memory, incident, payload, now)

    def _due(self, memory: Memory, now: datetime) -> bool:
        """Whether to ask the store although all is well: somebody else may have opened an incident."""
        return memory.asked_at is None or now - memory.asked_at >= timedelta(seconds=memory.settings.interval_s)

    async def _read(self, memory: Memory, now: datetime) -> Incident | None:
        first = memory.asked_at is None
        if first:
            await self._remember(memory)
        incident = await self._store.unresolved(memory.target)
        if first and incident is not None:
            memory.seed(incident)
        memory.asked_at = now
        memory.incident = incident
        return incident

    async def _remember(self, memory: Memory) -> None:
        """Learn from the log which regions a verified recovery moved users away from."""
        for incident in await self._store.incidents(limit=LOOK_BACK):
            if incident.target != memory.target or incident.resolved_how in {None, "closed"}:  # a person's word is no look
                continue
            if incident.resolved_how == "verified" and incident.strategy is not None and incident.resolved_at is not None:
                for region in moved_away(incident) & set(memory.streams):
                    memory.left_behind[region] = incident.resolved_at
            return

    def _waited(self, memory: Memory, symptoms: Symptoms, now: datetime) -> bool:
        """Whether to open now, or to wait for a doubtful region's second look, the platform's answer, or where users fail."""
        if memory.waiting_since is None:
            memory.waiting_since = now
        limit = timedelta(seconds=memory.settings.interval_s)
        placed = any(region is not None for region, _ in symptoms) or bool(memory.suspects())
        complete = placed and not memory.doubtful() and memory.platform_knows(min(symptoms.values()))
        return complete or now - memory.waiting_since >= limit

    async def _open(self, memory: Memory, now: datetime) -> None:
        symptoms = memory.symptoms(corroborated=True)
        event = await self._store.open_incident(observe.opened(memory, symptoms, now), NAME, now)
        memory.waiting_since = None
        memory.asked_at = now
        memory.incident = await self._store.unresolved(memory.target) if event is not None else memory.incident

    def _about(self, memory: Memory, incident: Incident, now: datetime) -> Payload | None:
        symptoms = memory.symptoms()
        if incident.status not in UNDECIDED | {"escalated"}:
            return None
        if _may_clear(incident) and memory.calm(incident, now):
            return IncidentResolved(how="cleared", checks=_clear_checks(memory, now))
        known = [(s.region, s.kind) for s in incident.symptoms]
        if symptoms and not incident.manual and incident.status in UNDECIDED and changes_picture(known, symptoms):
            seen = observe.observations(memory, now)
            both = {(s.region, s.kind): s.since for s in incident.symptoms} | symptoms
            return IncidentUpdated(symptoms=observe.cited(both, seen), observations=seen)
        if symptoms and incident.status == "watching":
            since = incident.decided_at or incident.updated_at
            if now - since > WATCHING_LIMIT:
                seconds = (now - since).total_seconds()
                return IncidentEscalated(reason=f"{observe.title(symptoms)}: still so {seconds:.0f} s after it was left alone")
        return None

    async def _say(self, memory: Memory, incident: Incident, payload: Payload, now: datetime) -> None:
        event = Event(
            id=short_id(f"{incident.id}@{incident.version}>{NAME}:{payload.TYPE}"),
            source=NAME,
            incident=incident.id,
            data=payload,
            time=now,
        )
        try:
            await self._store.append([event])
        except IllegalTransitionError:
            return
        if isinstance(payload, IncidentResolved):
            memory.cleared.append(now)
            memory.incident = None


def moved_away(incident: Incident) -> frozenset[str]:
    """The regions that the incident's strategy took all users away from."""
    strategy = incident.strategy
    weights = next((a.call.weights for a in reversed(strategy.actions) if a.call and a.call.weights), None) if strategy else None
    return frozenset(region for region, weight in (weights or {}).items() if weight == 0)


def _may_clear(incident: Incident) -> bool:
    """Whether good looks may end it: not what a person asked for without any symptom, unless it ended with a page."""
    return bool(incident.symptoms) or not incident.manual or incident.status == "escalated"


def _clear_checks(memory: Memory, now: datetime) -> tuple[Check, ...]:
    needed = memory.good_looks_needed(now)
    checks = [
        Check(name=f"{region} is well", passed=True, detail=f"{region}: {memory.streams[region].good_run} good looks in a row")
        for region in sorted(memory.configured.regions)
        if region not in memory.left_behind
    ]
    if memory.users is not None:
        detail = f"{memory.streams[None].good_run} good looks in a row, {needed} are needed"
        checks.append(Check(name="users are well", passed=True, detail=detail))
    return tuple(checks)
