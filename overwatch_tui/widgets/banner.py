"""Lines that can't be missed: a person is paged, the swarm is gone, automation is paused, something needs a remedy."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from overwatch_tui.state.format import Glyphs
from overwatch_tui.state.models import Line, State, Tone

LINES = 3
HUNG = "it hangs, and nothing is watched; end it and start it again"


def banner_lines(state: State, width: int, glyphs: Glyphs, *, silent_s: float = 0) -> tuple[Line, ...]:
    """At most three lines, the worst first, each as wide as the screen; where there is room, the worst is told in full.

    `silent_s` is for how long nothing was heard of the swarm, 0 where all is well.
    """
    told = list(_told(state, glyphs))
    if silent_s:
        told.insert(0, (f"{glyphs.fail} NO WORD  from the swarm for {silent_s:.0f} s: {HUNG}", "alarm"))
    if len(told) > LINES:
        more: tuple[str, Tone] = (f"{glyphs.alarm} and {len(told) - LINES + 1} more: see the timeline", "alarm")
        told = [*told[: LINES - 1], more]
    lines: list[Line] = []
    for n, (text, tone) in enumerate(told):
        room = LINES - len(told) + 1 if n == 0 else 1
        parts = wrap(text, max(10, width - 2), max_lines=room, placeholder=" …", subsequent_indent="  ")
        lines += [((f" {part}".ljust(width), tone),) for part in parts]
    return tuple(lines)


def _told(state: State, glyphs: Glyphs) -> Iterator[tuple[str, Tone]]:
    host, swarm = state.host, state.swarm
    if host.phase == "failed":
        yield f"{glyphs.fail} DISCONNECTED  the swarm ended: {host.problem} {glyphs.dot} R starts it again", "alarm"
    elif host.phase == "away":
        yield f"{glyphs.fail} DISCONNECTED  {host.problem}", "alarm"
    elif host.phase == "stopped":
        yield f"{glyphs.fail} DISCONNECTED  the swarm has stopped {glyphs.dot} R starts it again", "alarm"
    elif host.problem:
        yield f"{glyphs.warn} {host.problem}", "notice"
    for incident in reversed(state.paged):
        yield f"{glyphs.alarm} PAGED  {incident.id} on {incident.target}: {incident.escalation}", "alarm"
    for name, agent in state.agents.items():
        if agent.state == "down":
            yield f"{glyphs.fail} {name} is DOWN: {agent.detail or 'no reason was given'}", "notice"
    if swarm is not None and swarm.problem:
        yield f"{glyphs.warn} {swarm.problem}", "notice"
    if swarm is not None and swarm.automation == "paused":
        who = f" by {swarm.paused_by}" if swarm.paused_by else ""
        when = f" at {swarm.paused_at:%H:%M}Z" if swarm.paused_at is not None else ""
        why = f": {swarm.paused_reason}" if swarm.paused_reason else ""
        yield f"{glyphs.paused} PAUSED{who}{when}{why}  nothing is carried out until automation is armed again: p", "notice"
    if swarm is not None and swarm.held:
        yield f"{glyphs.paused} HELD  {swarm.held}", "notice"
