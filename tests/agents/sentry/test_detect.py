"""Looks become symptoms: the pure part."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from agents.sentry.asking import Asked
from agents.sentry.detect import Stream, Thresholds, changes_picture, judge_region, thresholds
from agents.sentry.looks import RegionLook
from agents.sentry.memory import Memory
from agents.sentry.series import Baselines, Increment
from agents.settings import SentrySettings

START = datetime(2026, 11, 23, tzinfo=UTC)
SETTINGS = SentrySettings()
LIMITS = Thresholds(500, 500)


def at(n: float) -> datetime:
    return START + timedelta(seconds=n)


def asked(status: int | None = 200, latency_ms: float = 10, trouble: str = "") -> Asked:
    return Asked(START, latency_ms, status if not trouble else None, trouble, str(status))


def look(**more) -> RegionLook:
    return RegionLook(**({"region": "east", "at": START, "health": asked(), "probe": asked()} | more))


def fed(stream: Stream, looks: str) -> Stream:
    """`.` is good, `e` errors, `l` latency, `h` health."""
    kinds = {".": (), "e": ("errors",), "l": ("latency",), "h": ("health_fail",)}
    for n, letter in enumerate(looks):
        stream.add(frozenset(kinds[letter]), at(n))
    return stream


@pytest.mark.parametrize(
    ("looks", "on"),
    [
        ("e", set()),
        ("e.e", set()),
        ("ee", {"errors"}),
        ("el", {"errors", "latency"}),
        ("e.e.e", {"errors"}),
        ("e..e..e", {"errors"}),
        ("e...e...e", set()),
        ("ee..", {"errors"}),
        ("ee...", set()),
        ("ee..e..", {"errors"}),
        ("eel", {"errors"}),
        ("eelel", {"errors", "latency"}),
        ("ee...e", set()),
    ],
)
def test_a_symptom_needs_bad_looks_in_a_row_or_a_share_of_them_and_goes_after_good_ones(looks, on):
    assert set(fed(Stream(fall=2, rise=3), looks).on) == on


def test_a_symptom_is_dated_from_its_first_bad_look():
    assert fed(Stream(2, 3), "..ee").on == {"errors": at(2)}


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({}, set()),
        ({"health": asked(503)}, {"health_fail"}),
        ({"probe": asked(500)}, {"errors"}),
        ({"health": asked(503), "probe": asked(503)}, {"health_fail", "errors"}),
        ({"health": asked(trouble="unreachable"), "probe": asked(trouble="unreachable")}, {"unreachable"}),
        ({"health": asked(trouble="unreachable")}, {"health_fail"}),
        ({"probe": asked(trouble="broken")}, {"errors"}),
        ({"health": asked(trouble="timeout")}, {"latency"}),
        ({"probe": asked(latency_ms=501)}, {"latency"}),
        ({"probe": asked(503, latency_ms=501)}, {"latency", "errors"}),
        ({"health": asked(trouble="unreachable"), "probe": None}, {"unreachable"}),
        ({"probe": asked(302)}, set()),
    ],
)
def test_each_kind_of_bad_look_is_told_apart(changes, kinds):
    assert judge_region(look(**changes), LIMITS, SETTINGS) == kinds


@pytest.mark.parametrize(
    ("requests", "errors", "slow", "kinds"),
    [
        (100, 3, 0, set()),
        (100, 6, 0, {"errors"}),
        (2, 2, 0, set()),
        (3, 3, 0, {"errors"}),
        (20, 0, 2, set()),
        (20, 0, 4, {"latency"}),
        (8, 0, 8, set()),
    ],
)
def test_few_failed_or_slow_requests_are_noise(requests, errors, slow, kinds):
    buckets = {0.1: requests - slow, 0.5: requests - slow, 1.0: requests, math.inf: requests}
    fresh = Increment(START, 2, requests, errors, buckets)
    assert judge_region(look(fresh=fresh), LIMITS, SETTINGS) == kinds


def test_nothing_is_slow_before_something_normal_was_seen_unless_it_must_be_comparable():
    baselines = Baselines()
    assert thresholds(baselines, "east", SETTINGS) == Thresholds(math.inf, math.inf)
    assert thresholds(baselines, "east", SETTINGS, strict=True) == Thresholds(500, 500)
    baselines.seed("east", "probe_ms", 200)
    assert thresholds(baselines, "east", SETTINGS).probe_ms == 800


@pytest.mark.parametrize(
    ("known", "now", "changed"),
    [
        ({("east", "errors")}, {("east", "errors")}, False),
        ({("east", "errors")}, set(), False),
        ({("east", "latency")}, {("east", "latency"), ("east", "errors")}, False),
        ({("east", "latency")}, {("east", "latency"), ("east", "health_fail")}, True),
        ({("east", "errors")}, {("east", "errors"), ("west", "latency")}, True),
        ({("east", "errors")}, {("east", "errors"), (None, "users_failing")}, True),
    ],
)
def test_only_what_changes_the_picture_asks_for_another_diagnosis(known, now, changed):
    assert changes_picture(known, now) is changed


def test_nothing_is_learnt_while_an_incident_is_open(make_target, build):
    memory = Memory("demo", make_target(), SETTINGS)
    memory.incident = build.acting()
    for n in range(20):
        memory.take_region(look(at=at(n)))
    assert memory.baselines.of("east", "probe_ms") is None
    memory.incident = None
    for n in range(20):
        memory.take_region(look(at=at(n)))
    assert memory.baselines.of("east", "probe_ms") == 10
