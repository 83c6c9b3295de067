"""Confidence as `min` of three numbers: the track record, the evidence, and a model's word, which may only lower it.

The record is the 10 % quantile of a Beta posterior, Beta(m·w + s, (1 - m)·w + f), with s verified successes, f failures, and the
parent level's rate m weighing like w observations. "17 of 17 worked" is thus "at least 0.89", not 1. The parent level is the same
action against every other fault class: an outcome that counted in both would be believed twice, and the quantile would lie above
the truth more often than one time in ten.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from agents.facts import Confidence
from agents.seams import OutcomeRecord, Record

PARENT_WEIGHT = 8.0
QUANTILE = 0.1

HALF_LIFE_DAYS = 90.0
OTHER_TARGET = 0.5
SIMULATED = 0.25
"""What a drill weighs for every target but the demo that it was held on."""
SIMULATED_CAP = 5.0
"""What all drills elsewhere may weigh for one fault class. The newest count first, so that a new failure is never crowded out."""
PRIOR_RATE = 0.85
PRIOR_WEIGHT = 8.0

MANUAL = "manual"
"""Stands for the fault class where a person asked for the action and nothing was diagnosed."""


def weigh(
    outcomes: Iterable[OutcomeRecord], *, action: str, fault_class: str, target: str, now: datetime, demo: bool = False
) -> Record:
    """The weighted record of one action against one fault class, and the action's rate against the other classes.

    An outcome halves in 90 days; one of another target counts half; a simulated one counts as little as `SIMULATED` says, and all
    of a class together no more than `SIMULATED_CAP`, unless `target` is the `demo` that it was held on.
    """
    good = bad = others_good = others = 0.0
    left: defaultdict[str, float] = defaultdict(lambda: SIMULATED_CAP)
    for outcome in sorted((o for o in outcomes if o.action == action), key=lambda o: o.at, reverse=True):
        age = max(0.0, (now - outcome.at).total_seconds() / 86_400)
        weight = 0.5 ** (age / HALF_LIFE_DAYS)
        if outcome.simulated and not (demo and outcome.target == target):
            weight = min(weight * SIMULATED, left[outcome.fault_class])
            left[outcome.fault_class] -= weight
        elif outcome.target != target:
            weight *= OTHER_TARGET
        if outcome.fault_class == fault_class:
            good += weight * outcome.succeeded
            bad += weight * (not outcome.succeeded)
        else:
            others += weight
            others_good += weight * outcome.succeeded
    rate = (PRIOR_RATE * PRIOR_WEIGHT + others_good) / (PRIOR_WEIGHT + others)
    return Record(successes=good, failures=bad, parent_rate=rate)


def veto(*words: float | None) -> float | None:
    """The lowest of a model's words, None where it said none. What is no number between 0 and 1 is no trust at all: 0."""
    said = [word for word in words if word is not None]
    return min((word if 0 <= word <= 1 else 0.0 for word in said), default=None)


def still_needed(record: Record, threshold: float, min_outcomes: float, limit: int = 500) -> int | None:
    """How many more verified successes lift the record strictly above `threshold`; None where `limit` of them don't."""

    def enough(more: int) -> bool:
        grown = Record(record.successes + more, record.failures, record.parent_rate)
        return grown.successes + grown.failures >= min_outcomes and track_record(grown) > threshold

    if not enough(limit):
        return None
    low, high = 0, limit
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return low


def confidence(record: Record, evidence: float, word: float | None) -> Confidence:
    """The three numbers for one action against one fault class."""
    return Confidence(
        track_record=track_record(record),
        evidence=min(1.0, max(0.0, evidence)),
        word=word,
        outcomes=record.successes + record.failures,
    )


def track_record(record: Record) -> float:
    """The 10 % quantile of the posterior of the success rate."""
    rate = min(0.99, max(0.01, record.parent_rate))
    return beta_quantile(QUANTILE, rate * PARENT_WEIGHT + record.successes, (1 - rate) * PARENT_WEIGHT + record.failures)


def beta_quantile(p: float, a: float, b: float) -> float:
    """The x with I_x(a, b) = p, by bisection to 1e-9. Raises ValueError outside 0 < p < 1, a > 0, b > 0."""
    if not 0 < p < 1 or a <= 0 or b <= 0:
        raise ValueError(f"no quantile of Beta({a!r}, {b!r}) at {p!r}")
    low, high = 0.0, 1.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        if beta_cdf(middle, a, b) < p:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), by Lentz's continued fraction (Numerical Recipes, 6.4)."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    tiny = 1e-300
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    value = d
    for m in range(1, 500):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 + numerator * d
            d = 1 / (d if abs(d) > tiny else tiny)
            c = 1 + numerator / c
            c = c if abs(c) > tiny else tiny
            value *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return value
