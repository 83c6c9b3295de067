"""Numbers and bars as people read them."""

from __future__ import annotations

import math

import pytest

from overwatch_tui.state import format as fmt


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "–"),
        (0, "0 ms"),
        (38.4, "38 ms"),
        (999.6, "1.0 s"),
        (1900, "1.9 s"),
        (123_456, "123 s"),
    ],
)
def test_latencies_read_as_people_say_them(value, words):
    assert fmt.milliseconds(value) == words


@pytest.mark.parametrize(
    ("rate", "words"), [(None, "–"), (0, "0 %"), (0.001, "<1 %"), (0.41, "41 %"), (1, "100 %"), (math.nan, "–")]
)
def test_shares_read_in_percent_and_small_is_not_nothing(rate, words):
    assert fmt.percent(rate) == words


@pytest.mark.parametrize(("seconds", "words"), [(-3, "now"), (0, "now"), (9.9, "0:09"), (581, "9:41"), (3_700, "1:01:40")])
def test_what_is_left_counts_down(seconds, words):
    assert fmt.remaining(seconds) == words


@pytest.mark.parametrize(
    ("value", "words"), [(None, "–"), (0, "0"), (0.4, "0.4"), (18.2, "18"), (4_210, "4.2k"), (123_000, "123k"), (math.inf, "–")]
)
def test_rates_stay_short(value, words):
    assert fmt.count(value) == words


def test_a_spark_line_keeps_noise_low_and_gaps_blank():
    drawn = fmt.spark([None, 40, 41, 1000], 6, fmt.UNICODE, floor=250)
    assert drawn == "   ▁▁█"
    assert len(fmt.spark([5.0] * 100, 8, fmt.ASCII)) == 8


def test_a_bar_is_always_as_wide_as_asked():
    for value in (None, -5, 0, 3, 49.9, 50, 100, 140):
        for glyphs in (fmt.UNICODE, fmt.ASCII):
            filled, rest = fmt.bar(value, 12, glyphs)
            assert len(filled + rest) == 12


def test_ascii_has_no_other_character():
    assert fmt.plain("a → b · c … 日 “x”").isascii()
    for glyphs in (fmt.ASCII,):
        assert all(str(getattr(glyphs, name)).isascii() for name in glyphs.__dataclass_fields__)


@pytest.mark.parametrize("state", ["ok", "warn", "fail", "unknown", "never heard of"])
def test_a_state_is_always_glyph_word_and_tone(state):
    glyph, word, tone = fmt.health(state, fmt.UNICODE)
    assert glyph
    assert word
    assert tone
    others = {fmt.health(other, fmt.UNICODE)[0] for other in ("ok", "warn", "fail", "unknown") if other != state}
    assert state == "never heard of" or glyph not in others
