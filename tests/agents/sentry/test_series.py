"""Counters of many replicas behind one address, and what is normal."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.events import Event, IncidentUpdated
from agents.facts import Observation
from agents.sentry.asking import Asked
from agents.sentry.documents import read_facts, read_health
from agents.sentry.series import MOST_REPLICAS, Baselines, Book, Scrape, quantile_ms, read
from agents.telemetry import RegionSample
from overwatch_tui.attach.wire import encode, from_swarm

START = datetime(2026, 11, 23, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def scrape(seconds: float, requests: float, errors: float = 0, **more) -> Scrape:
    return Scrape(at(seconds), requests, errors, {0.1: requests - errors, 1.0: requests, math.inf: requests}, **more)


def test_rates_are_summed_over_replicas_that_answer_in_turn():
    book = Book()
    assert book.add("a", scrape(0, 100)) is None
    assert book.add("b", scrape(1, 5_000, 50)) is None
    assert book.rates(at(1)).rps is None
    assert book.add("a", scrape(2, 120, 4)).requests == 20
    book.add("b", scrape(3, 5_010, 51))
    rates = book.rates(at(3))
    assert (rates.rps, rates.requests, rates.errors) == (15, 30, 5)
    assert rates.error_rate == pytest.approx(5 / 30)


def test_a_restarted_replica_counts_from_zero():
    book = Book()
    book.add("a", scrape(0, 1_000, 10))
    increment = book.add("a", scrape(2, 8, 1))
    assert (increment.requests, increment.errors, increment.buckets[math.inf]) == (8, 1, 8)


def test_what_is_long_ago_says_nothing():
    book = Book()
    book.add("a", scrape(0, 10))
    book.add("a", scrape(1, 30))
    assert book.rates(at(1)).rps == 20
    assert book.rates(at(30)).rps is None


def test_a_page_that_names_a_new_replica_each_time_does_not_fill_the_memory():
    book = Book()
    for n in range(500):
        book.add(f"hostile-{n}", scrape(n, n))
    assert len(book._last) == MOST_REPLICAS


def test_processor_use_is_derived_where_only_seconds_are_exported():
    book = Book()
    book.add("a", Scrape(at(0), cpu_seconds=10))
    book.add("a", Scrape(at(2), cpu_seconds=11))
    assert book.cpu(at(2)) == 50


def test_a_page_is_summed_over_methods_and_routes_and_only_server_errors_count():
    page = """
http_requests_total{method="GET",route="/a",status="200"} 10
http_requests_total{method="GET",route="/b",status="404"} 3
http_requests_total{method="POST",route="/a",status="503"} 2
http_errors_total{route="/a"} 99
http_request_duration_seconds_bucket{route="/a",le="0.1"} 9
http_request_duration_seconds_bucket{route="/b",le="0.1"} 4
http_request_duration_seconds_bucket{route="/a",le="+Inf"} 12
http_request_duration_seconds_bucket{route="/b",le="+Inf"} 3
app_info{version="mini-app:2",region="east"} 1
process_resident_memory_bytes NaN
db_pool_in_use 3
"""
    found = read(page, START)
    assert (found.requests, found.errors, found.version) == (15, 2, "mini-app:2")
    assert found.buckets == {0.1: 13, math.inf: 15}
    assert found.gauges == {"db_pool_in_use": 3}


@pytest.mark.parametrize("number", ["1e300", "-1e300", "1.7e308", "1e16", "Inf", "-Inf", "NaN"])
def test_no_number_of_a_target_keeps_an_attached_screen_out(number):
    page = f"""
process_cpu_percent {number}
process_resident_memory_bytes {number}
http_requests_total{{status="200"}} {number}
http_requests_total{{status="503"}} {number}
http_request_duration_seconds_bucket{{le="{number}"}} 5
http_request_duration_seconds_bucket{{le="0.2"}} 5
"""
    book = Book()
    for second in (0, 1):
        book.add("a", read(page.replace(" 5", f" {5 + second}"), at(second)))
    rates = book.rates(at(1))
    entry = {"status": "pass", "observedValue": float(number)}
    body = json.dumps({"status": "pass", "checks": {"db:lag": [entry]}}, allow_nan=True).encode()
    answer = Asked(at(1), 5.0, 200, content_type="application/health+json", body=body.decode())
    (check,) = read_health(answer).checks
    replicas = read_facts("east", at(1), {"replicas_ready": float(number)}).ready
    seen = {"p95_ms": rates.p95_ms, "error_rate": rates.error_rate, "rps": rates.rps, "cpu": book.cpu(at(1))}
    sample = RegionSample("demo", "east", at(1), "ok", "", **seen, replicas_ready=replicas, replicas_desired=None, traffic=None)
    assert from_swarm(encode(sample)) == sample
    measured = (check.value, *book.gauge("process_resident_memory_bytes", at(1)))
    for value in measured:
        told = Observation(id="o", metric="m", value=value, text="", at=at(1))
        more = IncidentUpdated(symptoms=(), observations=(told,))
        event = Event(id="e", source="Sentry", incident="INC-1", data=more, time=at(1))
        assert from_swarm(encode(event)) == event


def test_the_quantile_is_interpolated_inside_its_bucket():
    assert quantile_ms({0.1: 0, 0.2: 100, math.inf: 100}) == pytest.approx(195)
    assert quantile_ms({0.1: 10, 0.2: 10, math.inf: 100}) == pytest.approx(200)
    assert quantile_ms({0.1: 0, math.inf: 0}) is None
    assert quantile_ms({}) is None


@given(st.lists(st.floats(0, 12), min_size=1, max_size=200))
def test_the_quantile_lies_in_the_bucket_of_the_true_one(values):
    bounds = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
    table = {b: float(sum(v <= b for v in values)) for b in bounds} | {math.inf: float(len(values))}
    true = sorted(values)[math.ceil(0.95 * len(values)) - 1]
    upper = next((b for b in bounds if true <= b), bounds[-1])
    lower = max((b for b in bounds if b < upper), default=0.0)
    estimate = quantile_ms(table)
    assert estimate is not None
    assert lower * 1_000 - 1e-6 <= estimate <= upper * 1_000 + 1e-6 or true > 10


def test_a_baseline_is_known_after_a_few_values_and_no_outlier_moves_it():
    baselines = Baselines()
    for value in (10, 11, 12, 11):
        baselines.learn("east", "latency_p95", value)
    assert baselines.of("east", "latency_p95") is None
    for value in (11, 900, math.nan, None):
        baselines.learn("east", "latency_p95", value)
    assert baselines.of("east", "latency_p95") == 11
    baselines.seed("east", "latency_p95", 500)
    assert baselines.of("east", "latency_p95") == 11
    baselines.seed("west", "latency_p95", 40)
    assert baselines.of("west", "latency_p95") == 40
