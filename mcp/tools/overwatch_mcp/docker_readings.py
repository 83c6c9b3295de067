"""Reads containers into states: which revision serves, how its replicas are, what they wrote and use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from overwatch_mcp.docker_member import Member, read_time
from overwatch_mcp.models import LogLine, MetricPoint, MetricSeries, Replica, Revision, ServiceState
from overwatch_mcp.plain_text import plain
from overwatch_mcp.platform import RevisionState

_STOPPED = {0, 137, 143}
"""Statuses of a process that ended when it was told to, or was killed."""


def by_revision(members: Sequence[Member]) -> dict[str, list[Member]]:
    """The containers of each revision; revisions and containers in the order of their age, the oldest first."""
    found: dict[str, list[Member]] = {}
    for member in members:
        found.setdefault(member.revision, []).append(member)
    return found


def serving_revision(members: Sequence[Member]) -> str | None:
    """The oldest revision of which a container takes traffic: a newer one serves once all of the older are gone."""
    return next((name for name, group in by_revision(members).items() if any(one.serves for one in group)), None)


def staying(members: Sequence[Member]) -> list[Member]:
    """The containers of the revision that serves which are to go on serving."""
    serving = serving_revision(members)
    return [one for one in members if one.revision == serving and one.stays]


def service_state(names: tuple[str, str, str], members: Sequence[Member], now: datetime) -> ServiceState:
    """How a service stands. `names` are target, region and service."""
    target, region, service = names
    serving = serving_revision(members)
    group = [one for one in members if one.revision == serving and one.mark in {"", "leaving"}]
    stay = [one for one in group if one.stays]
    ready = sum(one.well for one in stay)
    busy = len(group) != len(stay) or any(one.revision != serving and one.mark == "" for one in members)
    return ServiceState(
        target=target,
        region=region,
        container_app=service,
        revision=serving,
        image=stay[0].image if stay else group[0].image if group else None,
        replicas_desired=len(stay),
        replicas_ready=ready,
        replicas=[_replica(one) for one in group],
        health_state="Healthy" if ready and ready == len(stay) else "Unhealthy",
        running_state="Running" if any(one.running for one in stay) else "Stopped",
        provisioning_state="InProgress" if busy else "Succeeded",
        as_of=now,
    )


def revision_state(members: Sequence[Member], suffix: str, error: str | None) -> RevisionState | None:
    """The revision that an operation made or changes. `error` says why it was given up, where it was."""
    own = [one for one in members if one.operation == suffix]
    if not own:
        return None
    failed = any(one.mark == "failed" for one in own)
    settled = all(one.stays or one.mark == "retired" for one in own)
    return RevisionState(
        name=own[0].revision,
        image=own[0].image,
        min_replicas=own[0].wanted,
        provisioning_state="Failed" if failed else "Provisioned" if settled else "Provisioning",
        running_state="Running" if any(one.running for one in own) else "Stopped",
        error=error if failed else None,
    )


def revision_reads(members: Sequence[Member]) -> list[Revision]:
    """Every revision that has a container left, the newest first."""
    serving = serving_revision(members)
    return [_revision(name, group, serving) for name, group in reversed(by_revision(members).items())]


def log_lines(member: Member, stream: str, text: bytes) -> list[LogLine]:
    """The lines of one stream, made harmless; the engine puts the time in front of each."""
    lines = []
    for line in text.decode("utf-8", errors="replace").split("\n"):
        if not line:
            continue
        at, _, said = line.partition(" ")
        try:
            when = read_time(at)
        except ValueError:
            when, said = None, line
        lines.append(LogLine(at=when, revision=member.revision, replica=member.name, stream=stream, text=plain(said)))
    return lines


def metric_series(members: Sequence[Member], measured: Sequence[Mapping[str, Any]], now: datetime) -> list[MetricSeries]:
    """What a region uses now. The engine remembers nothing, so each series has one point."""
    stay = staying(members)

    def series(name: str, unit: Any, value: float) -> MetricSeries:
        return MetricSeries(name=name, unit=unit, points=[MetricPoint(at=now, value=value)])

    return [
        series("Replicas", "count", len(stay)),
        series("ReplicasReady", "count", sum(one.well for one in stay)),
        series("RestartCount", "count", sum(one.restarts for one in stay)),
        series("CpuUsage", "cores", round(sum(_cores(one) for one in measured), 4)),
        series("MemoryWorkingSet", "bytes", sum(_memory(one) for one in measured)),
        series("NetworkIn", "bytes", sum(_network(one, "rx_bytes") for one in measured)),
        series("NetworkOut", "bytes", sum(_network(one, "tx_bytes") for one in measured)),
    ]


def _replica(member: Member) -> Replica:
    return Replica(
        name=member.name,
        ready=member.stays and member.well,
        running_state=member.status if member.health is None else f"{member.status} ({member.health})",
        restart_count=member.restarts,
        created_at=member.started_at or member.created_at,
    )


def _revision(name: str, group: Sequence[Member], serving: str | None) -> Revision:
    alive = [one for one in group if one.mark in {"", "leaving"}]
    failed = not alive and all(one.mark == "failed" for one in group)
    return Revision(
        name=name,
        image=group[0].image,
        active=name == serving,
        created_at=group[0].created_at,
        traffic=100 if name == serving else 0,
        replicas=len(alive),
        health_state=("Healthy" if all(one.well for one in alive) else "Unhealthy") if alive else None,
        running_state="Running" if any(one.running for one in alive) else "Stopped",
        provisioning_state="Failed" if failed else "Provisioned" if all(one.stays for one in alive) else "Provisioning",
        error=exit_words(group[0]) if failed else None,
    )


def exit_words(member: Member) -> str:
    """How a container ended, or how it stands. One that was stopped from outside says nothing by its status."""
    if member.error:
        return plain(member.error, 300)
    if member.raw["State"].get("OOMKilled"):
        return "it was killed, as it took more memory than it may"
    if not member.running and member.exit_code not in _STOPPED:
        return f"it ended with status {member.exit_code}"
    if member.health == "unhealthy":
        return "its health check failed"
    if member.running:
        return f"it did not become healthy in time (its health is {member.health or 'not checked'})"
    return f"it ended with status {member.exit_code}"


def _cores(measured: Mapping[str, Any]) -> float:
    now, before = measured.get("cpu_stats") or {}, measured.get("precpu_stats") or {}
    if "system_cpu_usage" not in now or "system_cpu_usage" not in before:
        return 0.0
    used = now["cpu_usage"]["total_usage"] - before["cpu_usage"]["total_usage"]
    passed = now["system_cpu_usage"] - before["system_cpu_usage"]
    return float(used / passed * (now.get("online_cpus") or 1)) if passed > 0 and used > 0 else 0.0


def _memory(measured: Mapping[str, Any]) -> int:
    """Without the pages that the kernel can give back at once."""
    memory = measured.get("memory_stats") or {}
    idle = (memory.get("stats") or {}).get("inactive_file") or (memory.get("stats") or {}).get("total_inactive_file") or 0
    return max(0, int(memory.get("usage") or 0) - int(idle))


def _network(measured: Mapping[str, Any], key: str) -> int:
    return sum(int(one.get(key) or 0) for one in (measured.get("networks") or {}).values())
