"""Numbers, bars and glyphs as people read them. Every function takes what is not known (None) and says so."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeGuard

from overwatch_tui.state.models import Tone

UNKNOWN = "–"


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The signs of one character set. `spark` and `bar` go from empty to full."""

    ok: str
    warn: str
    fail: str
    unknown: str
    working: str
    alarm: str
    paused: str
    cursor: str
    up: str
    down: str
    to: str
    dot: str
    spark: str
    bar: str
    rest: str
    ascii_only: bool = False


UNICODE = Glyphs(
    ok="●",
    warn="▲",
    fail="✗",
    unknown="○",
    working="◆",
    alarm="▲",
    paused="‖",
    cursor="▌",
    up="↑",
    down="↓",
    to="→",
    dot="·",
    spark="▁▂▃▄▅▆▇█",
    bar="▏▎▍▌▋▊▉█",
    rest="─",
)
ASCII = Glyphs(
    ok="o",
    warn="!",
    fail="X",
    unknown="?",
    working="*",
    alarm="!",
    paused="=",
    cursor=">",
    up="^",
    down="v",
    to="->",
    dot="-",
    spark="_.-=+*%#",
    bar="#",
    rest="-",
    ascii_only=True,
)

_PLAIN = str.maketrans(
    {
        "→": "->",
        "←": "<-",
        "·": "-",
        "–": "-",
        "—": "-",
        "…": "...",
        "≤": "<=",
        "≥": ">=",
        "×": "x",
        "“": '"',
        "”": '"',
        "‘": "'",
        "’": "'",
        "⇄": "<>",
        "±": "+-",
        "µ": "u",
        "°": "",
        "✓": "ok",
        "✗": "X",
        "●": "o",
        "▲": "!",
        "○": "?",
        "◆": "*",
        "▶": ">",
        "\N{NO-BREAK SPACE}": " ",
    }
)


def plain(text: str) -> str:
    """`text` in ASCII: known signs written out, every other one a question mark."""
    return text if text.isascii() else text.translate(_PLAIN).encode("ascii", "replace").decode("ascii")


HEALTH_WORDS: dict[str, tuple[str, Tone]] = {
    "ok": ("ok", "ok"),
    "warn": ("WARN", "warn"),
    "fail": ("FAIL", "fail"),
    "unknown": ("unknown", "unknown"),
}


def health(state: str, glyphs: Glyphs) -> tuple[str, str, Tone]:
    """Glyph, word and tone of a health."""
    word, tone = HEALTH_WORDS.get(state, ("unknown", "unknown"))
    glyph = {"ok": glyphs.ok, "warn": glyphs.warn, "fail": glyphs.fail}.get(tone, glyphs.unknown)
    return glyph, word, tone


def agent_state(state: str, glyphs: Glyphs) -> tuple[str, str, Tone]:
    """Glyph, word and tone of an agent's state."""
    known: dict[str, tuple[str, str, Tone]] = {
        "idle": (glyphs.ok, "idle", "ok"),
        "working": (glyphs.working, "working", "accent"),
        "down": (glyphs.fail, "DOWN", "fail"),
    }
    return known.get(state, (glyphs.unknown, "starting", "muted"))


STATUS_TONES: dict[str, Tone] = {
    "awaiting": "warn",
    "acting": "accent",
    "verifying": "accent",
    "undoing": "warn",
    "retry": "warn",
    "verified": "ok",
    "resolved": "ok",
    "escalated": "alarm",
}


def status(name: str, glyphs: Glyphs) -> tuple[str, str, Tone]:
    """Glyph, word and tone of an incident's status."""
    tone = STATUS_TONES.get(name, "plain")
    word = {"escalated": "PAGED", "awaiting": "waits for a person"}.get(name, name)
    glyph = {"ok": glyphs.ok, "warn": glyphs.warn, "alarm": glyphs.alarm, "accent": glyphs.working}.get(tone, glyphs.unknown)
    return glyph, word, tone


def _known(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)


def milliseconds(value: float | None) -> str:
    """A latency, such as `38 ms` or `1.9 s`."""
    if not _known(value) or value < 0:
        return UNKNOWN
    if value < 999.5:
        return f"{value:.0f} ms"
    return f"{value / 1000:.1f} s" if value < 99_950 else f"{value / 1000:.0f} s"


def percent(rate: float | None, *, of: Literal[1, 100] = 1) -> str:
    """A share, such as `41 %`; small ones that are not nothing show as `<1 %`."""
    if not _known(rate):
        return UNKNOWN
    value = rate * 100 / of
    return "<1 %" if 0 < value < 0.5 else f"{value:.0f} %"


def count(value: float | None) -> str:
    """A rate or a number, short: `18`, `4.2k`."""
    if not _known(value):
        return UNKNOWN
    if abs(value) >= 9_999.5:
        return f"{value / 1000:.0f}k"
    if abs(value) >= 999.5:
        return f"{value / 1000:.1f}k"
    return f"{value:.1f}" if 0 < abs(value) < 9.95 and value != int(value) else f"{value:.0f}"


def ratio(ready: int | None, desired: int | None) -> str:
    """Replicas that are ready of those that are wanted, such as `2/2`."""
    if ready is None and desired is None:
        return UNKNOWN
    return f"{UNKNOWN if ready is None else ready}/{UNKNOWN if desired is None else desired}"


def remaining(seconds: float) -> str:
    """How long is left, such as `9:41`; `now` once nothing is."""
    if seconds <= 0:
        return "now"
    whole = int(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def duration(seconds: float) -> str:
    """How long something took, such as `0.8 s`, `12 s`, `3 min 20 s`."""
    if seconds < 0:
        return UNKNOWN
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def clock(at: datetime) -> str:
    """The time of day."""
    return f"{at:%H:%M:%S}"


def spark(values: Sequence[float | None], width: int, glyphs: Glyphs, *, floor: float = 100.0) -> str:
    """The newest `width` values as one row of bars, newest right. `floor` keeps small noise small; a gap is a blank."""
    shown = list(values[-width:])
    known = [v for v in shown if _known(v)]
    top = max([floor, *known])
    steps = len(glyphs.spark) - 1
    drawn = "".join(" " if not _known(v) else glyphs.spark[max(0, min(steps, round(v / top * steps)))] for v in shown)
    return drawn.rjust(width)


def bar(value: float | None, width: int, glyphs: Glyphs) -> tuple[str, str]:
    """A share in percent as a bar: the filled part, and the rest of `width`."""
    if not _known(value):
        return "", " " * width
    filled = max(0.0, min(100.0, value)) / 100 * width
    whole = int(filled)
    full = glyphs.bar[-1] * whole
    part = int((filled - whole) * len(glyphs.bar))
    if part and whole < width and len(glyphs.bar) > 1:
        full += glyphs.bar[part - 1]
    return full, glyphs.rest * (width - len(full))


def shorten(text: str, width: int) -> str:
    """`text` in at most `width` characters, with a mark where it was cut."""
    if len(text) <= width:
        return text
    return text[: max(0, width - 1)] + "…" if width > 0 else ""


def plural(number: int, word: str) -> str:
    """`1 incident`, `2 incidents`."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
