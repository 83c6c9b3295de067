"""How far the numbers that decisions were made on came true: reliability curve, Brier score, calibration error. Pure.

Only what was carried out and verified is known to have worked or not. What the gate sent to a person who rejected it is not here,
so the low bins are made of what a person approved all the same.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from agents.confidence import MANUAL, SIMULATED, still_needed, track_record, weigh
from agents.scores import Bin, Calibration, Cell, Curve, Source
from agents.seams import OutcomeRecord

BINS = 10
CELLS = 200
Z = 1.959964
"""The normal quantile of a two-sided 95 % interval."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A number that was said before, 0..1, and whether it then worked. `weight` is above 0."""

    predicted: float
    succeeded: bool
    weight: float = 1.0
    simulated: bool = False


def calibrate(
    outcomes: Iterable[OutcomeRecord],
    *,
    now: datetime,
    threshold: float,
    min_outcomes: float,
    demos: Collection[str] = (),
    targets: Collection[str] = (),
    real_only: bool = False,
) -> Calibration:
    """The calibration that these outcomes show. `demos` are the targets that are simulated, `targets` those that are watched."""
    known = [o for o in outcomes if not (real_only and o.simulated)]
    numbered = [o for o in known if o.confidence is not None and o.fault_class != MANUAL]
    curves = (curve(source, predictions(numbered, source)) for source in ("gate", "track_record", "evidence", "word"))
    return Calibration(
        at=now,
        threshold=threshold,
        min_outcomes=min_outcomes,
        real_only=real_only,
        outcomes=len(known),
        simulated=sum(o.simulated for o in known),
        unnumbered=len(known) - len(numbered),
        curves=tuple(c for c in curves if c is not None),
        cells=_cells(known, now, threshold, min_outcomes, demos, targets),
    )


def predictions(outcomes: Iterable[OutcomeRecord], source: Source) -> list[Prediction]:
    """What one number said of each outcome, where it spoke; simulated ones weigh less beside real ones."""
    found = []
    for outcome in outcomes:
        numbers = outcome.confidence
        if numbers is None:
            continue
        said = {"gate": numbers.value, "track_record": numbers.track_record, "evidence": numbers.evidence, "word": numbers.word}
        if (predicted := said[source]) is not None:
            weight = SIMULATED if outcome.simulated else 1.0
            found.append(Prediction(predicted, outcome.succeeded, weight, outcome.simulated))
    return found


def curve(source: Source, said: Sequence[Prediction]) -> Curve | None:
    """The calibration of one number; None of no predictions. Raises ValueError for what is no share, or no weight."""
    for p in said:
        if not 0 <= p.predicted <= 1 or not 0 < p.weight < math.inf:
            raise ValueError(f"{p!r} is no prediction: it needs 0 <= predicted <= 1 and a weight above 0")
    if not said:
        return None
    total = sum(p.weight for p in said)
    base = sum(p.weight * p.succeeded for p in said) / total
    brier = sum(p.weight * (p.predicted - p.succeeded) ** 2 for p in said) / total
    groups: dict[int, list[Prediction]] = {}
    for p in said:
        groups.setdefault(min(BINS - 1, int(p.predicted * BINS)), []).append(p)
    bins = tuple(_bin(n, groups[n]) for n in sorted(groups))
    shares = [sum(p.weight for p in groups[n]) / total for n in sorted(groups)]
    uncertainty = base * (1 - base)
    return Curve(
        source=source,
        count=len(said),
        effective=effective(p.weight for p in said),
        base_rate=base,
        brier=brier,
        skill=1 - brier / uncertainty if uncertainty > 0 else None,
        reliability=sum(w * (b.predicted - b.observed) ** 2 for w, b in zip(shares, bins, strict=True)),
        resolution=sum(w * (b.observed - base) ** 2 for w, b in zip(shares, bins, strict=True)),
        uncertainty=uncertainty,
        ece=sum(w * abs(b.predicted - b.observed) for w, b in zip(shares, bins, strict=True)),
        bins=bins,
    )


def effective(weights: Iterable[float]) -> float:
    """How many outcomes of equal weight are worth as much: (sum of w) squared, by the sum of w squared (Kish 1965)."""
    known = list(weights)
    return sum(known) ** 2 / sum(w * w for w in known)


def wilson(rate: float, n: float) -> tuple[float, float]:
    """The 95 % interval of a share that was seen in `n` tries (Wilson 1927); `n` is above 0."""
    if not 0 <= rate <= 1 or not n > 0:
        raise ValueError(f"no interval for {rate!r} of {n!r}")
    centre = (rate + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(rate * (1 - rate) / n + Z * Z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def _bin(number: int, said: Sequence[Prediction]) -> Bin:
    total = sum(p.weight for p in said)
    observed = min(1.0, sum(p.weight * p.succeeded for p in said) / total)
    at_least, at_most = wilson(observed, effective(p.weight for p in said))
    predicted = sum(p.weight * p.predicted for p in said) / total
    return Bin(number / BINS, (number + 1) / BINS, len(said), predicted, observed, at_least, at_most)


def _cells(
    outcomes: Sequence[OutcomeRecord],
    now: datetime,
    threshold: float,
    min_outcomes: float,
    demos: Collection[str],
    targets: Collection[str],
) -> tuple[Cell, ...]:
    """The newest kinds first where there are more than can be shown."""
    kinds = list(dict.fromkeys((o.action, o.fault_class) for o in sorted(outcomes, key=lambda o: o.at, reverse=True)))
    by_action = {action: [o for o in outcomes if o.action == action] for action, _ in kinds}
    watched = sorted({o.target for o in outcomes} | set(targets))
    cells = []
    for action, fault_class in kinds[: max(1, CELLS // max(1, len(watched)))]:
        for target in watched:
            mine = by_action[action]
            demo = target in demos
            record = weigh(mine, action=action, fault_class=fault_class, target=target, now=now, demo=demo)
            own = [o for o in mine if o.fault_class == fault_class and o.target == target]
            cells.append(
                Cell(
                    target=target,
                    action=action,
                    fault_class=fault_class,
                    own=len(own),
                    simulated=sum(o.simulated for o in own),
                    worked=record.successes,
                    failed=record.failures,
                    track_record=track_record(record),
                    needed=still_needed(record, threshold, min_outcomes),
                )
            )
    return tuple(sorted(cells, key=lambda c: (c.target, c.action, c.fault_class)))
