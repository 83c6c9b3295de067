"""What the configured policy comes to for each target and action at a moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, get_args

from agents.facts import ActionKind
from agents.orchestrator.case import IDLE
from agents.orchestrator.people_rules import approvers_of, level_of, needed
from agents.policy_settings import Autonomy, PolicySettings
from agents.windows import all_active


@dataclass(frozen=True, slots=True)
class EffectiveAction:
    """What holds for one action on one target: the level, and who has to approve where a person is asked (None: anybody)."""

    kind: ActionKind
    level: Autonomy
    needs: int
    approvers: tuple[str, ...] | None

    @property
    def who(self) -> str:
        """Who would have to approve it, in words; empty where nobody is asked."""
        if self.level not in {"ask", "auto"}:
            return ""
        out_of = "anybody" if self.approvers is None else ", ".join(self.approvers) or "nobody"
        approvals = "1 approval" if self.needs == 1 else f"{self.needs} approvals"
        return f"{'' if self.level == 'ask' else 'or else '}{approvals} by {out_of}"


@dataclass(frozen=True, slots=True)
class EffectiveTarget:
    """What holds for one target."""

    target: str
    protected: bool
    windows: tuple[str, ...]
    actions: tuple[EffectiveAction, ...]

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        return asdict(self)


def effective(
    policy: PolicySettings, targets: Mapping[str, frozenset[ActionKind] | None], now: datetime
) -> tuple[EffectiveTarget, ...]:
    """What holds for each of the targets, with the actions that its platform allows (None: not known yet, all are shown)."""
    every = [kind for kind in get_args(ActionKind) if kind not in IDLE]
    return tuple(
        EffectiveTarget(
            target,
            target in policy.protected,
            tuple(found.describe() for found in all_active(policy.windows, target, now)),
            tuple(
                EffectiveAction(
                    kind, level_of(policy, target, kind), needed(policy, target, kind), approvers_of(policy, target, kind)
                )
                for kind in every
                if allowed is None or kind in allowed
            ),
        )
        for target, allowed in targets.items()
    )
