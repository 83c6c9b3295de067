"""What a drill has to say: one JSON object, and whether everything that the scenario asks for happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from agents.scores import Calibration, Cell
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


@dataclass(frozen=True, slots=True)
class Learnt:
    """How the track record of one action against one fault class changed; `before` is None where nothing was known."""

    action: str
    fault_class: str
    outcomes_before: int
    outcomes: int
    before: float | None
    after: float
    needed: int | None

    def line(self) -> str:
        """Such as `failover_region × region_down: 3 → 4 outcomes, track record 0.77 → 0.78; 6 more successes until …`."""
        was = "" if self.before is None else f"{self.before:.2f} → "
        more = {0: "enough for the gate", None: "not enough for the gate"}.get(
            self.needed, f"{self.needed} more verified until it is enough for the gate"
        )
        counted = f"{self.outcomes_before} → {self.outcomes} outcomes"
        return f"{self.action} × {self.fault_class}: {counted}, track record {was}{self.after:.2f}; {more}"


@dataclass(frozen=True, slots=True)
class Held:
    """A drill of one round or more: a report of each, why there are not more of them, and what was learnt."""

    reports: tuple[Report, ...]
    learnt: tuple[Learnt, ...] = ()
    missing: str = ""

    def summary(self, scenario: Scenario, asked: int, *, rejecting: bool) -> dict[str, Any]:
        """The last object that a drill of several rounds prints."""
        return {
            "scenario": scenario.name,
            "rounds": asked,
            "held": len(self.reports),
            "as_asked": sum(not shortfalls(report, scenario, rejecting=rejecting) for report in self.reports),
            "verified": sum(report.verified for report in self.reports),
            "harm": sum(report.harm for report in self.reports),
            "records": [asdict(change) for change in self.learnt],
        }


def learnt(target: str, before: Calibration | None, after: Calibration | None) -> tuple[Learnt, ...]:
    """What changed in the records of one target."""
    known = _own(target, before)
    return tuple(
        Learnt(
            action=cell.action,
            fault_class=cell.fault_class,
            outcomes_before=known[kind].own if kind in known else 0,
            outcomes=cell.own,
            before=known[kind].track_record if kind in known else None,
            after=cell.track_record,
            needed=cell.needed,
        )
        for kind, cell in _own(target, after).items()
        if kind not in known or known[kind].own != cell.own
    )


def _own(target: str, measured: Calibration | None) -> dict[tuple[str, str], Cell]:
    cells = measured.cells if measured is not None else ()
    return {(cell.action, cell.fault_class): cell for cell in cells if cell.target == target and cell.own}
