"""The line parser, with prometheus_client as the oracle."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from agents.sentry.exposition import MOST_SAMPLES, samples

WANTED = frozenset({"http_requests_total", "http_request_duration_seconds_bucket", "app_info"})


def ours(page: str) -> list:
    return sorted((s.name, tuple(sorted(s.labels.items())), s.value) for s in samples(page, WANTED))


def oracle(page: str) -> list:
    found = [s for family in text_string_to_metric_families(page) for s in family.samples if s.name in WANTED]
    return sorted((s.name, tuple(sorted(s.labels.items())), s.value) for s in found)


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
            st.sampled_from(["200", "404", "500"]),
            st.floats(0, 1e9),
        ),
        max_size=8,
    )
)
def test_it_reads_what_the_full_parser_reads_whatever_the_labels_hold(rows):
    registry = CollectorRegistry()
    requests = Counter("http_requests", "", ["route", "status"], registry=registry)
    seconds = Histogram("http_request_duration_seconds", "", ["route"], registry=registry)
    Gauge("app_info", "", ["version"], registry=registry).labels('a"b\\c\nd').set(1)
    Gauge("app_info_other", "", registry=registry).set(4)
    for route, status, amount in rows:
        requests.labels(route, status).inc(amount)
        seconds.labels(route).observe(amount)
    page = generate_latest(registry).decode()
    assert ours(page) == oracle(page)


@given(st.text(max_size=300))
def test_any_text_is_passed_over_without_an_error(text):
    list(samples(f"http_requests_total{text}\n{text}\nhttp_requests_total 3 1395066363000", WANTED))


def test_damaged_lines_are_passed_over():
    page = "\n".join(
        [
            'http_requests_total{status="200"} 4',
            'http_requests_total{status="200} 5',
            "http_requests_total",
            "http_requests_total banana",
            'http_requests_total{status="' + "a" * 10_000 + '"} 1',
            "# HELP http_requests_total a } { b",
        ]
    )
    assert ours(page) == [("http_requests_total", (("status", "200"),), 4.0)]


def test_no_more_samples_are_read_than_are_bounded():
    page = "http_requests_total 1\n" * (MOST_SAMPLES + 10)
    assert len(list(samples(page, WANTED))) == MOST_SAMPLES
