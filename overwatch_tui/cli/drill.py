"""`drill`: break the demo on purpose and print what the swarm made of it."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from overwatch_tui.cli.common import CommandError, ConfigOption, JsonOption, UsageError, echo_json, settings_of, writable_home
from overwatch_tui.cli.run import run_swarm

if TYPE_CHECKING:
    from overwatch_tui.drill import Drill, Held, Report, Scenario


def drill(
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="outage, degrade, crash, both or calm.")],
    region: Annotated[str, typer.Option("--region", "-r", help="The region to break.")] = "east",
    approve: Annotated[bool, typer.Option("--approve/--reject", help="How requests for approval are answered.")] = True,
    repeat: Annotated[int, typer.Option("--repeat", min=1, max=100, help="Hold it so many times in a row.")] = 1,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start everything headless, break the demo, let the swarm work, take the fault back, and print one JSON object.

    Times are seconds since the injection. The exit status is 0 only when everything that the scenario asks for happened, with
    harm 0. What happens meanwhile is told on stderr, and how the track record changed. Your own targets are left alone.

    With --repeat there is one object for each round, in the region that has the users by then, and a summary at the end. What is
    verified counts whole for the demo, and as a small loan for targets of your own.
    """
    from overwatch_tui.demo import REGIONS
    from overwatch_tui.drill import Drill
    from overwatch_tui.drill.report import shortfalls

    chosen = _named(scenario)
    if region not in REGIONS:
        raise UsageError(f"--region {region!r} is not a region of the demo: choose one of {', '.join(REGIONS)}")

    def told(report: Report) -> None:
        _object(report.as_json(), as_json)
        if missing := shortfalls(report, chosen, rejecting=not approve):
            short.append(report)
            _progress("falls short: " + "; ".join(missing))

    short: list[Report] = []
    held = _hold(
        Drill(
            chosen,
            region,
            settings=settings_of(config),
            home=writable_home(),
            approve=approve,
            progress=_progress,
            rounds=repeat,
            told=told,
        )
    )
    for change in held.learnt:
        _progress(change.line())
    if repeat > 1:
        _object(held.summary(chosen, repeat, rejecting=not approve), as_json)
    if held.missing:
        raise CommandError(held.missing)
    if short:
        raise typer.Exit(1)


def _named(scenario: str) -> Scenario:
    """The scenario of that name. Raises UsageError, with those that there are."""
    from overwatch_tui.drill import SCENARIOS

    chosen = SCENARIOS.get(scenario)
    if chosen is None:
        known = "; ".join(f"{s.name} ({s.about})" for s in SCENARIOS.values())
        raise UsageError(f"{scenario!r} is not a scenario; known: {known}")
    return chosen


def _hold(planned: Drill) -> Held:
    """Hold it to its end. Raises CommandError where it can't be held, and Exit where a signal stopped it."""
    from overwatch_tui.drill import DrillError, DrillStoppedError

    result: list[Held] = []

    async def work() -> None:
        with contextlib.suppress(DrillStoppedError):
            result.append(await planned.run())

    try:
        came = run_swarm(work, planned.stop)
    except DrillError as error:
        raise CommandError(str(error)) from error
    if not result:
        _progress("stopped: the demo has ended, and the fault with it")
        raise typer.Exit(128 + came[0] if came else 1)
    return result[0]


def _object(content: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(content))
    else:
        echo_json(content)


def _progress(line: str) -> None:
    typer.echo(line, err=True)
