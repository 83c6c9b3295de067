"""The platform's own measurements of a container app, from the Resource Manager."""

from __future__ import annotations

from collections.abc import Mapping
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
    """How one metric is asked for and told. `scale` turns the platform's unit into ours."""

    name: str
    aggregation: Literal["average", "maximum", "total"]
    unit: Literal["count", "bytes", "cores"]
    told_as: str
    scale: float = 1.0


MEASURES = (
    _Measure("Requests", "total", "count", "Requests"),
    _Measure("Replicas", "maximum", "count", "Replicas"),
    _Measure("RestartCount", "maximum", "count", "RestartCount"),
    _Measure("UsageNanoCores", "average", "cores", "UsageCores", 1e-9),
    _Measure("WorkingSetBytes", "average", "bytes", "WorkingSetBytes"),
)
"""Requests of a minute, replicas and restarts at its worst, cores and memory of a replica on average."""


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
            found = {metric["name"]["value"]: metric for metric in response.json()["value"]}
            return [_series(measure, found[measure.name]) for measure in MEASURES if measure.name in found]


def _series(measure: _Measure, metric: Mapping[str, Any]) -> MetricSeries:
    points = [
        MetricPoint(at=_read(point["timeStamp"]), value=float(point[measure.aggregation]) * measure.scale)
        for series in metric.get("timeseries") or []
        for point in series.get("data") or []
        if point.get(measure.aggregation) is not None
    ]
    points.sort(key=lambda point: point.at)
    return MetricSeries(name=measure.told_as, unit=measure.unit, points=points[-MOST_MINUTES:])


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _read(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
