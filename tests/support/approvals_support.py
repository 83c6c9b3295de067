"""An incident in the log that waits for a person, and what was decided on it."""

from __future__ import annotations

from agents.catalogue import load_catalogue
from agents.events import ApprovalDecided, ApprovalRequested, IncidentDiagnosed, StrategyProposed
from agents.orchestrator import Orchestrator
from agents.policy_settings import PolicySettings


class NoPast:
    """Nothing was done before, and nothing is paused."""

    async def recent_incidents(self, target):
        return ()

    async def paused(self):
        return False


def gate(inventory, **policy):
    """The Orchestrator over these facts."""
    return Orchestrator(PolicySettings(**policy), inventory, NoPast(), load_catalogue())


async def waiting(store, build, plan=None, *, ttl_s=600.0, **changes) -> str:
    """INC-1 waits for a person, under the request that is returned."""
    await store.open_incident(build.opened(), "Sentry", build.clock.now())
    plan = plan or build.strategy()
    diagnosed = IncidentDiagnosed(diagnosis=build.diagnosis(plan.fault_class))
    await store.append([build.event(diagnosed), build.event(StrategyProposed(strategy=plan))])
    incident = await store.incident("INC-1")
    asked = build.awaiting(plan, ttl_s=ttl_s).approval
    request = ApprovalRequested(
        approval="A1",
        strategy=plan.id,
        binding=plan.binding("INC-1", incident.proposed_version),
        reasons=asked.reasons,
        deadline=asked.deadline,
        **changes,
    )
    await store.append([build.event(request)])
    return "A1"


async def decisions(store) -> list[ApprovalDecided]:
    """What was decided on INC-1, in order."""
    return [e.data for e in await store.events_of("INC-1") if isinstance(e.data, ApprovalDecided)]
