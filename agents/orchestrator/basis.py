"""What a decision rested on, packed into its event: enough to make the decision again from the log alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from agents.catalogue import Catalogue
from agents.facts import Basis, Finding, Frozen, Strategy, canonical
from agents.incident import Incident
from agents.orchestrator.history import History, history_of, horizon
from agents.orchestrator.policy import Decision, judge
from agents.policy_settings import PolicySettings
from agents.world import World


class BasisError(ValueError):
    """A decision can't be made again from what the log holds; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Given:
    """The basis, unpacked. `catalogue` is the digest of the catalogue that was judged by."""

    policy: PolicySettings
    world: World
    history: History
    catalogue: str


class _Given(Frozen):
    policy: PolicySettings
    world: World
    history: History
    catalogue: str


_WORLD = TypeAdapter(World)
_HISTORY = TypeAdapter(History)


def digest(catalogue: Catalogue) -> str:
    """SHA-256 over what the catalogue says."""
    faults = {name: fault.model_dump(mode="json") for name, fault in catalogue.faults.items()}
    actions = {name: action.model_dump(mode="json") for name, action in catalogue.actions.items()}
    return hashlib.sha256(canonical({"faults": faults, "actions": actions})).hexdigest()


def decide(
    incident: Incident,
    strategy: Strategy,
    policy: PolicySettings,
    world: World,
    past: Iterable[Incident],
    catalogue: Catalogue,
    now: datetime,
    *,
    paused: bool,
) -> Decision:
    """Judge on what the past incidents tell, with the basis packed. Never raises: what can't be recorded is refused."""
    try:
        since = now - horizon(policy)
    except Exception:  # noqa: BLE001 - a policy that can't be read is refused by the gate itself, with the reason
        since = None
    history = history_of(past, paused=paused, target=incident.target, besides=incident.id, since=since)
    decision = judge(incident, strategy, policy, world, history, catalogue, now)
    try:
        return replace(decision, basis=pack(decision, policy, world, history, catalogue, now))
    except Exception as error:  # noqa: BLE001 - a decision that nobody could make again is not made
        if decision.verdict == "refuse":
            return decision
        text = f"what this rests on can't be recorded ({type(error).__name__}: {error}): nothing is done"
        return Decision("refuse", (Finding(rule="basis", effect="deny", text=text[:2_000]), *decision.findings))


def pack(
    decision: Decision, policy: PolicySettings, world: World, history: History, catalogue: Catalogue, now: datetime
) -> Basis:
    """The basis of a decision, for its event. Raises ValueError where a number in it is no number."""
    facts: dict[str, Any] = _WORLD.dump_python(world, mode="json")
    facts["allowed"] = sorted(facts["allowed"])
    given = {
        "policy": policy.model_dump(mode="json"),
        "world": facts,
        "history": _HISTORY.dump_python(history, mode="json"),
        "catalogue": digest(catalogue),
    }
    return Basis(verdict=decision.verdict, findings=decision.findings, at=now, given=canonical(given).decode())


def unpack(basis: Basis) -> Given:
    """What the decision rested on. Raises BasisError where this version can't read it."""
    try:
        given = _Given.model_validate_json(basis.given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BasisError(f"this version can't read what was decided on ({where}: {first['msg']})") from error
    return Given(given.policy, given.world, given.history, given.catalogue)


def replay(before: Incident, basis: Basis, catalogue: Catalogue, policy: PolicySettings | None = None) -> Decision:
    """The decision made again, on the incident as it was `before` it; with `policy`, what that one would have said.

    Raises BasisError where it can't be made again.
    """
    given = unpack(basis)
    if before.strategy is None:
        raise BasisError(f"{before.id} has no plan at version {before.version}: nothing was decided on")
    if policy is None and given.catalogue != digest(catalogue):
        raise BasisError("the catalogue has changed since: run the version that decided")
    return judge(before, before.strategy, policy or given.policy, given.world, given.history, catalogue, basis.at)


def same(decision: Decision, basis: Basis) -> bool:
    """Whether a decision came to the result that was recorded, in every word."""
    return decision.verdict == basis.verdict and decision.findings == basis.findings


def recorded(basis: Basis) -> dict[str, Any]:
    """What the decision rested on, as plain JSON values, for scripts."""
    value: dict[str, Any] = json.loads(basis.given)
    return value
