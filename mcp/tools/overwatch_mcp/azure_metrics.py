"""The platform's own measurements of a container app, from the Resource Manager."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from azure.core.rest import HttpRequest

from overwatch_mcp.azure_errors import mapped
from overwatch_mcp.azure_session import AzureSession
from overwatch_mcp.config import AzureTarget
from overwatch_mcp.models import MetricPoint, MetricSeries

API_VERSION = "2023-10-01"
MOST_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class _Measure:
    """How one metric is asked for and told.

    `scale` turns the platform's unit into ours; what is measured of each replica (`each`) is told of the region as a whole: the
    average replica of a minute, as often as there were replicas.
    """

    name: str
    aggregation: Literal["average", "maximum", "total"]
    unit: Literal["count", "bytes", "cores"]
    told_as: str
    scale: float = 1.0
    each: bool = False


MEASURES = (
    _Measure("Requests", "total", "count", "Requests"),
    _Measure("Replicas", "maximum", "count", "Replicas"),
    _Measure("RestartCount", "maximum", "count", "RestartCount"),
    _Measure("UsageNanoCores", "average", "cores", "CpuUsage", 1e-9, each=True),
    _Measure("WorkingSetBytes", "average", "bytes", "MemoryWorkingSet", each=True),
)
"""Requests of a minute, replicas and restarts at their highest, cores and memory of all replicas; named as on Docker."""


class AzureMetrics:
    """Asks the Resource Manager, with a version of its own for this API."""

    def __init__(self, config: AzureTarget, session: AzureSession) -> None:
        self._session = session
        self._group = f"{session.url}/subscriptions/{config.subscription_id}/resourceGroups/{config.resource_group}"

    async def series(self, app: str, minutes: int, now: datetime) -> list[MetricSeries]:
        """The series of an app over the last minutes, one point a minute where there was something to measure."""
        since = now - timedelta(minutes=min(max(minutes, 1), MOST_MINUTES))
        request = HttpRequest(
            "GET",
            f"{self._group}/providers/Microsoft.App/containerApps/{app}/providers/Microsoft.Insights/metrics",
            params={
                "api-version": API_VERSION,
                "metricnames": ",".join(measure.name for measure in MEASURES),
                "aggregation": "Average,Maximum,Total",
                "interval": "PT1M",
                "timespan": f"{_moment(since)}/{_moment(now)}",
            },
            headers={"Accept": "application/json"},
        )
        with mapped(f"reading the metrics of {app!r}"):
            response = await self._session.ask(request)
            response.raise_for_status()
            found = {metric["name"]["value"]: _points(metric) for metric in response.json()["value"]}
            replicas = _values("maximum", found.get("Replicas", []))
            return [_series(measure, found[measure.name], replicas) for measure in MEASURES if measure.name in found]


def _points(metric: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The points of a metric's series; there is one, unless it were asked to be split."""
    return [point for series in metric.get("timeseries") or [] for point in series.get("data") or []]


def _values(aggregation: str, points: Sequence[Mapping[str, Any]]) -> dict[datetime, float]:
    """What was measured, by minute."""
    return {_read(point["timeStamp"]): float(point[aggregation]) for point in points if point.get(aggregation) is not None}


def _series(measure: _Measure, points: Sequence[Mapping[str, Any]], replicas: Mapping[datetime, float]) -> MetricSeries:
    values = {at: value * measure.scale for at, value in _values(measure.aggregation, points).items()}
    if measure.each:
        values = {at: value * replicas[at] for at, value in values.items() if at in replicas}
    told = [MetricPoint(at=at, value=value) for at, value in sorted(values.items())]
    return MetricSeries(name=measure.told_as, unit=measure.unit, points=told[-MOST_MINUTES:])


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _read(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
