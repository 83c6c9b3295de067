"""The resources as ARM's JSON documents, and what a PATCH asks for."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from mini_app.local_azure.front_door import Origin
from mini_app.local_azure.patches import AppPatch, Container, Scale, Template
from mini_app.local_azure.region import Region, Revision
from mini_app.local_azure.replicas import Replica


@dataclass(frozen=True, slots=True)
class Ids:
    """The names that every resource id is made of."""

    subscription: str
    resource_group: str
    profile: str
    origin_group: str

    @property
    def group(self) -> str:
        """The resource group's id."""
        return f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a PATCH of a container app asks for, merged with what is."""

    suffix: str
    image: str
    replicas: int
    max_replicas: int
    new_revision: bool


def wanted(patch: AppPatch, region: Region) -> Wanted:
    """Merge a PATCH. A new suffix or image makes a revision; a change of scale does so in Azure, here it scales in place.

    Raises ValueError where more replicas are asked for than the upper bound allows.
    """
    template = (patch.properties.template if patch.properties else None) or Template()
    container = next(iter(template.containers or []), Container())
    scale = template.scale or Scale()
    now = region.revision
    image = container.image or now.image
    suffix = template.revision_suffix or ""
    new = (bool(suffix) and suffix != now.suffix) or image != now.image
    if new and not suffix:
        suffix = next(s for n in itertools.count(2) if (s := f"r{n}") not in region.revisions)
    replicas = scale.min_replicas or now.replicas
    upper = scale.max_replicas or region.max_replicas
    if replicas > upper:
        raise ValueError(f"minReplicas {replicas} is more than maxReplicas {upper}")
    return Wanted(
        suffix=suffix or now.suffix,
        image=image,
        replicas=replicas,
        max_replicas=upper,
        new_revision=new,
    )


def container_app(ids: Ids, region: Region) -> dict[str, Any]:
    """A container app."""
    now = region.revision
    ready = [r for r in region.revisions.values() if r.provisioning == "Provisioned"]
    newest = list(region.revisions.values())[-1]
    return {
        "id": f"{ids.group}/providers/Microsoft.App/containerApps/{region.app}",
        "name": region.app,
        "type": "Microsoft.App/containerApps",
        "location": region.location,
        "properties": {
            "provisioningState": "InProgress" if region.changing else "Failed" if newest.error else "Succeeded",
            "runningStatus": "Running" if region.running else "Stopped",
            "latestRevisionName": newest.name,
            "latestReadyRevisionName": ready[-1].name,
            "configuration": {
                "activeRevisionsMode": "Single",
                "ingress": {
                    "external": True,
                    "targetPort": 8000,
                    "traffic": [{"revisionName": now.name, "weight": 100, "latestRevision": False}],
                },
            },
            "template": {
                "revisionSuffix": now.suffix,
                "containers": [{"name": "app", "image": now.image, "resources": {"cpu": 0.25, "memory": "0.5Gi"}}],
                "scale": {"minReplicas": now.replicas, "maxReplicas": region.max_replicas},
            },
        },
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
            "active": item.active,
            "replicas": len(mine),
            "trafficWeight": 100 if item is region.revision else 0,
            "healthState": health,
            "runningState": running,
            "provisioningState": item.provisioning,
            "provisioningError": item.error or None,
            "template": {
                "revisionSuffix": item.suffix,
                "containers": [{"name": "app", "image": item.image}],
                "scale": {"minReplicas": item.replicas, "maxReplicas": region.max_replicas},
            },
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
                    "name": "app",
                    "ready": process.serving,
                    "started": process.ready,
                    "restartCount": process.restart_count,
                    "runningState": "Running" if process.alive else "Terminated",
                }
            ],
        },
    }


def origin(ids: Ids, item: Origin) -> dict[str, Any]:
    """A Front Door origin."""
    path = f"{ids.group}/providers/Microsoft.Cdn/profiles/{ids.profile}/originGroups/{ids.origin_group}/origins/{item.name}"
    return {
        "id": path,
        "name": item.name,
        "type": "Microsoft.Cdn/profiles/originGroups/origins",
        "properties": {
            "hostName": f"{item.name}.demo.local",
            "enabledState": "Enabled" if item.enabled else "Disabled",
            "weight": item.weight,
            "priority": item.priority,
            "provisioningState": "Succeeded",
            "deploymentStatus": "Succeeded",
            "originGroupName": ids.origin_group,
        },
    }
