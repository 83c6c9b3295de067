"""The health pane: what users see, and every region, one aligned row each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from overwatch_tui.state import format as fmt
from overwatch_tui.state.format import Glyphs
from overwatch_tui.state.models import Line, Piece, RegionView, TargetView, Tone, UsersView
from overwatch_tui.widgets.layout import Row
from overwatch_tui.widgets.lines import LineList

if TYPE_CHECKING:
    from agents.telemetry import RegionSample

QUIET_MS = 250.0
"""Latencies far below this are drawn low, so that noise does not look like news."""

STALE_SECONDS = 15
"""A sample older than this is no longer the present."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The widths of one size of screen, in cells."""

    name: int
    spark: int
    value: int
    number: int
    bar: int
    detail: bool = True


def columns(width: int) -> Columns:
    """The columns that fit into `width` cells."""
    if width < 100:
        return Columns(name=8, spark=8, value=7, number=5, bar=9, detail=False)
    if width < 150:
        return Columns(name=11, spark=20, value=8, number=6, bar=14)
    return Columns(name=16, spark=48, value=8, number=8, bar=40)


def health_rows(targets: Sequence[TargetView], width: int, now: datetime, glyphs: Glyphs) -> tuple[Row, ...]:
    """The rows of the pane. A region's `ref` is `target/region`."""
    cols = columns(width)
    rows = [Row("header", (_header(cols),), selectable=False)]
    for target in targets:
        if len(targets) > 1:
            rows.append(Row(f"target:{target.name}", (((target.name, "strong"),),), selectable=False))
        for view in target.regions:
            ref = f"{target.name}/{view.sample.region}"
            rows.append(Row(ref, (_region(view, cols, now, glyphs),), ref=ref))
        if target.users is not None:
            line = _users(target.users, cols, now, glyphs)
            rows.append(Row(f"users:{target.name}", (line,), selectable=False))
    return tuple(rows)


class HealthPane(LineList):
    """Regions as rows; the selected one is what the chaos keys and the failover are about."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs, id="health", gutter=True)
        self._chosen = False
        self.call_it("Health")

    def show(self, targets: Sequence[TargetView], now: datetime) -> None:
        """Show these targets as they are at `now`."""
        if not targets:
            waiting: Line = (("waiting for the first look at the regions", "muted"),)
            self.show_rows((Row("waiting", (waiting,), selectable=False),))
            return
        self.show_rows(health_rows(targets, self.line_width, now, self.glyphs))
        if not self._chosen:
            self.go(self._laid.near(0), by_person=False)

    def go(self, index: int | None, *, by_person: bool = True) -> None:
        """Put the cursor on a row; from the person's first choice on it stays where they put it."""
        self._chosen = self._chosen or by_person
        super().go(index, by_person=by_person)

    @property
    def selected(self) -> tuple[str, str] | None:
        """The selected target and region, the first one until the person chose."""
        row = self.current
        if row is None or not row.ref:
            return None
        target, _, region = row.ref.partition("/")
        return target, region


def height_of(targets: Sequence[TargetView]) -> int:
    """How many lines the pane wants, with its frame."""
    if not targets:
        return 5
    lines = 1 + sum(len(t.regions) + (t.users is not None) + (len(targets) > 1) for t in targets)
    return lines + 2


def _header(cols: Columns) -> Line:
    latency = "p95 latency".ljust(cols.spark + 1 + cols.value)
    heads = (
        "region".ljust(cols.name),
        "state".ljust(10),
        latency,
        "errors".rjust(cols.number + 1),
        "rps".rjust(cols.number),
        "cpu".rjust(cols.number + 1),
        "up".rjust(cols.number),
        "  traffic",
    )
    return (("".join(heads), "muted"),)


def _region(view: RegionView, cols: Columns, now: datetime, glyphs: Glyphs) -> Line:
    sample = view.sample
    state = "unknown" if _stale(sample.at, now) else sample.state
    filled, rest = fmt.bar(sample.traffic, cols.bar, glyphs)
    tone: Tone = "fail" if state == "fail" and (sample.traffic or 0) > 0 else "accent"
    traffic: tuple[Piece, ...] = (
        ("  ", "plain"),
        (filled, tone),
        (rest, "muted"),
        (f" {fmt.percent(sample.traffic, of=100):>5}", "plain" if sample.traffic else "muted"),
    )
    if sample.traffic is None:
        traffic = (("  " + fmt.UNKNOWN, "muted"),)
    missing = sample.replicas_ready is not None and (sample.replicas_ready < (sample.replicas_desired or 0))
    return (
        (fmt.shorten(sample.region, cols.name - 1).ljust(cols.name), "strong"),
        *_state(state, glyphs),
        *_latency(view.p95, sample.p95_ms, state, cols, glyphs),
        *_errors(sample.error_rate, cols),
        (fmt.count(sample.rps).rjust(cols.number), "plain"),
        (fmt.percent(sample.cpu, of=100).rjust(cols.number + 1), "plain"),
        (fmt.ratio(sample.replicas_ready, sample.replicas_desired).rjust(cols.number), "warn" if missing else "plain"),
        *traffic,
        *_detail(sample, now, cols),
    )


def _users(view: UsersView, cols: Columns, now: datetime, glyphs: Glyphs) -> Line:
    sample = view.sample
    state = "unknown" if _stale(sample.at, now) else sample.state
    served = f"  served by {sample.region}" if sample.region else ""
    if state == "fail" and not sample.region:
        some = sample.error_rate is not None and sample.error_rate < 1
        served = "  partly answered" if some else "  nobody answers"
    return (
        ("users".ljust(cols.name), "accent"),
        *_state(state, glyphs),
        *_latency(view.p95, sample.p95_ms, state, cols, glyphs),
        *_errors(sample.error_rate, cols),
        (fmt.count(sample.rps).rjust(cols.number), "plain"),
        (" " * (2 * cols.number + 1), "plain"),
        (served, "muted"),
    )


def _state(state: str, glyphs: Glyphs) -> tuple[Piece, ...]:
    glyph, word, tone = fmt.health(state, glyphs)
    return ((f"{glyph} {word}".ljust(10), tone),)


def _latency(points: Sequence[float | None], value: float | None, state: str, cols: Columns, glyphs: Glyphs) -> tuple[Piece, ...]:
    tone: Tone = {"fail": "fail", "warn": "warn"}.get(state, "accent")  # type: ignore[assignment] # mypy widens the values of a literal dict
    return (
        (fmt.spark(points, cols.spark, glyphs, floor=QUIET_MS), tone),
        (" " + fmt.milliseconds(value).rjust(cols.value), "plain"),
    )


def _errors(rate: float | None, cols: Columns) -> tuple[Piece, ...]:
    tone: Tone = "fail" if (rate or 0) >= 0.05 else "plain"
    return ((fmt.percent(rate).rjust(cols.number + 1), tone),)


def _detail(sample: RegionSample, now: datetime, cols: Columns) -> tuple[Piece, ...]:
    if not cols.detail:
        return ()
    if _stale(sample.at, now):
        return ((f"  last seen {fmt.clock(sample.at)}", "warn"),)
    return ((f"  {sample.detail}", "muted"),) if sample.detail and sample.state != "ok" else ()


def _stale(at: datetime, now: datetime) -> bool:
    return (now - at).total_seconds() > STALE_SECONDS
