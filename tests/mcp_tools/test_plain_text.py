"""Text from outside shows itself and does nothing else."""

from __future__ import annotations

import pytest

from overwatch_mcp.plain_text import plain

TEXTS = [
    ("\x1b[31mred\x1b[0m", "red"),
    ("\x1b]0;title\x07shown", "shown"),
    ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
    ("\x9b2Jgone", "gone"),
    ("\x1bPstring\x1b\\kept", "kept"),
    ("a\u202eb\u200bc\u2066d", "abcd"),
    ("one\ntwo\r\n\tthree", "one two three"),
    ("nul\x00 bell\x07", "nul bell"),
    ("\ud800half", "half"),
    ("a\ufe0fb\u034fc\U000e0101d\U000e0041e", "abcde"),
    ("private\ue000 \u2028line", "private line"),
    ("grün → 好", "grün → 好"),
    (None, "None"),
]


@pytest.mark.parametrize(("text", "shown"), TEXTS)
def test_what_a_terminal_would_obey_is_taken_away(text, shown):
    assert plain(text) == shown


def test_a_long_line_is_cut():
    assert plain("x" * 10_000, 100) == "x" * 99 + "…"
    assert len(plain("\u200b" * 1_000_000 + "x")) <= 2_000
