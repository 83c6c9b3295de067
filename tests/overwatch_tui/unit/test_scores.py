"""The calibration in words and bars: what is concluded, and what is not, out of too little."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from overwatch_tui.state.format import ASCII, UNICODE, plain
from overwatch_tui.state.scores import calibration_json, calibration_lines
from tests.overwatch_tui import story


def text(measured, glyphs=UNICODE, width=110):
    return "\n".join("".join(words for words, _ in line) for line in calibration_lines(measured, glyphs, width))


def test_enough_outcomes_show_scores_bins_and_records():
    said = text(story.calibration())
    assert "the gate's number: Brier 0." in said
    assert "ECE 0." in said
    assert "said 0.92, came 0.80" in said
    assert "demo restart_service × crash 0.89" in said
    assert "its record is enough" in said


@pytest.mark.parametrize("count", [1, 3, 19])
def test_out_of_a_few_no_score_is_made_and_it_is_said(count):
    said = text(story.calibration(count))
    assert "too few to judge it: 20 are needed" in said
    assert "Brier" not in said
    shown = calibration_json(story.calibration(count))["curves"][0]
    assert (shown["enough"], shown["brier"], shown["ece"], shown["base_rate"]) == (False, None, None, None)


def test_nothing_verified_is_said_plainly():
    assert "nothing can be said" in text(story.calibration(0))
    assert "no real outcome yet" in text(replace(story.calibration(0), real_only=True))


def test_a_share_of_too_few_in_a_bin_is_null_for_scripts_and_too_few_for_people():
    first = calibration_json(story.calibration())["curves"][0]["bins"][0]
    assert (first["count"], first["observed"], first["enough"]) == (3, None, False)
    assert "n 3 ○ too few" in text(story.calibration())


def test_the_object_for_scripts_is_json_without_numbers_that_json_does_not_have():
    json.dumps(calibration_json(story.calibration()), allow_nan=False, default=str)


@pytest.mark.parametrize(
    ("predicted", "at_least", "at_most", "verdict"),
    [(0.95, 0.5, 0.9, "▲ TOO SURE"), (0.3, 0.5, 0.9, "↑ better than said"), (0.7, 0.5, 0.9, "● as said")],
)
def test_the_verdict_on_a_bin_is_a_glyph_and_words(predicted, at_least, at_most, verdict):
    measured = story.calibration()
    gate = measured.curves[0]
    one = replace(gate.bins[1], predicted=predicted, at_least=at_least, at_most=at_most)
    assert verdict in text(replace(measured, curves=(replace(gate, bins=(one,)),)))


def test_in_ascii_it_is_ascii_and_fits_into_80_columns():
    lines = [plain(line) for line in text(story.calibration(), ASCII, 80).split("\n")]
    assert all(line.isascii() and "?" not in line.replace("? too few", "").replace("? ", "") for line in lines)
    assert max(map(len, lines[:7])) <= 78
