"""`attach` opens the control room over a swarm that runs elsewhere; `health` asks that swarm whether it is well."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from overwatch_tui.cli.common import CommandError, ConfigOption, UsageError, home, settings_of

FRESH_SECONDS = 10.0
"""A swarm says how it stands each second."""


def attach(
    config: ConfigOption = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Look only: no chaos, no approvals, no failover.")] = False,
) -> None:
    """Open the control room over the swarm that `run` or another `launch` has started in the same OVERWATCH_HOME.

    The swarm may run in another terminal, or in another container that shares the home, as the same user. Leaving detaches: the
    swarm goes on. When it goes away, the screen says so and attaches again by itself.
    """
    if not (sys.__stdin__ and sys.__stdin__.isatty()):
        raise UsageError(
            "the control room needs a terminal: without one, use `overwatch-tui incidents` and `overwatch-tui health`"
        )
    from overwatch_tui.attach.link import AttachError, ask_health

    where = home()
    try:
        ask_health(where, timeout=5)
    except AttachError as error:
        raise CommandError(str(error)) from error
    settings = settings_of(config)
    from overwatch_tui.actions import KeymapError
    from overwatch_tui.screen import show_attached

    try:
        show_attached(settings, where, read_only=read_only)
    except KeymapError as error:
        raise UsageError(f"screen.{error}") from error
    typer.echo("detached: the swarm goes on")


def health(
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, max=60, help="Seconds that the swarm has to answer.")] = 3.0,
) -> None:
    """Exit with 0 when the swarm of this home answers and all of its agents are up, else with 1 and the reason."""
    from overwatch_tui.attach.link import AttachError, ask_health, verdict

    try:
        report = ask_health(home(), timeout)
    except AttachError as error:
        raise CommandError(str(error)) from error
    if wrong := verdict(report, fresh_s=FRESH_SECONDS):
        raise CommandError(wrong)
    typer.echo(f"the swarm is {report.status}, {len(report.agents)} agents are up")
