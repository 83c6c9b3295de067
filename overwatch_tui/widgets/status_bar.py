"""The first line: where this is, whether automation is armed, and how much is wrong. Parts give way where space is short."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from overwatch_tui.state import format as fmt
from overwatch_tui.state.format import Glyphs
from overwatch_tui.state.models import AGENTS, Line, Piece, State
from overwatch_tui.widgets.safe import width_of

NAME = "OVERWATCH"
_SHORT = ("Sentry", "Diag", "Strat", "Orch", "Logi", "Traff")


def status_line(
    state: State,
    width: int,
    now: datetime,
    glyphs: Glyphs,
    *,
    read_only: bool,
    attached: bool = False,
    recorded: bool = False,
    first: Sequence[str] = (),
) -> Line:
    """The line, as wide as `width`, with the time at its right. The words of `first` come first, and stay longest.

    In a `recorded` room nothing is starting: what was not said is not known.
    """
    time = f"{now:%H:%M:%S}Z"
    loud: list[tuple[int, Piece]] = [(200 - n, (word, "warn")) for n, word in enumerate(first)]
    parts = loud + _parts(state, glyphs, read_only=read_only, attached=attached, recorded=recorded)
    dot: Piece = (f" {glyphs.dot} ", "muted")
    while True:
        line: list[Piece] = [(NAME, "accent")]
        for n, (_, piece) in enumerate(parts):
            line += [("  ", "plain") if n == 0 else dot, piece]
        gap = width - width_of(tuple(line)) - len(time)
        if gap >= 1 or not parts:
            return (*line, (" " * max(1, gap), "plain"), (time, "muted"))
        parts.remove(min(parts, key=lambda part: part[0]))


def agents_line(state: State, width: int, glyphs: Glyphs, *, recorded: bool = False) -> Line:
    """The six agents with their states, in as many words as fit; who has not spoken is starting, but in a `recorded` room."""
    names = ("Sentry", "Diagnostician", "Strategist", "Orchestrator", "Logistics", "Traffic")
    line: Line = ()
    for shown, gap in ((AGENTS, "   "), (names, "   "), (names, "  "), (_SHORT, "  "), (_SHORT, " ")):
        line = _agents(state, shown, gap, glyphs, recorded=recorded)
        if width_of(line) <= width:
            break
    return line


def _agents(state: State, names: Sequence[str], gap: str, glyphs: Glyphs, *, recorded: bool) -> Line:
    line: list[Piece] = []
    for agent, name in zip(AGENTS, names, strict=True):
        known = state.agents.get(agent)
        glyph, word, tone = fmt.agent_state(known.state if known is not None else "starting", glyphs)
        if known is None and recorded:
            word = "unheard"
        quiet = known is not None and known.state in {"idle", "starting"}
        line += [
            (f"{glyph} ", tone),
            (name, "muted" if quiet else "plain"),
            (f" {word}", "muted" if quiet else tone),
            (gap, "plain"),
        ]
    return tuple(line[:-1])


def _parts(state: State, glyphs: Glyphs, *, read_only: bool, attached: bool, recorded: bool) -> list[tuple[int, Piece]]:
    """Each part with its weight: the lighter one gives way first."""
    parts: list[tuple[int, Piece]] = []
    if state.targets:
        names = ", ".join(target.name for target in state.targets)
        parts.append((60, (fmt.shorten(names, 30), "strong")))
    swarm = state.swarm
    if state.host.phase in {"failed", "stopped", "away"}:
        parts.append((100, (f"{glyphs.fail} DISCONNECTED", "fail")))
    elif swarm is None:
        parts.append((50, ("automation not known" if recorded else "starting", "muted")))
    elif swarm.automation == "paused":
        parts.append((99, (f"{glyphs.paused} PAUSED", "warn")))
    else:
        parts.append((70, (f"armed, auto >{swarm.threshold:.0%}", "plain")))
    parts += _incidents(state, glyphs)
    if read_only:
        parts.append((90, ("read-only", "warn")))
    if attached:
        parts.append((88, ("attached", "accent")))
    if swarm is not None:
        parts.append((30, (f"reasoning: {swarm.reasoning}", "muted")))
        parts.append((20, (f"bus: {swarm.bus}", "muted")))
    if state.dropped:
        parts.append((40, (f"{fmt.count(state.dropped)} dropped", "muted")))
    if state.unread:
        parts.append((45, (f"{fmt.count(state.unread)} unread", "warn")))
    return parts


def _incidents(state: State, glyphs: Glyphs) -> list[tuple[int, Piece]]:
    parts: list[tuple[int, Piece]] = []
    paged, unresolved = len(state.paged), len(state.open_incidents)
    if paged:
        parts.append((98, (f" {glyphs.alarm} {paged} PAGED ", "alarm")))
    if state.loaded and (unresolved - paged or not paged):
        text = fmt.plural(unresolved, "incident") if unresolved else "no incidents"
        parts.append((80, (text, "warn" if unresolved else "ok")))
    return parts
