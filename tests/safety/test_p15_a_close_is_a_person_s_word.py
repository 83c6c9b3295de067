"""Property 15: nothing but a look from outside closes an incident, or a person, whose word is marked and never an agent's."""

from __future__ import annotations

import pytest

from agents.durable.errors import ApprovalError
from agents.durable.store import Store
from agents.events import AGENTS, IncidentClosed
from agents.seams import Outcome


@pytest.fixture
async def store(tmp_path, clock):
    opened = await Store.open(tmp_path / "overwatch.db", exclusive=True, clock=clock)
    yield opened
    await opened.close()


@pytest.mark.parametrize("agent", AGENTS)
async def test_no_agent_closes_an_incident_not_even_in_a_person_s_name(store, build, agent):
    event = await store.open_incident(build.opened(), "Sentry", build.clock.now())
    closing = build.event(IncidentClosed(by="ada", reason="all is well, said the model"), incident=event.incident)
    with pytest.raises(ApprovalError, match=r"incident\.closed"):
        await store.commit(agent, event, Outcome(emit=(closing,)), 1)
    assert (await store.incident(event.incident)).status == "open"


@pytest.mark.parametrize("name", [*AGENTS, "policy", "deadline", "sentry ", ""])
async def test_no_name_of_the_swarm_s_own_closes_an_incident(store, build, name):
    event = await store.open_incident(build.opened(), "Sentry", build.clock.now())
    with pytest.raises(ApprovalError, match="is not a person"):
        await store.close_incident(event.incident, by=name, reason="done", gone=False)
    assert (await store.incident(event.incident)).status == "open"


async def test_a_person_s_close_claims_no_look_from_outside(store, build):
    event = await store.open_incident(build.opened(), "Sentry", build.clock.now())
    closed = await store.close_incident(event.incident, by="ada", reason="the shop was taken down", gone=False)
    assert (closed.resolved_how, closed.closed_by, closed.checks) == ("closed", "ada", ())
