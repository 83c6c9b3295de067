"""Sentry: watches targets from outside, opens incidents on sustained symptoms, and verifies what was done about them."""

from agents.sentry.agent import Sentry
from agents.sentry.store import IncidentStore

__all__ = ["IncidentStore", "Sentry"]
