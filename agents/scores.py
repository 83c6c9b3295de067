"""What a calibration says, as values: how far the numbers that decisions were made on came true."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Source = Literal["gate", "track_record", "evidence", "word"]
"""The number that the gate compared, and the three that it is the smallest of."""

ENOUGH = 20
"""With fewer outcomes the scores say more about chance than about the numbers."""
ENOUGH_IN_BIN = 5


@dataclass(frozen=True, slots=True)
class Bin:
    """The predictions from `low` up to `high`. `observed` is the weighted share that worked, between `at_least` and `at_most`."""

    low: float
    high: float
    count: int
    predicted: float
    observed: float
    at_least: float
    at_most: float

    @property
    def enough(self) -> bool:
        """Whether there are outcomes enough to say something."""
        return self.count >= ENOUGH_IN_BIN


@dataclass(frozen=True, slots=True)
class Curve:
    """One number's calibration. `effective` is what the weighted outcomes are worth in whole ones (Kish 1965).

    `brier` is the mean squared error (Brier 1950), and about `reliability - resolution + uncertainty` (Murphy 1973; the binning
    takes the rest). `skill` is the share by which it beats always saying the base rate; None where there is nothing to beat.
    `ece` is the mean distance between what was said and what came, over the bins (Naeini, Cooper and Hauskrecht 2015).
    """

    source: Source
    count: int
    effective: float
    base_rate: float
    brier: float
    skill: float | None
    reliability: float
    resolution: float
    uncertainty: float
    ece: float
    bins: tuple[Bin, ...]

    @property
    def enough(self) -> bool:
        """Whether there are outcomes enough to say something."""
        return self.count >= ENOUGH


@dataclass(frozen=True, slots=True)
class Cell:
    """One action against one fault class on one target, as the gate would read its record now.

    `worked` and `failed` are weighted by age, target and simulation; `own` and `simulated` are counts. `needed` is how many more
    verified successes make the record enough for the gate: 0 where it is now, None where hundreds would not.
    """

    target: str
    action: str
    fault_class: str
    own: int
    simulated: int
    worked: float
    failed: float
    track_record: float
    needed: int | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """Everything that is known of the numbers at one moment.

    `unnumbered` outcomes were decided on no number: an action that a person asked for, or one of a version that kept none.
    """

    at: datetime
    threshold: float
    min_outcomes: float
    real_only: bool
    outcomes: int
    simulated: int
    unnumbered: int
    curves: tuple[Curve, ...]
    cells: tuple[Cell, ...]

    def curve(self, source: Source) -> Curve | None:
        """One number's curve; None where it was never said."""
        return next((c for c in self.curves if c.source == source), None)
