"""The plots as one SVG picture: small panels below each other, lines told apart by colour, dashes and their names.

Colours and strokes are classes of the page's style sheet, so that the picture follows a light or a dark page. Every text goes
through the escaping of markupsafe.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from markupsafe import Markup

from overwatch_tui.report.plots import Panel, Picture, Point, Series

WIDTH = 1000
LEFT, RIGHT = 62, 92
PLOT = WIDTH - LEFT - RIGHT
HEIGHT, GAP = 88, 42
MARK_ROW, MARK_TOP, MARK_LETTER = 17, 14, 7.2
STYLES = 6
"""Looks of lines in the style sheet; of more regions some share one, and are told apart by their names."""

LABEL_APART = 13
STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 604800)
TICKS = 8


def draw(picture: Picture) -> Markup:
    """The picture as markup that may stand in a page as it is."""
    rows = _mark_rows(picture)
    top = MARK_TOP + MARK_ROW * (max((row for *_, row in rows), default=-1) + 1) + 20
    bottom = top + len(picture.panels) * (HEIGHT + GAP) - GAP
    names = ", ".join(panel.title for panel in picture.panels)
    about = f"Plots over {picture.seconds:.0f} seconds from {picture.since:%H:%M:%S} UTC: {names}"
    parts = [
        Markup('<svg viewBox="0 0 {w} {h}" role="img" aria-label="{about}">').format(w=WIDTH, h=bottom + 34, about=about),
        *_band(picture, top, bottom),
        *_times(picture, top, bottom),
    ]
    for n, panel in enumerate(picture.panels):
        parts += _panel(picture, panel, top + n * (HEIGHT + GAP))
    parts += _marks(rows, bottom)
    parts.append(Markup("</svg>"))
    return Markup("\n").join(parts)


def _x(picture: Picture, seconds: float) -> float:
    return LEFT + PLOT * max(0.0, min(1.0, seconds / picture.seconds))


def _text(x: float, y: float, words: str, made: str, anchor: str = "start") -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" class="{}" text-anchor="{}">{}</text>').format(x, y, made, anchor, words)


def _line(x1: float, y1: float, x2: float, y2: float, made: str) -> Markup:
    return Markup('<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" class="{}"/>').format(x1, y1, x2, y2, made)


def _band(picture: Picture, top: float, bottom: float) -> Iterator[Markup]:
    if picture.band is not None:
        start, end = (_x(picture, seconds) for seconds in picture.band)
        width = max(1.5, end - start)
        yield Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" class="band"/>').format(
            start, top, width, bottom - top
        )


def _times(picture: Picture, top: float, bottom: float) -> Iterator[Markup]:
    step = next((s for s in STEPS_S if picture.seconds / s <= TICKS), STEPS_S[-1])
    first = picture.since.replace(microsecond=0)
    offset = step - (first.hour * 3600 + first.minute * 60 + first.second) % step
    at = first + timedelta(seconds=offset % step or step)
    form = "%H:%M:%S" if step < 60 else "%H:%M" if step < 86400 else "%m-%d"
    while (seconds := (at - picture.since).total_seconds()) <= picture.seconds:
        x = _x(picture, seconds)
        yield _line(x, top, x, bottom + 4, "grid")
        yield _text(x, bottom + 20, f"{at:{form}}", "tick", "middle")
        at += timedelta(seconds=step)


def _panel(picture: Picture, panel: Panel, top: float) -> Iterator[Markup]:
    bottom = top + HEIGHT
    yield _text(LEFT, top - 8, panel.title, "title")
    for share in (0.0, 0.5, 1.0):
        y = bottom - HEIGHT * share
        yield _line(LEFT, y, LEFT + PLOT, y, "axis" if share == 0 else "grid")
        yield _text(LEFT - 8, y + 4, panel.shown(panel.top * share), "tick", "end")
    ends: list[tuple[float, Series]] = []
    for line in panel.series:
        for run in line.runs:
            yield Markup('<path d="{}" class="line {}"/>').format(_path(picture, panel, run, bottom), _style(line))
        ends.append((bottom - HEIGHT * min(1.0, line.runs[-1][-1][1] / panel.top), line))
    for y, (_, line) in zip(_apart([y for y, _ in ends]), ends, strict=True):
        yield _text(LEFT + PLOT + 8, y + 4, _short(line.name), f"name {_style(line)}")


def _path(picture: Picture, panel: Panel, run: Sequence[Point], bottom: float) -> str:
    placed = [(_x(picture, at), bottom - HEIGHT * min(1.0, value / panel.top)) for at, value in run]
    first, *rest = placed
    drawn = [f"M{first[0]:.1f} {first[1]:.1f}"]
    for x, y in rest:
        drawn.append(f"H{x:.1f}V{y:.1f}" if panel.steps else f"L{x:.1f} {y:.1f}")
    if not rest:
        drawn.append("h2")
    return "".join(drawn)


def _style(line: Series) -> str:
    return "users" if line.style < 0 else f"s{line.style % STYLES}"


def _short(name: str) -> str:
    return name if len(name) <= 12 else f"{name[:11]}…"


def _apart(wanted: Sequence[float]) -> list[float]:
    """The places of labels that want to stand at `wanted`, moved down where they would stand on each other."""
    placed = [0.0] * len(wanted)
    last = -1e9
    for n in sorted(range(len(wanted)), key=lambda n: (wanted[n], -n)):
        last = placed[n] = max(wanted[n], last + LABEL_APART)
    return placed


def _mark_rows(picture: Picture) -> list[tuple[str, float, int]]:
    """Each mark with its place and the first row in which its name stands free."""
    rows: list[tuple[str, float, int]] = []
    until: list[float] = []
    for name, seconds in picture.marks:
        x = _x(picture, seconds)
        row = next((n for n, right in enumerate(until) if right <= x), len(until))
        right = x + (len(name) + 2) * MARK_LETTER
        until[row : row + 1] = [right]
        rows.append((name, x, row))
    return rows


def _marks(rows: Sequence[tuple[str, float, int]], bottom: float) -> Iterator[Markup]:
    for name, x, row in rows:
        y = MARK_TOP + row * MARK_ROW
        yield _line(x, y - 9, x, bottom, "mark")
        yield _text(x + 5, y, name, "when")
