"""Which window holds, and until when: wall-clock time, midnight, clock changes, and what can't be a window."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agents.policy_settings import DAYS, PolicyRule, PolicyWindow
from agents.windows import active, all_active, held

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Asia/Beirut", "America/St_Johns")
TIMES = st.times().map(lambda t: t.replace(second=0, microsecond=0))
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds UTC


def weekly(start, end, zone="UTC", **changes):
    return PolicyWindow(name="night", start=start, end=end, zone=zone, **changes)


def until(window, at):
    found = active((window,), "demo", datetime.fromisoformat(at))
    return None if found is None else found.until.isoformat()


def holds_on_the_wall(window, now):
    """The plain reading: is the local time of day between the two, on a day on which it began?"""
    wall = now.astimezone(ZoneInfo(window.zone)).replace(tzinfo=None)
    for back in (0, 1):
        day = wall.date() - timedelta(days=back)
        end = day if window.end > window.start else day + timedelta(days=1)
        on = not window.days or DAYS[day.weekday()] in window.days
        if on and datetime.combine(day, window.start) <= wall < datetime.combine(end, window.end):
            return True
    return False


@given(start=TIMES, end=TIMES, zone=st.sampled_from(ZONES), days=st.sets(st.sampled_from(DAYS)), now=MOMENTS)
def test_where_no_clock_is_changed_it_holds_exactly_while_the_wall_clock_says_so(start, end, zone, days, now):
    window = weekly(start, end, zone, days=tuple(days))
    local = ZoneInfo(zone)
    calm = {(now + timedelta(days=d)).astimezone(local).utcoffset() for d in (-3, -2, -1, 0, 1, 2, 3)}
    holds = active((window,), "demo", now) is not None
    if len(calm) == 1:
        assert holds is holds_on_the_wall(window, now)
    elif holds_on_the_wall(window, now):
        assert holds


@given(start=TIMES, end=TIMES, zone=st.sampled_from(ZONES), days=st.sets(st.sampled_from(DAYS)), now=MOMENTS)
def test_it_holds_up_to_its_end_and_the_end_is_to_come(start, end, zone, days, now):
    window = weekly(start, end, zone, days=tuple(days))
    found = active((window,), "demo", now)
    if found is not None:
        assert now < found.until <= now + timedelta(hours=26)
        assert active((window,), "demo", found.until - timedelta(microseconds=1)) is not None


def test_over_midnight_it_belongs_to_the_day_on_which_it_began():
    friday = weekly(time(22), time(6), days=("fri",))
    assert until(friday, "2026-11-27T21:59:59+00:00") is None
    assert until(friday, "2026-11-27T22:00:00+00:00") == "2026-11-28T06:00:00+00:00"
    assert until(friday, "2026-11-28T05:59:59+00:00") == "2026-11-28T06:00:00+00:00"
    assert until(friday, "2026-11-28T06:00:00+00:00") is None
    assert until(friday, "2026-11-28T22:00:00+00:00") is None


def test_the_same_start_and_end_is_a_whole_day():
    sunday = weekly(time(0), time(0), days=("sun",))
    assert until(sunday, "2026-11-28T23:59:59+00:00") is None
    assert until(sunday, "2026-11-29T00:00:00+00:00") == "2026-11-30T00:00:00+00:00"
    assert until(sunday, "2026-11-29T23:59:59+00:00") == "2026-11-30T00:00:00+00:00"


def test_it_keeps_to_the_local_clock_over_the_change_to_winter_time():
    night = weekly(time(22), time(6), "Europe/Berlin")
    assert until(night, "2026-10-23T22:00:00+00:00") == "2026-10-24T04:00:00+00:00"
    assert until(night, "2026-10-24T22:00:00+00:00") == "2026-10-25T05:00:00+00:00"


def test_an_end_that_happens_twice_is_the_later_one():
    early = weekly(time(1), time(2, 30), "Europe/Berlin")
    assert until(early, "2026-10-25T00:45:00+00:00") == "2026-10-25T01:30:00+00:00"


def test_a_start_that_is_skipped_is_not_lost():
    short = weekly(time(2, 15), time(2, 45), "Europe/Berlin")
    assert until(short, "2026-03-29T01:00:00+00:00") is not None


def test_once_means_once():
    window = PolicyWindow(name="move", begins=datetime(2026, 12, 1, 8, tzinfo=UTC), ends=datetime(2026, 12, 3, 8, tzinfo=UTC))
    assert until(window, "2026-12-01T07:59:59+00:00") is None
    assert until(window, "2026-12-02T20:00:00+00:00") == "2026-12-03T08:00:00+00:00"
    assert until(window, "2026-12-03T08:00:00+00:00") is None
    assert until(window, "2027-12-02T20:00:00+00:00") is None


def test_of_several_the_one_that_ends_last_counts_and_other_targets_are_left_alone():
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    short, long = weekly(time(11), time(13)), weekly(time(12), time(14), targets=("demo", "bank"))
    assert active((short, long), "demo", now).window is long
    assert active((long, short), "shop", now).window is short
    assert active((long,), "shop", now) is None
    assert len(all_active((short, long), "demo", now)) == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"start": "22:00", "end": "06:00", "zone": "Europe/Berlinn"}, "did you mean 'Europe/Berlin'?"),
        ({"start": "22:00", "end": "06:00", "zone": "europe/berlin"}, "did you mean 'Europe/Berlin'?"),
        ({"start": "22:00", "end": "06:00", "zone": "../../etc/passwd"}, "is not a time zone"),
        ({"start": "22:00", "end": "06:00", "zone": ""}, "is not a time zone"),
        ({"start": "22:00"}, "give both"),
        ({"ends": "2026-12-01T08:00:00Z"}, "give both"),
        ({}, "has no time"),
        ({"days": ["sat"]}, "has no time"),
        ({"start": "22:00", "end": "06:00", "begins": "2026-12-01T08:00:00Z", "ends": "2026-12-02T08:00:00Z"}, "make two"),
        ({"begins": "2026-12-02T08:00:00Z", "ends": "2026-12-02T08:00:00Z"}, "before it begins"),
        ({"begins": "2026-12-02T08:00:00Z", "ends": "2026-12-03T08:00:00Z", "zone": "Europe/Berlin"}, "leave `days` and `zone`"),
        ({"begins": "2026-12-02T08:00:00", "ends": "2026-12-03T08:00:00Z"}, "timezone"),
        ({"start": "22:00+01:00", "end": "06:00"}, "has an offset"),
    ],
)
def test_what_can_not_be_a_window_says_why(content, said):
    with pytest.raises(ValidationError, match=said.replace("?", r"\?")):
        PolicyWindow.model_validate({"name": "w", **content})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"targets": ["demo"]}, "says nothing"),
        ({"autonomy": "auto", "approvals": 2}, "nobody approves where autonomy is 'auto'"),
        ({"autonomy": "suggest", "approvals": 1}, "nobody approves"),
        ({"autonomy": "ask", "actions": ["page_person"]}, "can never matter"),
        ({"approvals": 2, "approvers": ["ada", "ada"]}, "only 1 may"),
    ],
)
def test_a_rule_that_can_never_count_says_why(content, said):
    with pytest.raises(ValidationError, match=said):
        PolicyRule.model_validate(content)


def test_what_holds_is_told_once_with_its_targets():
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    both, one = weekly(time(11), time(13)), weekly(time(11), time(14), targets=("bank",), kind="maintenance")
    assert held((both, one), ("demo", "bank"), now) == (
        "demo, bank: freeze 'night' until 2026-11-25 13:00 UTC; bank: maintenance 'night' until 2026-11-25 14:00 UTC"
    )
    assert held((both, one), ("demo",), now + timedelta(hours=5)) == ""
