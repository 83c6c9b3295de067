"""The gate, as a pure function: (incident, strategy, policy, world, history, clock) → decision with what every rule said.

Every rule is heard, and the strictest word counts: deny, then hold, page, ask, allow. What can't be judged is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

from agents.catalogue import Catalogue
from agents.facts import Basis, Finding, RuleEffect, Strategy
from agents.incident import Incident
from agents.orchestrator.case import Case, Rule
from agents.orchestrator.history import History
from agents.orchestrator.limit_rules import LIMIT_RULES
from agents.orchestrator.people_rules import PEOPLE_RULES, Asked, asked
from agents.orchestrator.plan_rules import PLAN_RULES
from agents.policy_settings import PolicySettings
from agents.sanitize import clean
from agents.windows import all_active
from agents.world import World

Verdict = Literal["approve", "ask", "page", "refuse", "hold"]

RULES: tuple[Rule, ...] = (*PLAN_RULES, *PEOPLE_RULES, *LIMIT_RULES)
"""Every rule of the gate, in the order in which they are told."""

APPROVERS = "approvers"
"""The rule that is heard last, where a person would be asked: somebody must be able to approve."""

RULE_NAMES = (*(rule.name for rule in RULES), APPROVERS)

_STRICTEST: tuple[RuleEffect, ...] = get_args(RuleEffect)
_VERDICTS: dict[RuleEffect, Verdict] = {"deny": "refuse", "hold": "hold", "page": "page", "ask": "ask", "allow": "approve"}
_GROUNDS = frozenset(rule.name for rule in RULES if rule.ground)
_TEXT = 1_900


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict, and what every rule said, those for it included.

    Where a person is asked, `needs` different people out of `approvers` (empty: every person) have to approve, and type `confirm`
    where it is not empty. A plan on hold is judged again at `until`. `basis` is what it rested on, once it is packed for the log.
    """

    verdict: Verdict
    findings: tuple[Finding, ...]
    needs: int = 1
    approvers: tuple[str, ...] = ()
    confirm: str = ""
    until: datetime | None = None
    basis: Basis | None = field(default=None, compare=False)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Everything that speaks against it, the strictest first; where nothing does, what speaks for it."""
        against = [f for f in self.findings if f.effect != "allow"]
        against.sort(key=lambda finding: _STRICTEST.index(finding.effect))
        return tuple(f.text for f in against or self.findings if against or f.rule in _GROUNDS)


def judge(
    incident: Incident,
    strategy: Strategy,
    policy: PolicySettings,
    world: World,
    history: History,
    catalogue: Catalogue,
    now: datetime,
) -> Decision:
    """Decide on one strategy. Pure: the same arguments give the same decision. Never raises: what can't be judged is refused."""
    try:
        return _judged(Case(incident, strategy, policy, world, history, catalogue, now))
    except Exception as error:  # noqa: BLE001 - a gate that fails must fail closed, whatever the error
        return Decision("refuse", (_broken("judge", error),))


def _judged(case: Case) -> Decision:
    findings = tuple(finding for rule in RULES for finding in _heard(rule, case))
    verdict = _verdict(findings)
    who = Asked()
    if verdict == "ask":
        who = asked(case)
        if who.nobody:
            findings = (*findings, Finding(rule=APPROVERS, effect="page", text=clean(who.nobody, _TEXT)))
            verdict = _verdict(findings)
    until = _hold_ends(case) if verdict == "hold" else None
    return Decision(verdict, findings, who.needs, who.approvers, who.confirm, until)


def _heard(rule: Rule, case: Case) -> Iterator[Finding]:
    """What one rule says; a doubt gives way where a person asked for the plan, and is told all the same."""
    try:
        if rule.about_acts and not case.acts:
            return
        for effect, text in rule.speak(case):
            said = Finding(rule=rule.name, effect=effect, text=clean(text, _TEXT))
            if rule.doubt and effect == "ask" and case.wish_of is not None:
                said = said.model_copy(update={"effect": "allow", "text": f"{said.text}: {clean(case.wish_of, 64)} asked for it"})
            yield said
    except Exception as error:  # noqa: BLE001 - a rule that fails must fail closed, whatever the error
        yield _broken(rule.name, error)


def _broken(rule: str, error: Exception) -> Finding:
    text = f"{rule} could not be judged ({type(error).__name__}: {error}): nothing is done"
    return Finding(rule=rule, effect="deny", text=clean(text, _TEXT))


def _verdict(findings: tuple[Finding, ...]) -> Verdict:
    effects = {finding.effect for finding in findings}
    return _VERDICTS[next((effect for effect in _STRICTEST if effect in effects), "deny")]


def _hold_ends(case: Case) -> datetime | None:
    windows = all_active(case.policy.windows, case.incident.target, case.now)
    return max((found.until for found in windows if found.window.kind == "maintenance"), default=None)
