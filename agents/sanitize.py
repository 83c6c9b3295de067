"""The one door for text from outside: telemetry, tools, models, health JSON.

Escape sequences, control and bidirectional characters would reach the operator's terminal through any widget, and secrets
everybody who reads along, so they are removed here, once, where bytes become events.
"""

from __future__ import annotations

import re

from agents.redact import redact

_ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)"  # OSC, ended by BEL or ST, or not at all
    r"|\x1b[PX^_][^\x1b\x9c]*(?:\x1b\\|\x9c|$)"  # DCS, SOS, PM, APC
    r"|\x1b\[[0-?]*[ -/]*[@-~]?"  # CSI
    r"|\x1b[ -/]*[0-~]?"  # two-character escapes
    r"|\x9b[0-?]*[ -/]*[@-~]?"  # CSI as one C1 character
    r"|[\x90\x98\x9d\x9e\x9f][^\x1b\x07\x9c]*(?:\x1b\\|\x07|\x9c|$)"  # the strings as C1 characters
)
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and newline, DEL, C1
    "\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # zero width, bidi, separators
    "\ud800-\udfff\U000e0000-\U000e007f]"  # lone surrogates, tags
)


def clean(text: object, limit: int = 1_000) -> str:
    """`text` without anything that a terminal would obey and without secrets, at most `limit` characters, on one line."""
    raw = text if isinstance(text, str) else str(text)
    raw = raw[: limit * 4]
    flat = _FORBIDDEN.sub("", _ESCAPES.sub("", raw)).replace("\n", " ").replace("\t", " ")
    flat = redact(flat)
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
