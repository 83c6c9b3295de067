"""What of a service's state goes into the record of an operation."""

from __future__ import annotations

from typing import Any

from overwatch_mcp.models import ServiceState


def service_facts(state: ServiceState) -> dict[str, Any]:
    """JSON-shaped facts: enough to see what changed, and to tell new replicas from old ones."""
    return {
        "revision": state.revision,
        "image": state.image,
        "replicas_desired": state.replicas_desired,
        "replicas_ready": state.replicas_ready,
        "replicas": [
            {
                "name": replica.name,
                "ready": replica.ready,
                "restart_count": replica.restart_count,
                "created_at": replica.created_at.isoformat() if replica.created_at else None,
            }
            for replica in state.replicas
        ],
        "running_state": state.running_state,
        "provisioning_state": state.provisioning_state,
    }
