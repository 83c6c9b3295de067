"""The moments of an incident, and what its users saw."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from overwatch_tui.report.plots import ceiling, picture
from overwatch_tui.report.times import moments
from tests.overwatch_tui import recorded, story


def test_each_moment_is_where_the_log_and_the_looks_say(tmp_path):
    when = moments(recorded.case(tmp_path, *story.RESOLVED))
    assert when.began == story.at(6)
    assert (when.opened, when.diagnosed, when.asked) == (story.at(8), story.at(9), story.at(9.6))
    assert (when.decided, when.acted, when.verified, when.ended) == (story.at(15.2), story.at(17), story.at(20), story.at(20.5))
    assert when.waited == timedelta(seconds=5.4)
    assert (when.users.failed, when.users.healed) == (story.at(6), story.at(17))
    assert when.users.worst_errors == 0.4
    assert when.paged is None


def test_the_trouble_began_with_the_first_of_the_bad_looks_that_led_to_the_opening(tmp_path):
    when = moments(recorded.case(tmp_path, *story.RESOLVED, looks=recorded.measured(broken=(3, 18))))
    assert when.began == story.at(3)


def test_an_earlier_trouble_is_not_taken_for_the_start_of_this_one(tmp_path):
    earlier = [story.region_sample("east", n, broken=True, traffic=100) for n in (-29.5, -28.5)]
    when = moments(recorded.case(tmp_path, *story.RESOLVED, looks=[*recorded.measured(), *earlier]))
    assert when.began == story.at(6)


def test_users_that_fail_to_the_end_have_not_healed(tmp_path):
    looks = [story.users_sample(n, broken=n >= 6) for n in range(19)]
    users = moments(recorded.case(tmp_path, *story.ESCALATED, looks=looks)).users
    assert (users.failed, users.healed) == (story.at(6), None)


def test_users_that_are_served_well_have_healed_though_sentry_still_remembers(tmp_path):
    looks = [story.users_sample(n, broken=6 <= n < 12) for n in range(20)]
    looks = [replace(look, state="fail") if 12 <= n < 18 else look for n, look in enumerate(looks)]
    assert moments(recorded.case(tmp_path, *story.RESOLVED, looks=looks)).users.healed == story.at(12)


def test_without_looks_the_symptoms_say_when_it_began(tmp_path):
    when = moments(recorded.case(tmp_path, *story.RESOLVED, looks=[]))
    assert (when.began, when.users.looks, when.users.healed) == (story.at(6), 0, None)


def test_the_plots_show_the_incident_with_what_was_before_and_after_it(tmp_path):
    case = recorded.case(tmp_path, *story.RESOLVED)
    shown = picture(case, moments(case))
    assert shown is not None
    assert shown.since <= story.at(-14)
    assert [name for name, _ in shown.marks] == ["opened", "asked", "decided", "acted", "verified"]
    assert len(shown.panels) == 6
    assert shown.band == pytest.approx(
        ((story.at(6) - shown.since).total_seconds(), (story.at(17) - shown.since).total_seconds())
    )
    assert all(value <= panel.top for panel in shown.panels for line in panel.series for run in line.runs for _, value in run)


def test_where_nothing_was_looked_at_no_line_is_drawn(tmp_path):
    looks = [look for look in recorded.measured(until=60) if not 25 <= (look.at - story.at(0)).total_seconds() < 45]
    case = recorded.case(tmp_path, *story.RESOLVED, looks=looks)
    shown = picture(case, moments(case))
    assert shown is not None
    runs = [run for panel in shown.panels for line in panel.series for run in line.runs]
    assert all(b - a < 15 for run in runs for (a, _), (b, _) in pairwise(run))


@pytest.mark.parametrize(("value", "top"), [(0, 1), (0.3, 0.5), (1, 1), (41, 50), (224, 250), (1_900, 2_000), (100, 100)])
def test_a_scale_ends_at_a_round_number(value, top):
    assert ceiling(value) == top
