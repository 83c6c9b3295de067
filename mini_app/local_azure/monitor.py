"""The metrics of a container app, as Azure Monitor shows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, get_args

from aiohttp import web

from mini_app.local_azure.arm_errors import ArmError
from mini_app.local_azure.container_apps import APP, ContainerApps
from mini_app.local_azure.durations import duration, span
from mini_app.local_azure.meter import Bucket, Metric, utc_now
from mini_app.local_azure.region import Region
from mini_app.local_azure.routes import Routes, Where

METRICS: dict[str, Metric] = {name.lower(): name for name in get_args(Metric)}
UNITS: dict[Metric, tuple[str, str]] = {
    "Requests": ("Count", "total"),
    "Replicas": ("Count", "maximum"),
    "RestartCount": ("Count", "maximum"),
    "UsageNanoCores": ("NanoCores", "average"),
    "WorkingSetBytes": ("Bytes", "average"),
}
"""The unit of each, and how its values are joined where a client does not say."""
VALUES: dict[str, Callable[[Bucket], float]] = {
    "average": lambda bucket: bucket.total / bucket.count,
    "count": lambda bucket: float(bucket.count),
    "maximum": lambda bucket: bucket.maximum,
    "minimum": lambda bucket: bucket.minimum,
    "total": lambda bucket: bucket.total,
}
INTERVALS = tuple(timedelta(minutes=n) for n in (1, 5, 15, 30, 60, 360, 720, 1440))
MOST_POINTS = 3000
# `top` counts series, of which there is one for each metric here.
KNOWN = frozenset(
    {"api-version", "metricnames", "timespan", "interval", "aggregation", "metricnamespace", "autoadjusttimegrain", "top"}
)


@dataclass(frozen=True, slots=True)
class _Asked:
    metrics: tuple[Metric, ...]
    begin: datetime
    end: datetime
    step: timedelta
    interval: str
    aggregations: tuple[str, ...]


class Monitor:
    """Reads the regions' meters."""

    def __init__(self, apps: ContainerApps, now: Callable[[], datetime] = utc_now) -> None:
        self._apps = apps
        self._now = now

    def add_to(self, routes: Routes) -> None:
        """Add the address."""
        routes.add("GET", APP + "/providers/Microsoft.Insights/metrics", self._metrics)

    async def _metrics(self, request: web.Request, where: Where) -> web.Response:
        region = self._apps.region(where)
        try:
            asked = _read(request, self._now())
        except ValueError as error:
            raise ArmError(400, "BadRequest", str(error)) from None
        region.measure()
        resource = request.path.lower().partition("/providers/microsoft.insights")[0]
        prefix = f"{request.path[: len(resource)]}/providers/Microsoft.Insights/metrics"
        body = {
            "cost": 0,
            "timespan": f"{_stamp(asked.begin)}/{_stamp(asked.end)}",
            "interval": asked.interval,
            "namespace": "Microsoft.App/containerapps",
            "resourceregion": region.location,
            "value": [_series(region, prefix, metric, asked) for metric in asked.metrics],
        }
        return web.json_response(body)


def _read(request: web.Request, now: datetime) -> _Asked:
    query = {name.lower(): value for name, value in request.query.items()}
    if unknown := sorted(set(query) - KNOWN):
        raise ValueError(f"the parameters {unknown} are not known here")
    names = [name.strip() for name in query.get("metricnames", "Requests").split(",")]
    for name in names:
        if name.lower() not in METRICS:
            known = ",".join(METRICS.values())
            raise ValueError(f"Failed to find metric configuration for metric: {name[:60]}, valid metrics: {known}")
    interval = query.get("interval", "PT1M").upper()
    step = duration(interval)
    if step not in INTERVALS:
        raise ValueError(f"the interval {interval!r} is not supported: use PT1M, PT5M, PT15M, PT30M, PT1H, PT6H, PT12H or P1D")
    begin, end = span(query.get("timespan", "PT1H"), now)
    if (end - begin) / step > MOST_POINTS:
        raise ValueError(f"more than {MOST_POINTS} values were asked for: take a longer interval")
    aggregations = tuple(a.strip().lower() for a in query.get("aggregation", "").split(",") if a.strip())
    if wrong := sorted(set(aggregations) - set(VALUES)):
        raise ValueError(f"the aggregations {wrong} are not supported: use {sorted(VALUES)}")
    return _Asked(tuple(METRICS[name.lower()] for name in names), begin, end, step, interval, aggregations)


def _series(region: Region, prefix: str, metric: Metric, asked: _Asked) -> dict[str, Any]:
    unit, usual = UNITS[metric]
    aggregations = asked.aggregations or (usual,)
    data = []
    for at, bucket in region.meter.read(metric, asked.begin, asked.end, asked.step):
        values = {name: VALUES[name](bucket) for name in aggregations} if bucket.count else {}
        if metric == "Requests" and not bucket.count:
            values = {name: 0.0 for name in aggregations if name in {"total", "count"}}
        data.append({"timeStamp": _stamp(at), **values})
    name = {"value": metric, "localizedValue": metric}
    return {
        "id": f"{prefix}/{metric}",
        "type": "Microsoft.Insights/metrics",
        "name": name,
        "displayDescription": metric,
        "unit": unit,
        "timeseries": [{"metadatavalues": [], "data": data}],
        "errorCode": "Success",
    }


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
