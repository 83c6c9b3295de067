"""Text that containers and engines wrote, made harmless: one line of printable characters, and bounded."""

from __future__ import annotations

import re
import unicodedata

LONGEST_LINE = 500

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])")
"""ANSI: control sequences, operating system commands (also those that never end), strings, and the short ones."""
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Control and format characters (the bidirectional ones among them), surrogates, and line separators."""


def one_line(text: str, longest: int = LONGEST_LINE) -> str:
    """The text without escapes and without characters that draw nothing or reorder what is drawn."""
    plain = _ESCAPES.sub("", text[: longest * 8])
    shown = "".join(" " if char in "\t\r\n" else char for char in plain if char in "\t\r\n" or _is_shown(char))
    shown = shown.strip()
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def _is_shown(char: str) -> bool:
    return unicodedata.category(char) not in _HIDDEN
