"""Binds the catalogue's remedies to a target: calls, inverses and reach, from what is observed alone."""

from __future__ import annotations

from collections.abc import Iterator

from agents.catalogue import Catalogue
from agents.facts import Action, ActionKind, Call
from agents.incident import Incident
from agents.world import RegionFacts, World


def remedies(incident: Incident, world: World, catalogue: Catalogue) -> Iterator[tuple[Action, float, str]]:
    """The remedies that are right, allowed and not tried yet, in order: action, reach (0..1 of users), and why.

    A remedy that can't be bound (no destination, nothing to scale) is left out. One whose plan had waited too long is not tried.
    """
    if incident.diagnosis is None:
        return
    fault = catalogue.faults.get(incident.diagnosis.fault_class)
    if fault is None:  # of another version's catalogue
        return
    tried = {action.kind for attempt in incident.tried if not attempt.anew for action in attempt.strategy.actions}
    for kind in fault.right:
        if kind in tried or kind in fault.harmful:
            continue
        if kind in {"page_person", "do_nothing"}:
            yield Action(kind=kind), 0.0, fault.about
        elif kind in world.allowed and (bound := bind(kind, incident, world, catalogue)) is not None:
            yield bound


def bind(kind: ActionKind, incident: Incident, world: World, catalogue: Catalogue) -> tuple[Action, float, str] | None:
    """One action on the incident's first sick region, or None where it can't be done there."""
    sick = [world.region(r) for r in incident.regions]
    if kind == "failover_region":
        return failover(incident, world, incident.failover_to)
    if len(sick) != 1:
        return None
    facts = sick[0]
    harmless = catalogue.action(kind).harmless
    match kind:
        case "restart_service":
            call = Call(tool="restart_service", target=world.target, region=facts.region)
            reach = (facts.traffic or 0) / 100 / max(1, facts.replicas_desired or 1)
            return (
                Action(kind=kind, call=call, harmless=harmless),
                reach,
                f"{facts.region} gets fresh processes, one after another",
            )
        case "scale_service":
            return _scale(facts, world)
        case "rollback_revision":
            return _rollback(facts, world)
        case _:
            return None


def failover(incident: Incident, world: World, wanted: str | None) -> tuple[Action, float, str] | None:
    """Everybody of the sick regions to the best of the others; None without a destination or without knowing the shares."""
    before = {f.region: f.traffic for f in world.regions}
    if None in before.values() or len(before) < 2:
        return None
    shares = {region: share or 0 for region, share in before.items()}
    destination = wanted or _destination(incident, world)
    if destination is None or destination not in shares:
        return None
    after = dict.fromkeys(shares, 0) | {destination: 100}
    if after == shares:
        return None
    call = Call(tool="switch_traffic", target=world.target, weights=after)
    inverse = Call(tool="switch_traffic", target=world.target, weights=shares)
    reach = (100 - shares[destination]) / 100
    return Action(kind="failover_region", call=call, inverse=inverse), reach, f"{destination} is well and takes everybody"


def _destination(incident: Incident, world: World) -> str | None:
    well = [f for f in world.regions if f.region not in incident.regions and f.health in {"ok", "warn"}]
    well.sort(key=lambda f: (f.health != "ok", -(f.replicas_ready or 0), f.region))
    return well[0].region if well else None


def _scale(facts: RegionFacts, world: World) -> tuple[Action, float, str] | None:
    now = facts.replicas_desired
    if now is None or now >= world.max_replicas:
        return None
    call = Call(tool="scale_service", target=world.target, region=facts.region, replicas=now + 1)
    inverse = call.model_copy(update={"replicas": now})
    return Action(kind="scale_service", call=call, inverse=inverse), 0.0, f"{facts.region} gets a replica more"


def _rollback(facts: RegionFacts, world: World) -> tuple[Action, float, str] | None:
    if facts.previous_revision is None or facts.revision is None or facts.previous_revision == facts.revision:
        return None
    call = Call(tool="rollback_revision", target=world.target, region=facts.region, revision=facts.previous_revision)
    inverse = call.model_copy(update={"revision": facts.revision})
    action = Action(kind="rollback_revision", call=call, inverse=inverse)
    return action, (facts.traffic or 0) / 100, f"{facts.previous_image or facts.previous_revision} worked before"
