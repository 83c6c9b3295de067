"""The door for text that others wrote: log lines, and the platforms' own words.

Whoever shows it may do so in a terminal, so that nothing stays in it that a terminal would obey; and others read it, so that no
secret does.
"""

from __future__ import annotations

import re
import unicodedata

from overwatch_mcp.redact import redact

LINE_CHARACTERS = 2_000

_SEQUENCES = re.compile(
    r"(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)"  # operating system commands, ended or not
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c]*(?:\x1b\\|\x9c|$)"  # device control, application and privacy strings
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # colours and movements of the cursor
    r"|\x1b[ -/]*[0-~]?"  # escapes of two characters
)
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Control and format characters (the bidirectional ones among them), surrogates, unassigned ones, and line separators."""
_MARKS = re.compile("[\u034f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
"""Joiners and variation selectors: marks, by their category, that draw nothing."""


def plain(text: object, limit: int = LINE_CHARACTERS) -> str:
    """One line of at most `limit` characters that only shows itself, without secrets."""
    raw = str(text)[: limit * 4]
    words = re.sub(r"[\t\r\n]+", " ", _MARKS.sub("", _SEQUENCES.sub("", raw)))
    line = redact("".join(char for char in words if unicodedata.category(char) not in _UNSEEN).strip())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
