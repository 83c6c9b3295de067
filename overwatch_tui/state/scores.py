"""How far the gate's numbers came true, in the words and bars of the audit view and of `calibration`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from overwatch_tui.state.format import Glyphs, bar, percent, plural
from overwatch_tui.state.models import Line, Tone

if TYPE_CHECKING:
    from agents.scores import Bin, Calibration, Cell, Curve

NAMES: Mapping[str, str] = {
    "gate": "the gate's number",
    "track_record": "the track record",
    "evidence": "the evidence",
    "word": "a model's word",
}


def calibration_lines(measured: Calibration, glyphs: Glyphs, width: int) -> tuple[Line, ...]:
    """Everything, the most important first: the gate's scores and bins, the other numbers, and each record."""
    return tuple(_lines(measured, glyphs, width))


def calibration_json(measured: Calibration) -> dict[str, Any]:
    """One object for scripts. A score out of too few outcomes is null, and so is a share of too few in a bin."""
    whole = asdict(measured)
    whole["curves"] = [_curve_json(curve) for curve in measured.curves]
    return whole


def _curve_json(curve: Curve) -> dict[str, Any]:
    shown = asdict(curve)
    for name in ("base_rate", "brier", "skill", "reliability", "resolution", "uncertainty", "ece"):
        shown[name] = shown[name] if curve.enough else None
    shown["bins"] = [asdict(b) | ({} if b.enough else {"observed": None}) | {"enough": b.enough} for b in curve.bins]
    return shown | {"enough": curve.enough}


def _lines(measured: Calibration, glyphs: Glyphs, width: int) -> Iterator[Line]:
    gate = measured.curve("gate")
    if gate is None:
        none = "no real outcome yet" if measured.real_only else "no verified outcome with a number yet"
        yield ((f"{glyphs.unknown} {none}: nothing can be said of how far the numbers come true", "muted"),)
    else:
        yield from _scores(gate, glyphs)
        for b in gate.bins:
            yield _bin_line(b, glyphs, 20 if width >= 100 else 10)
        for curve in measured.curves:
            if curve is not gate:
                yield from _scores(curve, glyphs)
    yield ((_counts(measured), "muted"),)
    for cell in measured.cells:
        yield _cell_line(cell, glyphs, width)


def _scores(curve: Curve, glyphs: Glyphs) -> Iterator[Line]:
    from agents.scores import ENOUGH  # noqa: PLC0415 - loaded with the first calibration, after the first paint

    name = f"{NAMES[curve.source]}:"
    if not curve.enough:
        few = f"{plural(curve.count, 'outcome')}, too few to judge it: {ENOUGH} are needed"
        yield ((f"{glyphs.unknown} {name} ", "strong"), (few, "muted"))
        return
    skill = "no failure yet to tell apart" if curve.skill is None else f"skill {curve.skill:+.0%}"
    scores = f"Brier {curve.brier:.3f}, ECE {curve.ece:.3f}, {skill}, {percent(curve.base_rate)} of {curve.count} worked"
    yield ((f"{glyphs.dot} {name} ", "strong"), (scores, "plain"))


def _bin_line(b: Bin, glyphs: Glyphs, width: int) -> Line:
    full, rest = bar(b.observed * 100, width, glyphs)
    mark = min(width - 1, int(b.predicted * width))
    drawn = full + rest
    drawn = f"{drawn[:mark]}{'|' if glyphs.ascii_only else '│'}{drawn[mark + 1 :]}"
    glyph, word, tone = _verdict(b, glyphs)
    return (
        (f"  {b.low:.1f}-{b.high:.1f} ", "muted"),
        (drawn, "accent"),
        (f" said {b.predicted:.2f}, came {b.observed:.2f} ({b.at_least:.2f}-{b.at_most:.2f}) n {b.count} ", "plain"),
        (f"{glyph} {word}", tone),
    )


def _verdict(b: Bin, glyphs: Glyphs) -> tuple[str, str, Tone]:
    if not b.enough:
        return glyphs.unknown, "too few", "muted"
    if b.predicted > b.at_most:
        return glyphs.warn, "TOO SURE", "warn"
    if b.predicted < b.at_least:
        return glyphs.up, "better than said", "ok"
    return glyphs.ok, "as said", "ok"


def _counts(measured: Calibration) -> str:
    said = [plural(measured.outcomes, "verified outcome")]
    if measured.real_only:
        said.append("drills left out")
    elif measured.simulated:
        said.append(f"{measured.simulated} simulated, which weigh a quarter")
    if measured.unnumbered:
        said.append(f"{measured.unnumbered} decided on no number")
    return f"{', '.join(said)}; automatic above {measured.threshold:.2f} with {measured.min_outcomes:g}:"


def _cell_line(cell: Cell, glyphs: Glyphs, width: int) -> Line:
    if cell.needed == 0:
        mark, tone, word = glyphs.ok, "ok", "its record is enough"
    elif cell.needed is None:
        mark, tone, word = glyphs.fail, "warn", "not automatic"
    else:
        more = "success" if cell.needed == 1 else "successes"
        mark, tone, word = glyphs.unknown, "plain", f"{cell.needed} more verified {more}"
    own = f"{cell.own} here" + (f", {cell.simulated} simulated" if cell.simulated and width >= 100 else "")
    done: Tone = "ok" if tone == "ok" else "warn" if tone == "warn" else "plain"
    return (
        (f"  {cell.target} ", "muted"),
        (f"{cell.action} × {cell.fault_class} ", "plain"),
        (f"{cell.track_record:.2f} ", "strong"),
        (f"({own}, weighs {cell.worked + cell.failed:.1f}) ", "muted"),
        (f"{mark} {word}", done),
    )
