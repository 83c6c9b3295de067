"""`chaos`: break the demo, or a target that declares where it may be broken."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from overwatch_tui.cli.common import CommandError, ConfigOption, UsageError, home, settings_of

if TYPE_CHECKING:
    from pathlib import Path

    from overwatch_tui.chaos import FaultName

app = typer.Typer(help="Inject a fault into one region, or take it back.", no_args_is_help=True, rich_markup_mode=None)

Scope = Literal["process", "region"]
RegionOption = Annotated[str, typer.Option("--region", "-r", help="The region to break.")]
TargetOption = Annotated[str, typer.Option("--target", "-t", help="The target; it must declare a chaos token.")]
DurationOption = Annotated[float, typer.Option("--duration", min=1, max=3600, help="Seconds until the fault ends by itself.")]


@app.command("degrade", epilog="Example: overwatch-tui chaos degrade --region east --latency-ms 1500 --error-rate 0.4")
def degrade(
    region: RegionOption,
    target: TargetOption = "demo",
    latency_ms: Annotated[int, typer.Option("--latency-ms", min=0, max=30_000, help="Added to each answer.")] = 1500,
    error_rate: Annotated[float, typer.Option("--error-rate", min=0, max=1, help="The share of answers that fail.")] = 0.4,
    duration: DurationOption = 120,
    scope: Annotated[
        Scope, typer.Option("--scope", help="process (a restart heals it) or region (it outlives restarts).")
    ] = "process",
    config: ConfigOption = None,
) -> None:
    """Make a region slow and erring."""
    parameters = {"latency_ms": latency_ms, "error_rate": error_rate, "duration_s": duration, "scope": scope}
    _inject("degrade", target, region, parameters, config)


@app.command("outage", epilog="Example: overwatch-tui chaos outage --region east")
def outage(
    region: RegionOption, target: TargetOption = "demo", duration: DurationOption = 120, config: ConfigOption = None
) -> None:
    """Make a region refuse everything; restarts don't help."""
    _inject("outage", target, region, {"duration_s": duration}, config)


@app.command("crash", epilog="Example: overwatch-tui chaos crash --region east")
def crash(region: RegionOption, config: ConfigOption = None) -> None:
    """Kill one replica of the demo."""
    _inject("crash", "demo", region, {}, config)


@app.command("recover", epilog="Example: overwatch-tui chaos recover --region east")
def recover(region: RegionOption, target: TargetOption = "demo", config: ConfigOption = None) -> None:
    """Take every fault of a region back."""
    _inject("recover", target, region, {}, config)


def _inject(name: FaultName, target: str, region: str, parameters: dict[str, Any], config: Path | None) -> None:
    from overwatch_tui.chaos import ChaosError, ChaosFault, inject
    from overwatch_tui.demo import TARGET, read_world

    settings = settings_of(config)
    targets = dict(settings.targets)
    world = read_world(home() / "demo")
    if world is not None:
        targets.setdefault(TARGET, world.target())
    if target not in targets:
        if target == TARGET:
            raise CommandError(f"the demo is not running in {str(home())!r}: start it with `overwatch-tui launch`")
        raise UsageError(f"{target!r} is not a target; known: {', '.join(sorted(targets)) or 'none'}")
    if region not in targets[target].regions:
        raise UsageError(f"{region!r} is not a region of {target!r}; known: {', '.join(sorted(targets[target].regions))}")
    try:
        done = asyncio.run(inject(targets[target], world, region, ChaosFault(name, parameters)))
    except ChaosError as error:
        raise CommandError(str(error)) from error
    typer.echo(done)
