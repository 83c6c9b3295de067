"""Who serves the next request: weights, priorities, health, and what happens when all is lost."""

from __future__ import annotations

from collections import Counter

import pytest

from mini_app.local_azure.front_door import FrontDoor, Origin


def door(**weights: int) -> FrontDoor:
    return FrontDoor({name: Origin(name, enabled=weight > 0, weight=weight or 1) for name, weight in weights.items()})


def shares(front: FrontDoor, count: int = 100) -> Counter:
    return Counter(chosen.name if (chosen := front.choose()) else None for _ in range(count))


def probe(front: FrontDoor, name: str, *samples: bool) -> None:
    front.origins[name].samples.extend(samples)


@pytest.mark.parametrize(("east", "west"), [(1, 1), (90, 10), (750, 250), (1, 99)])
def test_requests_are_shared_by_weight_exactly(east, west):
    front = door(east=east, west=west)
    total = east + west
    assert shares(front) == {"east": 100 * east / total, "west": 100 * west / total}
    assert (front.percent("east"), front.percent("west")) == (100 * east / total, 100 * west / total)


def test_equal_weights_take_turns():
    front = door(east=500, west=500)
    chosen = [front.choose().name for _ in range(6)]
    assert chosen[::2] == [chosen[0]] * 3
    assert chosen[0] != chosen[1]


def test_a_disabled_origin_gets_nothing_even_when_it_alone_is_well():
    front = door(east=10, west=0)
    probe(front, "east", False, False, False, False)
    assert shares(front) == {"east": 100}
    assert (front.percent("east"), front.percent("west")) == (100, 0)


def test_without_an_enabled_origin_nobody_serves():
    front = door(east=0, west=0)
    assert front.choose() is None
    assert (front.percent("east"), front.percent("west")) == (0, 0)


def test_an_origin_is_left_out_at_the_third_failure_of_four_probes_and_comes_back():
    front = door(east=1, west=1)
    probe(front, "east", False, True, False)
    assert shares(front) == {"east": 50, "west": 50}
    probe(front, "east", False)
    assert shares(front) == {"west": 100}
    probe(front, "east", True, True)
    assert shares(front) == {"east": 50, "west": 50}


def test_when_every_origin_is_unwell_all_are_tried():
    front = door(east=1, west=1)
    for name in ("east", "west"):
        probe(front, name, False, False, False)
    assert shares(front) == {"east": 50, "west": 50}


def test_the_next_priority_serves_only_while_none_of_the_first_is_well():
    front = door(east=1, west=1000)
    front.change("west", enabled=None, weight=None, priority=2)
    assert shares(front) == {"east": 100}
    assert (front.percent("east"), front.percent("west")) == (100, 0)
    probe(front, "east", False, False, False)
    assert shares(front) == {"west": 100}


def test_a_change_takes_effect_with_the_next_request_and_is_counted_once():
    front = door(east=1000, west=0)
    shares(front, 7)
    for _ in range(2):
        front.change("west", enabled=True, weight=1000, priority=None)
    assert front.changes_total == 1
    assert shares(front) == {"east": 50, "west": 50}
    front.change("east", enabled=False, weight=None, priority=None)
    assert shares(front) == {"west": 100}
    assert front.changes_total == 2
