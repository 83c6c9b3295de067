"""The clock of a replay: it runs through the recording and nowhere else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overwatch_tui.replay.player import Player
from tests.overwatch_tui import story


class Seconds:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds():
    return Seconds()


def player(seconds, *, speed: float = 1.0, start: float = 0) -> Player:
    stops = tuple(story.at(n) for n in (8, 9, 20))
    return Player(story.at(0), story.at(60), stops, speed=speed, start=story.at(start), seconds=seconds)


def after(p: Player) -> float:
    return (p.now() - story.at(0)).total_seconds()


def test_it_runs_at_its_speed_and_stays_at_the_end(seconds):
    p = player(seconds, speed=4)
    seconds.now += 10
    assert (after(p), p.position().playing) == (40, "playing")
    seconds.now += 10
    assert (after(p), p.position().playing) == (60, "ended")
    seconds.now += 1_000
    assert after(p) == 60


def test_a_stop_holds_the_time_and_going_on_loses_none(seconds):
    p = player(seconds)
    seconds.now += 5
    assert p.toggle() == "paused"
    seconds.now += 100
    assert after(p) == 5
    assert p.toggle() == "playing"
    seconds.now += 5
    assert after(p) == 10


def test_from_the_end_it_plays_again_from_the_start(seconds):
    p = player(seconds, start=60)
    assert p.toggle() == "playing"
    assert (after(p), p.position().jumps) == (0, 1)


def test_another_speed_changes_nothing_of_where_it_stands(seconds):
    p = player(seconds)
    seconds.now += 10
    assert p.change_speed(1) == 2
    assert after(p) == 10
    seconds.now += 1
    assert after(p) == 12
    for _ in range(20):
        p.change_speed(-1)
    assert p.speed == 0.25
    for _ in range(20):
        p.change_speed(1)
    assert p.speed == 64


def test_it_goes_from_event_to_event(seconds):
    p = player(seconds)
    p.toggle()
    assert [(p.step(1) - story.at(0)).total_seconds() for _ in range(4)] == [8, 9, 20, 60]
    assert [(p.step(-1) - story.at(0)).total_seconds() for _ in range(4)] == [20, 9, 8, 0]


def test_while_it_plays_the_event_that_was_only_just_shown_is_not_the_one_before(seconds):
    p = player(seconds, start=20)
    seconds.now += 0.3
    assert p.step(-1) == story.at(9)


@given(st.lists(st.tuples(st.sampled_from(["wait", "seek", "step", "speed", "toggle"]), st.integers(-100, 100)), max_size=30))
def test_whatever_is_pressed_it_stays_within_the_recording(moves):
    seconds = Seconds()
    p = player(seconds)
    for what, n in moves:
        match what:
            case "wait":
                seconds.now += abs(n)
            case "seek":
                p.seek(timedelta(seconds=n))
            case "step":
                p.step(n)
            case "speed":
                p.change_speed(n)
            case "toggle":
                p.toggle()
        assert story.at(0) <= p.now() <= story.at(60)
