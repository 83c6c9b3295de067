"""Metrics: from what really happened, in the shape of Azure Monitor, and no others."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest
from arm_support import APP

from mini_app.local_azure.durations import duration, span
from mini_app.local_azure.meter import MINUTE, Bucket, Meter

METRICS = f"{APP}/providers/Microsoft.Insights/metrics?api-version=2023-10-01"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
AROUND_NOON = "2026-01-01T11:59:00Z/2026-01-01T12:01:00Z"


class Clock:
    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at


def values(answer) -> list[dict]:
    return [point for one in answer.body["value"] for point in one["timeseries"][0]["data"]]


async def test_what_happened_is_shown_by_the_minute(ask, region):
    region.meter = Meter(Clock().now)
    for replica in region.replicas:
        replica.process.pid = os.getpid()
        replica.restart_count = 3
    for _ in range(5):
        region.count_request()
    names = "Requests,replicas,RestartCount,UsageNanoCores,WorkingSetBytes"
    answer = await ask.send("GET", f"{METRICS}&metricnames={names}&timespan={AROUND_NOON}&interval=PT1M")
    assert answer.status == 200
    assert (answer.body["interval"], answer.body["resourceregion"]) == ("PT1M", "eastus")
    found = {one["name"]["value"]: one for one in answer.body["value"]}
    assert [one["unit"] for one in found.values()] == ["Count", "Count", "Count", "NanoCores", "Bytes"]
    assert found["Requests"]["id"] == f"{APP}/providers/Microsoft.Insights/metrics/Requests"

    def newest(name: str, aggregation: str) -> float:
        return max(point[aggregation] for point in found[name]["timeseries"][0]["data"] if aggregation in point)

    assert newest("Requests", "total") == 5
    assert newest("Replicas", "maximum") == 2
    assert newest("RestartCount", "maximum") == 3
    assert newest("WorkingSetBytes", "average") > 10_000_000
    assert newest("UsageNanoCores", "average") > 0


async def test_minutes_of_which_nothing_is_known_have_no_values_but_for_requests(ask):
    answer = await ask.send("GET", f"{METRICS}&metricnames=Requests,Replicas&timespan=2020-01-01T00:00:00Z/2020-01-01T00:02:00Z")
    assert [(point["timeStamp"][11:16], point.get("total"), point.get("maximum")) for point in values(answer)] == [
        ("00:00", 0, None),
        ("00:01", 0, None),
        ("00:00", None, None),
        ("00:01", None, None),
    ]


async def test_every_aggregation_that_is_asked_for_is_given(ask, region):
    region.meter = Meter(Clock().now)
    region.replicas[0].process.returncode = 1
    region.measure()
    region.replicas[0].process.returncode = None
    asked = "metricnames=Replicas&aggregation=Average,minimum,Maximum,total,count&interval=PT5M"
    answer = await ask.send("GET", f"{METRICS}&{asked}&timespan={AROUND_NOON}")
    (point,) = [p for p in values(answer) if "count" in p]
    del point["timeStamp"]
    assert point == {"average": 1.5, "minimum": 1, "maximum": 2, "total": 3, "count": 2}


@pytest.mark.parametrize(
    "query",
    [
        "metricnames=Nothing",
        "metricnames=Requests,Nothing",
        "metricnames=",
        "interval=PT7M",
        "interval=x",
        "timespan=x",
        "timespan=PT0S",
        "timespan=P400D",
        "timespan=2026-01-02T00:00:00Z/2026-01-01T00:00:00Z",
        "timespan=P30D&interval=PT1M",
        "aggregation=median",
        "$filter=x",
    ],
)
async def test_what_is_not_known_is_refused(ask, query):
    answer = await ask.send("GET", f"{METRICS}&{query}")
    assert (answer.status, answer.code) == (400, "BadRequest")


async def test_metrics_of_nothing_are_404(ask):
    assert (await ask.send("GET", METRICS.replace("demo-east", "nope"))).status == 404


def test_minutes_are_joined_to_longer_steps_and_kept_for_a_day():
    clock = Clock()
    meter = Meter(clock.now)
    for minute in range(10):
        clock.at = NOON + minute * MINUTE
        meter.note("Requests", minute)
    five = list(meter.read("Requests", NOON, NOON + 10 * MINUTE, 5 * MINUTE))
    assert five == [(NOON, Bucket(5, 10, 0, 4)), (NOON + 5 * MINUTE, Bucket(5, 35, 5, 9))]
    for minute in range(24 * 60):
        clock.at = NOON + timedelta(days=1) + minute * MINUTE
        meter.note("Requests", 1)
    ((_, first),) = meter.read("Requests", NOON, NOON + MINUTE, MINUTE)
    assert first.count == 0


def test_processor_time_is_measured_between_two_looks(monkeypatch, region):
    clock, used = Clock(), iter([1.0, 1.0, 2.5, 1.0])
    monkeypatch.setattr("mini_app.local_azure.meter._usage", lambda pid: (next(used), 100))
    region.replicas[1].process.pid = 2
    region.replicas[0].created_at = region.replicas[1].created_at = NOON - timedelta(seconds=10)
    meter = Meter(clock.now)
    meter.sample(region.replicas)
    clock.at = NOON + MINUTE
    meter.sample(region.replicas)
    (_, first), (_, second) = meter.read("UsageNanoCores", NOON, NOON + 2 * MINUTE, MINUTE)
    assert (first.minimum, first.maximum) == (1e8, 1e8)
    assert (second.minimum, second.maximum) == (0, 1.5 / 60 * 1e9)


def test_a_process_that_is_gone_is_not_measured(region):
    for replica in region.replicas:
        replica.process.pid = 2**22 + 1
    meter = Meter(Clock().now)
    meter.sample(region.replicas)
    ((_, bucket),) = meter.read("WorkingSetBytes", NOON, NOON + MINUTE, MINUTE)
    assert bucket.count == 0


@pytest.mark.parametrize(
    ("text", "seconds"), [("PT1M", 60), ("PT3600.0S", 3600), ("P1DT12H", 129_600), ("PT1H30M", 5400), ("P31D", 2_678_400)]
)
def test_durations_are_read(text, seconds):
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "P", "PT", "1H", "PT-1M", "P32D", "PT0S", "PT1H1", "pt1h", "P1Y", "PT1e3S"])
def test_no_durations_are_refused(text):
    with pytest.raises(ValueError, match="is no duration"):
        duration(text)


def test_spans_are_read_in_each_of_their_forms():
    hour = (NOON - timedelta(hours=1), NOON)
    assert span("PT1H", NOON) == hour
    assert span("2026-01-01T11:00:00Z/2026-01-01T12:00:00Z", datetime.now(UTC)) == hour
    assert span("2026-01-01T11:00:00/PT1H", datetime.now(UTC)) == hour
    assert span("2026-01-01T11%3A00%3A00%2FPT1H", datetime.now(UTC)) == hour
    assert span("2026-01-01T12:00:00 01:00/PT1H", datetime.now(UTC)) == hour
