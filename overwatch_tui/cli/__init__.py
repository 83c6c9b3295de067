"""The command line. Every heavy import waits for the command that needs it, so that `--help` answers at once."""

from __future__ import annotations

import sys

import typer

from overwatch_tui.cli import (
    approvals,
    attach,
    audit,
    calibration,
    chaos,
    doctor,
    drill,
    incidents,
    policy,
    replay,
    report,
    run,
    swarm,
)
from overwatch_tui.cli.common import CommandError

NAME = "overwatch-tui"

app = typer.Typer(
    name=NAME,
    help="A terminal control room for people on call: detects, explains, asks, heals, verifies and undoes.",
    epilog="Start with `overwatch-tui launch`. All state lies under OVERWATCH_HOME.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(
    "launch", short_help="Open the control room.", epilog="Example: overwatch-tui launch --config overwatch.toml --read-only"
)(run.launch)
app.command(
    "run",
    short_help="Run the swarm without a screen, as log lines.",
    epilog="Example: overwatch-tui run --json --heartbeat-seconds 30 | tee overwatch.log",
)(run.run)
app.command(
    "attach",
    short_help="Open the control room over a swarm that runs elsewhere.",
    epilog="Example: OVERWATCH_HOME=/srv/overwatch overwatch-tui attach --read-only",
)(attach.attach)
app.command(
    "health",
    short_help="Say whether the swarm of this home is well.",
    epilog="Example: overwatch-tui health || echo unwell",
)(attach.health)
app.add_typer(chaos.app, name="chaos")
incidents.app.command(
    "report", short_help="Write one incident as a report.", epilog="Example: overwatch-tui incidents report INC-7 -o outage.html"
)(report.report)
incidents.app.command(
    "record",
    short_help="Write one incident as a recording.",
    epilog="Example: overwatch-tui incidents record INC-7 -o INC-7.jsonl && overwatch-tui replay INC-7.jsonl",
)(report.record)
app.add_typer(incidents.app, name="incidents")
app.add_typer(policy.app, name="policy")
app.add_typer(audit.app, name="audit")
app.command(
    "approvals", short_help="List what waits for a person.", epilog="Example: overwatch-tui approvals --json | jq '.[].binding'"
)(approvals.approvals)
app.command(
    "approve",
    short_help="Approve what an incident waits for.",
    epilog="Example: overwatch-tui approve INC-7 --confirm demo",
)(approvals.approve)
app.command("reject", epilog='Example: overwatch-tui reject INC-7 --reason "deploy is running"')(approvals.reject)
app.command(
    "edit",
    short_help="Change one thing of a plan that waits.",
    epilog="Example: overwatch-tui edit INC-7 --replicas 4",
)(approvals.edit)
app.command(
    "replay",
    short_help="Play a recorded incident in the control room.",
    epilog="Example: overwatch-tui replay INC-7.jsonl --speed 4 --from opened",
)(replay.replay)
app.command(
    "pause", short_help="Stop all automation until `resume`.", epilog='Example: overwatch-tui pause --reason "maintenance"'
)(swarm.pause)
app.command("resume", epilog="Example: overwatch-tui resume")(swarm.resume)
app.command(
    "calibration",
    short_help="Say how far the gate's numbers came true.",
    epilog="Example: overwatch-tui calibration --real-only --json",
)(calibration.calibration)
app.command("doctor", short_help="Say what is configured, reachable and missing.", epilog="Example: overwatch-tui doctor --json")(
    doctor.doctor
)
app.command(
    "drill",
    short_help="Break the demo, and measure the recovery.",
    epilog="Example: overwatch-tui drill outage --region east --json",
)(drill.drill)


@app.callback(invoke_without_command=True)
def _version(
    version: bool = typer.Option(False, "--version", help="Show the version and exit."),
) -> None:
    if version:
        from overwatch_tui import __version__

        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """The console script: a known error is one line on stderr, exit status 2 for wrong usage and 1 for a failure."""
    try:
        app(prog_name=NAME)
    except CommandError as error:
        typer.echo(f"{NAME}: {error}", err=True)
        sys.exit(error.status)
    except OSError as error:
        about = f" {error.filename!r}" if error.filename else ""
        typer.echo(f"{NAME}: the system refused{about}: {error.strerror or error}", err=True)
        sys.exit(1)
