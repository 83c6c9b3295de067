"""Observations as signals: per region, by metric, with the questions that the rules ask of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from agents.facts import Observation
from agents.incident import Incident


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether something holds, and the observations that say so. `holds` is None where nothing was observed."""

    holds: bool | None
    cites: tuple[str, ...] = ()


class Signals:
    """The observations of one incident. Answers depend on what was observed alone."""

    def __init__(self, incident: Incident) -> None:
        self._by = {(o.region, o.metric): o for o in incident.observations}
        self._known = frozenset(o.id for o in incident.observations)
        self._symptoms = incident.symptoms
        self.regions = tuple(sorted({o.region for o in incident.observations if o.region is not None} | set(incident.regions)))
        self.sick = incident.regions
        platform = self.get(None, "platform")
        self.without_platform = platform is not None and platform.value == 0
        """Whether it is known that there is no platform to ask: then nobody can say what runs."""
        self.well = tuple(r for r in self.regions if r not in self.sick)

    def get(self, region: str | None, metric: str) -> Observation | None:
        """One observation."""
        return self._by.get((region, metric))

    def kinds(self, region: str) -> frozenset[str]:
        """The kinds of symptoms of a region."""
        return frozenset(s.kind for s in self._symptoms if s.region == region)

    def below(self, regions: Iterable[str], metric: str, limit: float) -> Answer:
        """Whether the metric of all these regions is at or below `limit`."""
        return self._all(regions, metric, lambda o: o.value is not None and o.value <= limit)

    def above(self, regions: Iterable[str], metric: str, limit: float) -> Answer:
        """Whether the metric of all these regions is at or above `limit`."""
        return self._all(regions, metric, lambda o: o.value is not None and o.value >= limit)

    def risen(self, regions: Iterable[str], metric: str, factor: float) -> Answer:
        """Whether the metric is at least `factor` times its baseline."""
        return self._all(
            regions, metric, lambda o: bool(o.baseline) and o.value is not None and o.value >= factor * (o.baseline or 0)
        )

    def short_of_baseline(self, regions: Iterable[str], metric: str) -> Answer:
        """Whether the metric is below its baseline (replicas that are missing)."""
        return self._all(regions, metric, lambda o: o.value is not None and o.baseline is not None and o.value < o.baseline)

    def at_baseline(self, regions: Iterable[str], metric: str) -> Answer:
        """Whether the metric is at or above its baseline (all replicas are there)."""
        return self._all(regions, metric, lambda o: o.value is not None and o.baseline is not None and o.value >= o.baseline)

    def symptom(self, regions: Sequence[str], *kinds: str) -> Answer:
        """Whether each of these regions shows at least one of these symptoms.

        A symptom whose observations are not stored is hearsay: it neither holds nor is it out of the question.
        """
        found = [s for s in self._symptoms if s.region in regions and s.kind in kinds]
        cites = tuple(o for s in found for o in s.observations if o in self._known)
        if not regions or not {s.region for s in found} >= set(regions):
            return Answer(holds=False, cites=cites)
        seen = {s.region for s in found if self._known.intersection(s.observations)}
        return Answer(True if seen >= set(regions) else None, cites)

    def _all(self, regions: Iterable[str], metric: str, holds: Callable[[Observation], bool]) -> Answer:
        names = list(regions)
        seen = [o for r in names if (o := self.get(r, metric)) is not None and o.value is not None]
        if not seen or len(seen) < len(names):
            return Answer(None, tuple(o.id for o in seen))
        return Answer(all(holds(o) for o in seen), tuple(o.id for o in seen))


def not_(answer: Answer) -> Answer:
    """The opposite; what was not observed stays unknown."""
    return Answer(None if answer.holds is None else not answer.holds, answer.cites)
