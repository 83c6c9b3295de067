"""The Resource Manager's measurements of a container app."""

from __future__ import annotations

import datetime as dt

import pytest
from odd_arm import APP, reply

from overwatch_mcp.azure_metrics import MEASURES
from overwatch_mcp.errors import MissingError, PlatformError, ThrottledError

pytest_plugins = ("odd_arm",)

METRICS = f"{APP}/providers/Microsoft.Insights/metrics"


def metric(name: str, *points: dict) -> dict:
    return {"name": {"value": name}, "timeseries": [{"metadatavalues": [], "data": list(points)}], "errorCode": "Success"}


def at(minute: int, **values: float | None) -> dict:
    return {"timeStamp": f"2026-11-23T14:{minute:02}:00Z", **values}


@pytest.fixture
async def platform(made, stepped):
    return made(stepped)


async def test_the_last_minutes_are_asked_for_minute_by_minute(platform, arm, stepped):
    arm.answers[f"GET {METRICS}"] = {"value": []}
    assert await platform.metrics("east", 30) == []
    (query,) = arm.queries
    assert query["timespan"] == "2026-11-23T13:32:11Z/2026-11-23T14:02:11Z"
    assert query["metricnames"].split(",") == [measure.name for measure in MEASURES]
    assert (query["interval"], query["aggregation"]) == ("PT1M", "Average,Maximum,Total")


async def test_each_metric_is_told_by_its_own_aggregation_and_in_our_units(platform, arm):
    arm.answers[f"GET {METRICS}"] = {
        "value": [
            metric("WorkingSetBytes", at(1, average=5e7, total=1e8), at(2, average=6e7)),
            metric("Requests", at(2, total=7, average=1), at(1, total=3, average=1), at(3)),
            metric("UsageNanoCores", at(1, average=250_000_000.0)),
            metric("Replicas", at(1, maximum=2, total=9), at(2, maximum=None)),
            metric("RestartCount", at(1, maximum=4)),
            metric("SomethingNew", at(1, total=1)),
        ]
    }
    series = {one.name: one for one in await platform.metrics("east", 5)}
    assert {name: (one.unit, [point.value for point in one.points]) for name, one in series.items()} == {
        "Requests": ("count", [3, 7]),
        "Replicas": ("count", [2]),
        "RestartCount": ("count", [4]),
        "CpuUsage": ("cores", [0.5]),
        "MemoryWorkingSet": ("bytes", [1e8]),
    }
    assert series["Requests"].points[0].at == dt.datetime(2026, 11, 23, 14, 1, tzinfo=dt.UTC)


async def test_what_is_asked_for_is_bounded(platform, arm):
    arm.answers[f"GET {METRICS}"] = {"value": []}
    await platform.metrics("east", 10**9)
    await platform.metrics("east", -1)
    spans = [[dt.datetime.fromisoformat(part) for part in query["timespan"].split("/")] for query in arm.queries]
    assert [end - begin for begin, end in spans] == [dt.timedelta(days=1), dt.timedelta(minutes=1)]


FAULTS = [
    (404, MissingError),
    (reply({"error": {"code": "TooManyRequests", "message": "x"}}, 429, Retry_After="60"), ThrottledError),
    ([], PlatformError),
    ({"value": [{"name": "Requests"}]}, PlatformError),
    ({"value": [metric("Requests", {"timeStamp": "yesterday", "total": 1})]}, PlatformError),
    ({"value": [metric("Requests", at(1, total="many"))]}, PlatformError),
    ({"value": [metric("Requests", at(1, total=float("nan")))]}, PlatformError),
    ({"value": [metric("Requests", at(1, total=10**400))]}, PlatformError),
]


@pytest.mark.parametrize(("answer", "error"), FAULTS, ids=range(len(FAULTS)))
async def test_measurements_that_can_not_be_had_or_read_are_a_platform_error(platform, arm, answer, error):
    arm.answers[f"GET {METRICS}"] = answer
    with pytest.raises(error):
        await platform.metrics("east", 5)
