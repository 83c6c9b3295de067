"""`doctor`: what is configured, what can be reached, what is missing, and the remedy."""

from __future__ import annotations

import asyncio

import typer

from overwatch_tui.cli.common import ConfigOption, JsonOption, echo_json, home


def doctor(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say what is configured, reachable and missing. The exit status is 1 where something must be mended."""
    from overwatch_tui.checkup import checkup

    findings = asyncio.run(checkup(config, home()))
    if as_json:
        echo_json([finding.as_json() for finding in findings])
    else:
        for finding in findings:
            typer.echo(finding.line())
    if any(finding.state == "fail" for finding in findings):
        raise typer.Exit(1)
