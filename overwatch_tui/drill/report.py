"""What a drill has to say: one JSON object, and whether everything that the scenario asks for happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from overwatch_tui.drill.scenarios import Scenario


@dataclass(frozen=True, slots=True)
class Report:
    """The measured result; times are seconds since the injection, None where they don't apply or never came."""

    scenario: str
    region: str | None
    detected_s: float | None = None
    fault_class: str | None = None
    actions: Sequence[str] = ()
    decided_by: str | None = None
    healed_s: float | None = None
    verified: bool = False
    harm: int = 0
    resolved: bool = False
    incidents: int = field(default=0, metadata={"shown": False})
    paged: bool = field(default=False, metadata={"shown": False})

    def as_json(self) -> dict[str, Any]:
        """The object that `drill` prints."""
        shown = asdict(self)
        return {key: value for key, value in shown.items() if key not in {"incidents", "paged"}}


def shortfalls(report: Report, scenario: Scenario, *, rejecting: bool) -> list[str]:
    """What the scenario asked for and did not get; empty when all is well."""
    if scenario.fault is None:
        quiet = report.incidents == 0 and not report.actions
        return [] if quiet else [f"{report.incidents} incidents and {len(report.actions)} actions with nothing wrong"]
    acts = not scenario.pages and not rejecting
    wanted = {
        "the fault was not detected": report.detected_s is not None,
        f"classified as {report.fault_class!r}, not as {sorted(scenario.classes)}": report.fault_class in scenario.classes,
        f"{report.harm} forbidden or unneeded actions": report.harm == 0,
        f"{report.incidents} incidents instead of one": report.incidents == 1,
        "the incident was not resolved": report.resolved,
        "no right action was done": bool(report.actions) or not acts,
        "an action was done where none may be": not report.actions or acts,
        "the recovery was not verified": report.verified or not (acts and scenario.verified),
        "users were not served again": report.healed_s is not None or not (acts and scenario.verified),
        "no person was paged": report.paged or acts,
    }
    return [what for what, holds in wanted.items() if not holds]
