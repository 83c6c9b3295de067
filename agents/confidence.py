"""Confidence as `min` of three numbers: the track record, the evidence, and a model's word, which may only lower it.

The record is the 10 % quantile of a Beta posterior, Beta(m·w + s, (1 - m)·w + f), with s verified successes, f failures, and the
parent level's rate m weighing like w observations. "17 of 17 worked" is thus "at least 0.9", not 1.
"""

from __future__ import annotations

import math

from agents.facts import Confidence
from agents.seams import Record

PARENT_WEIGHT = 8.0
QUANTILE = 0.1


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
