"""What a plan must be to be carried out at all, whoever wants it. Nothing here trusts what a model wrote.

Reversibility, tools and limits come from the action catalogue and from what was observed.
"""

from __future__ import annotations

from collections.abc import Iterator

from agents.events import is_person
from agents.facts import Call
from agents.orchestrator.case import IDLE, Case, Rule, Said
from agents.world import World


def _plan_target(case: Case) -> Said:
    strategy, incident = case.strategy, case.incident
    if strategy.target != incident.target or case.world.target != incident.target:
        yield "deny", f"the plan is for {strategy.target!r}, the incident is about {incident.target!r}"
    else:
        yield "allow", f"the plan is for {incident.target!r}, as the incident"


def _fault_class(case: Case) -> Said:
    diagnosis, planned = case.incident.diagnosis, case.strategy.fault_class
    if diagnosis is not None and planned != diagnosis.fault_class:
        yield "deny", f"the plan is against {planned!r}, the diagnosis is {diagnosis.fault_class!r}"
    else:
        yield "allow", f"the plan is against {planned!r}" + (", as diagnosed" if diagnosis is not None else "")


def _busy(case: Case) -> Said:
    if case.history.busy_with is not None:
        yield "deny", f"{case.history.busy_with} is changing {case.incident.target} now"
    else:
        yield "allow", f"no other incident is changing {case.incident.target}"


def _numbers(case: Case) -> Said:
    confidence = case.strategy.confidence
    word = 0.0 if confidence.word is None else confidence.word
    sound = True
    for number in (confidence.track_record, confidence.evidence, word, case.strategy.blast_radius):
        if not 0 <= number <= 1:
            sound = False
            yield "deny", f"{number!r} is not a number between 0 and 1"
    if not confidence.outcomes >= 0:
        sound = False
        yield "deny", f"{confidence.outcomes!r} is no number of outcomes"
    if sound:
        yield "allow", "every number is one"


def _requested(case: Case) -> Said:
    """What a person asked for passes without a doubt, so it must be what a person asked for."""
    by, region = case.wish_of, case.incident.failover_to
    if by is None:
        return
    denied = False
    if by != case.incident.failover_by or not is_person(by):
        denied = True
        yield "deny", f"{by!r} did not ask for this, or is not a person"
    for action in case.strategy.actions:
        weights = action.call.weights if action.call is not None else None
        if region is None or (weights or {}).get(region) != 100:
            denied = True
            yield "deny", f"{by} asked for {region}, not for {action.call.describe() if action.call else action.kind}"
    if not denied:
        yield "allow", f"{by} asked for it"


def _call(case: Case) -> Said:
    bare = [action.kind for action in case.strategy.actions if action.call is None and action.kind not in IDLE]
    for kind in bare:
        yield "deny", f"{kind} has no call"
    if not bare:
        yield "allow", f"it is {case.plan}"


def _allowed(case: Case) -> Said:
    barred = [action.kind for action in case.acts if action.call is not None and action.kind not in case.world.allowed]
    for kind in barred:
        yield "deny", f"{kind} is not allowed on {case.world.target}"
    if not barred:
        yield "allow", f"the platform of {case.world.target} allows it"


def _harmful(case: Case) -> Said:
    fault_class = case.strategy.fault_class
    harmful = case.catalogue.harmful(fault_class)
    bad = [a.kind for a in case.acts if a.call is not None and a.kind in harmful and case.wish_of is None]
    for kind in bad:
        yield "deny", f"{kind} makes {fault_class} worse"
    if not bad:
        yield "allow", f"the catalogue does not call it harmful for {fault_class}"


def _bounds(case: Case) -> Said:
    problems = [
        problem
        for action in case.acts
        for call in (action.call, action.inverse)
        if call is not None
        for problem in _bad_call(call, case.catalogue.action(action.kind).tool, case.incident.target, case.world)
    ]
    for problem in problems:
        yield "deny", problem
    if not problems:
        yield "allow", "every call, and the one that undoes it, is within the target's limits"


def _bad_call(call: Call, tool: str | None, target: str, world: World) -> Iterator[str]:
    """Why a call, or the one that would undo it, is not one that the catalogue and the target's regions allow."""
    known = {facts.region for facts in world.regions}
    if call.tool != tool:
        yield f"{call.tool} is not the tool that the catalogue names, which is {tool}"
    if call.target != target:
        yield f"{call.describe()} is about {call.target!r}, not {target!r}"
    if call.tool == "switch_traffic":
        weights = dict(call.weights or {})
        if set(weights) != known or sum(weights.values()) != 100 or min(weights.values()) < 0:
            yield f"weights {weights} do not give each region of {world.target} its share of 100"
        return
    if call.region not in known:
        yield f"{call.region!r} is not a region of {world.target}"
    if call.tool == "scale_service" and (call.replicas is None or not 1 <= call.replicas <= world.max_replicas):
        yield f"{call.replicas} replicas are outside 1 to {world.max_replicas}"
    if call.tool == "deploy_container" and not call.image:
        yield "no image is named"
    if call.tool == "rollback_revision" and not call.revision:
        yield "no revision is named"


def _destination(case: Case) -> Said:
    moves = [action.call for action in case.acts if action.call is not None and action.call.tool == "switch_traffic"]
    if not moves:
        return
    problems = [problem for call in moves for problem in _bad_destination(call, case)]
    for problem in problems:
        yield "deny", problem
    if not problems:
        yield "allow", "the region that gains users shows no symptom"


def _bad_destination(call: Call, case: Case) -> Iterator[str]:
    incident, world = case.incident, case.world
    sick = set(incident.regions) - ({incident.failover_to} if incident.manual else set())
    for region, weight in (call.weights or {}).items():
        before = world.region(region).traffic
        gains = before is None or weight > before
        if not gains:
            continue
        if region in sick:
            yield f"{region} shows symptoms itself: users are not moved there"
        elif world.region(region).health == "fail":
            yield f"{region} is not healthy: users are not moved there"


PLAN_RULES = (
    Rule("plan.target", _plan_target, about_acts=False),
    Rule("plan.fault_class", _fault_class, about_acts=False),
    Rule("busy", _busy, about_acts=False),
    Rule("numbers", _numbers, about_acts=False),
    Rule("requested", _requested, about_acts=False, ground=True),
    Rule("call", _call),
    Rule("allowed", _allowed),
    Rule("harmful", _harmful),
    Rule("bounds", _bounds),
    Rule("destination", _destination),
)
"""What a plan must be to be carried out at all."""
