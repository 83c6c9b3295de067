"""Property 15: an incident that is being acted upon, judged or undone can't be cleared: its verification alone ends it."""

from __future__ import annotations

import pytest

from agents.events import IncidentResolved
from agents.incident import IllegalTransitionError, evolve


@pytest.mark.parametrize("how", ["cleared", "verified"])
@pytest.mark.parametrize("status", ["acting", "verifying", "undoing"])
def test_p15_what_is_acted_upon_is_neither_cleared_nor_closed_as_verified(build, status, how):
    incident = build.acting()
    if status == "verifying":
        incident = evolve(incident, build.event(build.finished(incident)))
    elif status == "undoing":
        incident = build.undoing()
    assert incident.status == status
    with pytest.raises(IllegalTransitionError):
        evolve(incident, build.event(IncidentResolved(how=how, checks=())))
