"""`drill`: break the demo on purpose and print what the swarm made of it."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import TYPE_CHECKING, Annotated

import typer

from overwatch_tui.cli.common import CommandError, ConfigOption, JsonOption, echo_json, home, settings_of
from overwatch_tui.cli.run import run_swarm

if TYPE_CHECKING:
    from overwatch_tui.drill import Report


def drill(
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="outage, degrade, crash, both or calm.")],
    region: Annotated[str, typer.Option("--region", "-r", help="The region to break.")] = "east",
    approve: Annotated[bool, typer.Option("--approve/--reject", help="How requests for approval are answered.")] = True,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start everything headless, break the demo, let the swarm work, take the fault back, and print one JSON object.

    Times are seconds since the injection. The exit status is 0 only when everything that the scenario asks for happened.
    """
    from overwatch_tui.drill import SCENARIOS, Drill, DrillError
    from overwatch_tui.drill.report import shortfalls

    chosen = SCENARIOS.get(scenario)
    if chosen is None:
        known = "; ".join(f"{s.name} ({s.about})" for s in SCENARIOS.values())
        raise CommandError(f"{scenario!r} is not a scenario; known: {known}")

    def progress(line: str) -> None:
        if not as_json:
            typer.echo(line, err=True)

    held = Drill(chosen, region, settings=settings_of(config), home=home(), approve=approve, progress=progress)
    result: list[Report] = []

    async def work() -> None:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, held.stop)
        result.append(await held.run())

    try:
        run_swarm(work)
    except DrillError as error:
        raise CommandError(str(error)) from error
    report = result[0]
    if as_json:
        typer.echo(json.dumps(report.as_json()))
    else:
        echo_json(report.as_json())
    missing = shortfalls(report, chosen, rejecting=not approve)
    if missing:
        typer.echo("falls short: " + "; ".join(missing), err=True)
        raise typer.Exit(1)
