"""Reads the SDK's models into ours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from azure.mgmt.appcontainers.models import ContainerApp, Revision
from azure.mgmt.appcontainers.models import Replica as AzureReplica

from overwatch_mcp.models import Replica, ServiceState
from overwatch_mcp.models import Revision as RevisionRead
from overwatch_mcp.plain_text import plain
from overwatch_mcp.platform import RevisionState


def service_state(
    names: tuple[str, str, str], app: ContainerApp, serving: tuple[Revision | None, Sequence[AzureReplica]], now: datetime
) -> ServiceState:
    """How a service stands. `names` are target, region and container app; `serving` the revision that serves and its replicas."""
    target, region, container_app = names
    revision, replicas = serving
    found = [_replica(one) for one in replicas]
    return ServiceState(
        target=target,
        region=region,
        container_app=container_app,
        revision=_word(revision.name) if revision else None,
        image=_image_of(revision) if revision else None,
        replicas_desired=bounds(app)[0],
        replicas_ready=sum(one.ready for one in found),
        replicas=found,
        health_state=_word(revision.health_state) if revision else None,
        running_state=_word(revision.running_state) if revision else None,
        provisioning_state=_word(app.provisioning_state),
        as_of=now,
    )


def revision_state(name: str, revision: Revision) -> RevisionState:
    """One revision, read back."""
    scale = revision.template.scale if revision.template else None
    return RevisionState(
        name=name,
        image=_image_of(revision),
        min_replicas=scale.min_replicas if scale else None,
        provisioning_state=_word(revision.provisioning_state),
        running_state=_word(revision.running_state),
        error=_word(revision.provisioning_error),
    )


def revision_read(revision: Revision) -> RevisionRead:
    """One revision, for whoever chooses among them."""
    return RevisionRead(
        name=_word(revision.name) or "",
        image=_image_of(revision),
        active=bool(revision.active),
        created_at=in_utc(revision.created_time),
        traffic=revision.traffic_weight,
        replicas=revision.replicas,
        health_state=_word(revision.health_state),
        running_state=_word(revision.running_state),
        provisioning_state=_word(revision.provisioning_state),
        error=_word(revision.provisioning_error),
    )


def newest_first(revisions: Sequence[Revision]) -> list[RevisionRead]:
    """The revisions by their age; those without a time come last, in the reverse of the order that the platform lists them in."""
    epoch = datetime.min.replace(tzinfo=UTC)
    order = sorted(
        enumerate(revision_read(one) for one in revisions), key=lambda item: (item[1].created_at or epoch, item[0]), reverse=True
    )
    return [one for _, one in order]


def serving_revision(app: ContainerApp) -> str | None:
    """The revision that serves: the latest one that ever got ready, or the one with the most users where several are active."""
    latest = _word(app.latest_ready_revision_name or app.latest_revision_name)
    configuration = app.configuration
    if configuration is None or configuration.active_revisions_mode != "Multiple" or configuration.ingress is None:
        return latest
    shares = [share for share in configuration.ingress.traffic or [] if share.weight]
    if not shares:
        return latest
    most = max(shares, key=lambda share: share.weight or 0)
    return latest if most.latest_revision else _word(most.revision_name)


def bounds(app: ContainerApp) -> tuple[int, int]:
    """The lower and upper bound of the replicas; unset ones are the platform's own, 0 and 10."""
    scale = app.template.scale if app.template else None
    minimum = (scale.min_replicas if scale else None) or 0
    maximum = (scale.max_replicas if scale else None) or 10
    return minimum, max(minimum, maximum)


def _image_of(revision: Revision) -> str | None:
    """The image of a revision's first container."""
    containers = revision.template.containers if revision.template else None
    return _word(containers[0].image) if containers else None


def _replica(replica: AzureReplica) -> Replica:
    containers = replica.containers or []
    created = replica.created_time
    return Replica(
        name=_word(replica.name) or "",
        ready=bool(containers) and all(container.ready for container in containers),
        running_state=_word(replica.running_state),
        restart_count=sum(container.restart_count or 0 for container in containers),
        created_at=in_utc(created),
    )


def in_utc(moment: datetime | None) -> datetime | None:
    """A moment as all moments are here; the SDK gives them zones of its own making, or none, which then is UTC."""
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _word(value: Any) -> str | None:
    """The platform's word, whether the SDK knows it (an enum) or not (plain text)."""
    return None if value is None else plain(getattr(value, "value", value), 400)
