"""Container apps, their revisions and replicas as ARM's JSON documents, and the names that ids are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mini_app.local_azure.region import Region
from mini_app.local_azure.replicas import Replica
from mini_app.local_azure.revisions import Revision


@dataclass(frozen=True, slots=True)
class Ids:
    """The names that every resource id is made of."""

    subscription: str
    resource_group: str
    profile: str
    origin_group: str
    traffic_profile: str
    log_workspace: str

    @property
    def group(self) -> str:
        """The resource group's id."""
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"


def container_app(ids: Ids, region: Region) -> dict[str, Any]:
    """A container app."""
    now = region.revision
    newest = list(region.revisions.values())[-1]
    return {
        "id": f"{ids.group}/providers/Microsoft.App/containerApps/{region.app}",
        "name": region.app,
        "type": "Microsoft.App/containerApps",
        "location": region.location,
        "properties": {
            "managedEnvironmentId": f"{ids.group}/providers/Microsoft.App/managedEnvironments/demo-{region.location}",
            "provisioningState": "InProgress" if region.changing else "Failed" if newest.error else "Succeeded",
            "runningStatus": "Running" if region.running else "Stopped",
            "latestRevisionName": newest.name,
            "latestReadyRevisionName": now.name,
            "configuration": {
                "activeRevisionsMode": "Single",
                "ingress": {
                    "external": True,
                    "targetPort": 8000,
                    "traffic": [{"revisionName": now.name, "weight": 100, "latestRevision": False}],
                },
            },
            "template": _template(now),
        },
    }


def _template(item: Revision) -> dict[str, Any]:
    return {
        "revisionSuffix": item.suffix,
        "containers": [item.container.model_dump(mode="json", by_alias=True, exclude_none=True)],
        "scale": {"minReplicas": item.replicas, "maxReplicas": item.max_replicas},
    }


def revision(ids: Ids, region: Region, item: Revision) -> dict[str, Any]:
    """A revision, with the health that its processes give it."""
    mine = [r for r in region.replicas if r.revision == item.name]
    serving = [r for r in mine if r.serving]
    if item.error:
        health, running = "Unhealthy", "Failed"
    elif not item.active or not region.running:
        health, running = "None", "Stopped"
    elif region.changing and len(serving) < item.replicas:
        health, running = "None", "Processing"
    elif len(serving) < item.replicas:
        health, running = "Unhealthy", "Degraded"
    else:
        health, running = "Healthy", "Running"
    return {
        "id": f"{ids.group}/providers/Microsoft.App/containerApps/{region.app}/revisions/{item.name}",
        "name": item.name,
        "type": "Microsoft.App/containerapps/revisions",
        "properties": {
            "createdTime": item.created_at.isoformat(),
            "active": item.active,
            "replicas": len(mine),
            "trafficWeight": 100 if item is region.revision else 0,
            "healthState": health,
            "runningState": running,
            "provisioningState": item.provisioning,
            "provisioningError": item.error or None,
            "template": _template(item),
        },
    }


def replica(ids: Ids, region: Region, item: Revision, process: Replica) -> dict[str, Any]:
    """A replica, as its process stands."""
    state = "Running" if process.serving else "NotRunning" if not process.alive else "Unknown"
    return {
        "id": f"{ids.group}/providers/Microsoft.App/containerApps/{region.app}/revisions/{item.name}/replicas/{process.name}",
        "name": process.name,
        "type": "Microsoft.App/containerapps/revisions/replicas",
        "properties": {
            "createdTime": process.created_at.isoformat(),
            "runningState": state,
            "runningStateDetails": "" if process.alive else f"the process ended with {process.process.returncode}",
            "containers": [
                {
                    "name": item.container.name,
                    "ready": process.serving,
                    "started": process.ready,
                    "restartCount": process.restart_count,
                    "runningState": "Running" if process.alive else "Terminated",
                }
            ],
        },
    }
