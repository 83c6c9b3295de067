"""The door for text that others wrote: log lines, and the platforms' own words.

Whoever shows it may do so in a terminal, so that nothing stays in it that a terminal would obey.
"""

from __future__ import annotations

import re

LINE_CHARACTERS = 2_000

_SEQUENCES = re.compile(
    r"(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)"  # operating system commands, ended or not
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c]*(?:\x1b\\|\x9c|$)"  # device control, application and privacy strings
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # colours and movements of the cursor
    r"|\x1b[ -/]*[0-~]?"  # escapes of two characters
)
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # control characters
    "\u00ad\u034f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # zero width, direction, separators
    "\ufe00-\ufe0f\ud800-\udfff\U000e0000-\U000e01ef]"  # variation selectors, lone surrogates, tags
)


def plain(text: object, limit: int = LINE_CHARACTERS) -> str:
    """One line of at most `limit` characters that only shows itself."""
    raw = str(text)[: limit * 4]
    words = _UNSEEN.sub("", _SEQUENCES.sub("", raw))
    line = re.sub(r"[\t\r\n]+", " ", words).strip()
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
