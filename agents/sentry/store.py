"""The part of the durable store that Sentry needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from agents.events import Event, IncidentOpened
from agents.incident import Incident


class IncidentStore(Protocol):
    """Incidents as they stand. Implemented by the durable core; its errors pass through and end one look, never the watching."""

    async def open_incident(
        self, data: IncidentOpened, source: str, at: datetime, traceparent: str | None = None
    ) -> Event | None:
        """Open an incident; None where the target has an unresolved one already."""
        ...

    async def append(self, events: Iterable[Event]) -> object:
        """Commit events that answer no delivery. Raises IllegalTransitionError where the incident has moved on."""
        ...

    async def unresolved(self, target: str) -> Incident | None:
        """The target's unresolved incident, if there is one."""
        ...

    async def incidents(self, *, limit: int = 100) -> Sequence[Incident]:
        """The newest incidents, resolved ones included, newest first."""
        ...
