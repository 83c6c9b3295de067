"""Lines that can't be missed: a person is paged, the swarm is gone, automation is paused, something needs a remedy."""

from __future__ import annotations

from overwatch_tui.state.format import Glyphs
from overwatch_tui.state.models import Line, State

LINES = 3


def banner_lines(state: State, width: int, glyphs: Glyphs) -> tuple[Line, ...]:
    """At most three lines, the worst first, each as wide as the screen."""
    lines: list[Line] = []
    host = state.host
    if host.phase == "failed":
        lines.append(_alarm(f"{glyphs.fail} DISCONNECTED  the swarm ended: {host.problem} {glyphs.dot} R starts it again", width))
    elif host.phase == "stopped":
        lines.append(_alarm(f"{glyphs.fail} DISCONNECTED  the swarm has stopped {glyphs.dot} R starts it again", width))
    elif host.problem:
        lines.append(_notice(f"{glyphs.warn} {host.problem}", width))
    for incident in reversed(state.paged):
        text = f"{glyphs.alarm} PAGED  {incident.id} on {incident.target}: {incident.escalation}"
        lines.append(_alarm(text, width))
    for name, agent in state.agents.items():
        if agent.state == "down":
            lines.append(_notice(f"{glyphs.fail} {name} is DOWN: {agent.detail or 'no reason was given'}", width))
    if state.swarm is not None and state.swarm.problem:
        lines.append(_notice(f"{glyphs.warn} {state.swarm.problem}", width))
    if state.swarm is not None and state.swarm.automation == "paused":
        who = f" by {state.swarm.paused_by}" if state.swarm.paused_by else ""
        lines.append(_notice(f"{glyphs.paused} PAUSED{who}  nothing is carried out until automation is armed again: p", width))
    if len(lines) > LINES:
        lines[LINES - 1] = _alarm(f"{glyphs.alarm} and {len(lines) - LINES + 1} more: see the timeline", width)
    return tuple(lines[:LINES])


def _alarm(text: str, width: int) -> Line:
    return ((f" {text}".ljust(width), "alarm"),)


def _notice(text: str, width: int) -> Line:
    return ((f" {text}".ljust(width), "notice"),)
