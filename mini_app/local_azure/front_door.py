"""The global ingress's rules: origins, weights, health, and who gets the next request."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

SAMPLES = 4
BAD_SAMPLES = 3


@dataclass(slots=True)
class Origin:
    """A region as Front Door knows it. Weights are 1 to 1000, a lower priority goes first; a disabled origin gets nothing."""

    name: str
    enabled: bool
    weight: int = 1000
    priority: int = 1
    samples: deque[bool] = field(default_factory=lambda: deque(maxlen=SAMPLES))
    credit: float = 0.0

    @property
    def healthy(self) -> bool:
        """Fewer than three of the last four probes failed."""
        return list(self.samples).count(False) < BAD_SAMPLES


class FrontDoor:
    """Smooth weighted round robin among the enabled and healthy origins of the first priority; fails open."""

    def __init__(self, origins: dict[str, Origin]) -> None:
        self.origins = origins
        self.changes_total = 0
        self.weighted_changes_total = 0
        """How many of the changes came through `change_weighted`."""

    def choose(self) -> Origin | None:
        """Who serves the next request; None where no origin is enabled."""
        enabled = [o for o in self.origins.values() if o.enabled]
        candidates = _first([o for o in enabled if o.healthy] or enabled)
        if not candidates:
            return None
        for origin in candidates:
            origin.credit += origin.weight
        chosen = max(candidates, key=lambda o: o.credit)
        chosen.credit -= sum(o.weight for o in candidates)
        return chosen

    def change(self, name: str, *, enabled: bool | None, weight: int | None, priority: int | None) -> None:
        """Change one origin; counts as a change only where something differs."""
        before = self._settings()
        self._set(self.origins[name], enabled, weight, priority)
        self._count(before)

    def change_weighted(self, name: str, *, enabled: bool | None, weight: int | None) -> None:
        """Change one origin for whoever knows no priorities: from then on all share by their weights."""
        if enabled is None and weight is None:
            return
        before = self._settings()
        self._set(self.origins[name], enabled, weight, None)
        for origin in self.origins.values():
            origin.priority = 1
        self.weighted_changes_total += self._count(before)

    def _set(self, origin: Origin, enabled: bool | None, weight: int | None, priority: int | None) -> None:
        origin.enabled = origin.enabled if enabled is None else enabled
        origin.weight = origin.weight if weight is None else weight
        origin.priority = origin.priority if priority is None else priority

    def _settings(self) -> list[tuple[bool, int, int]]:
        return [(o.enabled, o.weight, o.priority) for o in self.origins.values()]

    def _count(self, before: list[tuple[bool, int, int]]) -> bool:
        if changed := before != self._settings():
            self.changes_total += 1
            for each in self.origins.values():
                each.credit = 0.0
        return changed

    def percent(self, name: str) -> float:
        """The share of an origin as it is configured, in percent; what health makes of it is not counted."""
        origin = self.origins[name]
        sharing = _first([o for o in self.origins.values() if o.enabled])
        return 100 * origin.weight / sum(o.weight for o in sharing) if origin in sharing else 0.0


def _first(origins: list[Origin]) -> list[Origin]:
    """Those of the first priority."""
    return [o for o in origins if o.priority == min(each.priority for each in origins)]
