"""`calibration`, over a database of the test's own."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from agents.durable import outcomes
from agents.seams import OutcomeRecord


@pytest.fixture
def remember(book):
    def add(count, *, good=True, target="shop", simulated=False, start=0):
        async def work(store):
            for n in range(start, start + count):
                numbers = book.build.confidence(0.9)
                record = OutcomeRecord(
                    f"op{n}", target, "restart_service", "crash", good, simulated, book.clock.now(), numbers, "policy"
                )
                await store.database.run(lambda c, r=record: outcomes.remember(c, r))

        book.do(work)

    return add


def test_without_any_outcome_it_says_that_nothing_can_be_said(cli, book):
    book.empty()
    said = cli("calibration")
    assert said.status == 0
    assert "nothing can be said" in said.out
    assert json.loads(cli("calibration", "--json").out)["curves"] == []


def test_no_number_out_of_three_outcomes_is_presented_as_truth(cli, remember):
    remember(3)
    assert "3 outcomes, too few to judge it" in cli("calibration").out
    (gate, *_) = json.loads(cli("calibration", "--json").out)["curves"]
    assert (gate["count"], gate["brier"], gate["enough"]) == (3, None, False)


def test_with_enough_it_shows_the_scores_and_the_records(cli, remember):
    remember(20)
    remember(4, good=False, start=20)
    said = cli("calibration").out
    assert "Brier 0.1" in said
    assert "said 0.90, came 0.83" in said
    whole = json.loads(cli("calibration", "--json").out)
    assert datetime.fromisoformat(whole["at"]).isoformat() == whole["at"]
    (cell,) = whole["cells"]
    assert (cell["own"], cell["worked"], cell["failed"]) == (24, pytest.approx(20, abs=0.01), pytest.approx(4, abs=0.01))
    assert whole["curves"][0]["brier"] == pytest.approx((20 * 0.01 + 4 * 0.81) / 24)


def test_what_was_simulated_can_be_left_out(cli, remember):
    remember(20, target="demo", simulated=True)
    assert json.loads(cli("calibration", "--json").out)["simulated"] == 20
    assert json.loads(cli("calibration", "--json", "--real-only").out)["outcomes"] == 0
    assert "no real outcome yet" in cli("calibration", "--real-only").out


def test_drills_on_the_demo_count_whole_there_and_little_for_a_target_of_one_s_own(cli, remember, configured):
    remember(40, target="demo", simulated=True)
    own = configured('[targets.shop.regions.east]\nurl = "http://127.0.0.1:1"\n')
    demo, shop = json.loads(cli("calibration", "--json", *own).out)["cells"]
    assert (demo["target"], demo["needed"]) == ("demo", 0)
    assert (shop["target"], shop["own"], shop["worked"] <= 5) == ("shop", 0, True)
    assert shop["needed"] > 0


def test_where_no_swarm_has_run_it_says_so(cli):
    said = cli("calibration")
    assert said.status == 1
    assert "no swarm has run here" in said.err


def test_a_configuration_that_can_not_be_read_is_a_wrong_use(cli, book, configured):
    book.empty()
    assert cli("calibration", *configured("[policy]\nthreshold = 7\n")).status == 2
