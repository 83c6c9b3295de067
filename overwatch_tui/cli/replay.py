"""`replay` plays a recorded incident in the control room, and acts on nothing."""

from __future__ import annotations

import math
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from overwatch_tui.cli.common import CommandError, ConfigOption, JsonOption, UsageError, echo_json, settings_of

if TYPE_CHECKING:
    from overwatch_tui.replay.recording import Recording

SLOWEST, FASTEST = 0.25, 64.0
BEFORE = timedelta(seconds=2)
"""So much is seen of what came before the moment that a replay is to start at."""

MOMENTS = {
    "opened": "incident.opened",
    "diagnosed": "incident.diagnosed",
    "asked": "approval.requested",
    "decided": "strategy.approved",
    "acted": "action.finished",
    "verified": "verification.passed",
    "paged": "incident.escalated",
    "resolved": "incident.resolved",
}


def replay(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A recording, made by `overwatch-tui incidents record`.")],
    speed: Annotated[
        float, typer.Option("--speed", "-s", min=SLOWEST, max=FASTEST, help="How many times faster than it was.")
    ] = 1.0,
    start: Annotated[
        str,
        typer.Option("--from", metavar="MOMENT", help=f"Seconds from its start, or one of: start, {', '.join(MOMENTS)}."),
    ] = "start",
    check: Annotated[bool, typer.Option("--check", help="Only say whether the file is sound, and what it holds.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Play a recorded incident in the control room. Nothing is watched, nothing is sent, and no swarm is needed.

    Times on the screen are those of the recording. Space stops and goes on, + and - change the speed, the arrows move by ten
    seconds, . and , from event to event. At the end the last picture stays.
    """
    if as_json and not check:
        raise UsageError("--json goes with --check: a replay is drawn on the screen")
    from overwatch_tui.replay.recording import RecordingError, read

    try:
        recording = read(file)
    except RecordingError as error:
        raise CommandError(f"{str(file)!r} can't be played: {error}") from error
    if check:
        _tell(recording, file, as_json=as_json)
        return
    if not (sys.__stdin__ and sys.__stdin__.isatty()):
        raise UsageError("the control room needs a terminal: without one, use `overwatch-tui replay --check FILE`")
    at = _start(start, recording)
    settings = settings_of(config)
    from overwatch_tui.actions import KeymapError
    from overwatch_tui.replay.show import show

    try:
        show(recording, settings, speed=speed, start=at)
    except KeymapError as error:
        raise UsageError(f"screen.{error}") from error


def _start(wanted: str, recording: Recording) -> datetime:
    since, until = recording.header.since, recording.header.until
    if wanted == "start":
        return since
    if (kind := MOMENTS.get(wanted)) is not None:
        times = [event.time for event in recording.events if event.type == kind]
        if not times:
            raise UsageError(f"{recording.header.incident} was never {wanted!r}: choose another moment for --from")
        return max(since, times[0] - BEFORE)
    try:
        seconds = float(wanted)
    except ValueError:
        seconds = math.nan
    length = (until - since).total_seconds()
    if not 0 <= seconds <= length:
        raise UsageError(f"--from {wanted!r} is neither of {['start', *MOMENTS]} nor seconds from 0 to {length:.0f}")
    return since + timedelta(seconds=seconds)


def _tell(recording: Recording, file: Path, *, as_json: bool) -> None:
    header, incident = recording.header, recording.incident
    length = (header.until - header.since).total_seconds()
    if as_json:
        echo_json(
            {
                "file": str(file),
                "incident": header.incident,
                "target": header.target,
                "title": header.title,
                "status": incident.status,
                "since": header.since.isoformat(),
                "until": header.until.isoformat(),
                "seconds": round(length, 1),
                "events": len(recording.events),
                "samples": header.lines - len(recording.events),
                "overwatch": header.overwatch,
                "head": {"seq": header.head[0], "hash": header.head[1]},
            }
        )
        return
    from agents.sanitize import clean

    typer.echo(f"{header.incident}  {header.target}: {clean(header.title, 200)}  [{incident.status}]")
    typer.echo(f"  from   {header.since:%Y-%m-%d %H:%M:%S}Z, {length:.0f} s")
    typer.echo(f"  holds  {len(recording.events)} events, {header.lines - len(recording.events)} samples")
    typer.echo("  sound  every line can be read, and no event was changed after it was written")
