"""The Strategist on the bus: offers plans to the reasoner, fills in the numbers, and proposes one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from agents.catalogue import Catalogue
from agents.confidence import MANUAL, confidence, veto
from agents.events import Event, FailoverRequested, IncidentDiagnosed, RollbackFinished, StrategyProposed, StrategyRefused, answer
from agents.facts import Action, Confidence, Strategy
from agents.foundry import Reasoner
from agents.incident import Incident
from agents.sanitize import clean
from agents.seams import Context, Inventory, Outcome, TrackRecord
from agents.strategist.plans import failover, remedies
from agents.telemetry import Thought
from agents.world import UnknownTargetError, World


class Strategist:
    """Proposes; never acts. After `max_attempts`, or with nothing left, its proposal is to page a person.

    So it is for what a person asked for more than `wish_max_age_s` seconds ago, while the swarm was away.
    """

    name = "Strategist"
    types = frozenset({IncidentDiagnosed.TYPE, FailoverRequested.TYPE, StrategyRefused.TYPE, RollbackFinished.TYPE})

    def __init__(
        self,
        *,
        reasoner: Reasoner,
        inventory: Inventory,
        track_record: TrackRecord,
        catalogue: Catalogue,
        max_attempts: int,
        wish_max_age_s: float = 120,
    ) -> None:
        self._reasoner = reasoner
        self._inventory = inventory
        self._records = track_record
        self._catalogue = catalogue
        self._max_attempts = max_attempts
        self._wish_max_age = timedelta(seconds=wish_max_age_s)

    async def handle(self, event: Event, context: Context) -> Outcome:
        """Propose the next strategy, where the incident waits for one."""
        incident = context.incident
        if incident is None or incident.status not in {"diagnosed", "retry"}:
            return Outcome()
        candidates = await self._candidates(event, incident, context)
        chosen = candidates[0]
        if len(candidates) > 1 or chosen.actions[0].call is not None:
            chosen = await self._chosen(incident, candidates, context)
        return Outcome(emit=(answer(event, self.name, 0, StrategyProposed(strategy=chosen), context.clock.now()),))

    async def _chosen(self, incident: Incident, candidates: Sequence[Strategy], context: Context) -> Strategy:
        def aloud(text: str) -> None:
            done = text.endswith("\n")
            words = clean(text, 2_000)
            context.telemetry.publish(Thought(self.name, incident.id, words, self._reasoner.name, context.clock.now(), done=done))

        choice = await self._reasoner.choose(incident, candidates, aloud, context.clock.now())
        strategy = candidates[choice.index]
        word = veto(strategy.confidence.word, choice.word)
        return strategy.model_copy(
            update={
                "rationale": clean(choice.rationale, 2_000),
                "confidence": strategy.confidence.model_copy(update={"word": word}),
            }
        )

    async def _candidates(self, event: Event, incident: Incident, context: Context) -> list[Strategy]:
        try:
            world = await self._inventory.world(incident.target)
            for region in incident.regions:
                world.region(region)
        except UnknownTargetError as error:
            return [self._page(incident, context, f"{error}: the configuration changed while this was open")]
        if incident.failover_to is not None and _wish_is_open(event, incident):
            if isinstance(event.data, FailoverRequested) and context.clock.now() - event.time > self._wish_max_age:
                when = f"{event.time:%Y-%m-%d %H:%M:%S} UTC"
                return [
                    self._page(incident, context, f"{incident.failover_by} asked for this at {when}, too long ago: ask again")
                ]
            if "failover_region" not in world.allowed:
                return [self._page(incident, context, f"Overwatch may not move the users of {incident.target}")]
            bound = failover(incident, world, incident.failover_to)
            if bound is not None:
                return [await self._strategy(incident, *bound, context, asked_by=incident.failover_by)]
            return [self._page(incident, context, f"{incident.failover_to} can't take the users, or has them already")]
        if incident.attempt > self._max_attempts:
            return [self._page(incident, context, _in_vain(incident))]
        found = [await self._strategy(incident, *r, context) for r in remedies(incident, world, self._catalogue)]
        if not found or (not world.allowed and found[0].actions[0].kind != "do_nothing"):
            why = "nothing that may be done here is left to try" if world.allowed else "Overwatch may not act on this target"
            return [self._page(incident, context, f"{why}{self._advice(incident, world)}")]
        return found

    async def _strategy(
        self, incident: Incident, action: Action, reach: float, why: str, context: Context, asked_by: str | None = None
    ) -> Strategy:
        fault_class = incident.diagnosis.fault_class if incident.diagnosis else MANUAL
        record = await self._records.record(action.kind, fault_class, incident.target)
        evidence = incident.diagnosis.evidence if incident.diagnosis else 0.0
        word = incident.diagnosis.word if incident.diagnosis else None
        return Strategy(
            id=f"{incident.id}.s{incident.attempt}v{incident.version}",
            target=incident.target,
            fault_class=fault_class,
            actions=(action,),
            confidence=confidence(record, evidence, word),
            rationale=why,
            expected_effect=self._catalogue.action(action.kind).expected_effect,
            blast_radius=min(1.0, max(0.0, reach)),
            attempt=incident.attempt,
            requested_by=asked_by,
            created_at=context.clock.now(),
        )

    def _page(self, incident: Incident, context: Context, why: str) -> Strategy:
        return Strategy(
            id=f"{incident.id}.s{incident.attempt}v{incident.version}",
            target=incident.target,
            fault_class=incident.diagnosis.fault_class if incident.diagnosis else MANUAL,
            actions=(Action(kind="page_person"),),
            confidence=Confidence(track_record=0, evidence=0),
            rationale=why[:2_000],
            expected_effect=self._catalogue.action("page_person").expected_effect,
            blast_radius=0,
            attempt=incident.attempt,
            created_at=context.clock.now(),
        )

    def _advice(self, incident: Incident, world: World) -> str:
        if incident.diagnosis is None:
            if incident.failover_to is None:
                return ""
            wish = f"the failover to {incident.failover_to} that {incident.failover_by} asked for"
            return f": no fault is diagnosed, and {wish} came to nothing"
        fault = self._catalogue.faults.get(incident.diagnosis.fault_class)
        if fault is None:
            return f"; {incident.diagnosis.fault_class!r} is no fault class of this version"
        useless, note = {"page_person", "do_nothing"}, ""
        sent = [world.region(region).traffic for region in incident.regions]
        if sent and set(sent) == {0}:
            useless.add("failover_region")
            note = f"; no users are sent to {', '.join(incident.regions)}"
        right = ", ".join(kind for kind in fault.right if kind not in useless)
        return f"{note}; for {fault.id} the remedy would be {right}" if right else note


def _in_vain(incident: Incident) -> str:
    """What was tried, in words: what waited too long was not begun, so nobody knows whether it would have helped."""
    late = sum(attempt.anew for attempt in incident.tried)
    counted = ((len(incident.tried) - late, "did not help"), (late, "waited too long"))
    return ", ".join(f"{n} {'strategy' if n == 1 else 'strategies'} {what}" for n, what in counted if n)


def _wish_is_open(event: Event, incident: Incident) -> bool:
    """Whether a person's wish is to be answered now: it was just said, or no plan that a person asked for was tried since."""
    return isinstance(event.data, FailoverRequested) or all(t.strategy.requested_by is None for t in incident.tried)
