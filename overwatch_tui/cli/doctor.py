"""`doctor`: what is configured, what can be reached, what is missing, and the remedy."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import typer

from overwatch_tui.cli.common import ConfigOption, JsonOption, echo_json, home

if TYPE_CHECKING:
    from overwatch_tui.findings import Finding


def doctor(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say what is configured, reachable and missing. The exit status is 1 where something must be mended."""
    from overwatch_tui.checkup import checkup

    if as_json:
        typer.echo("examining …", err=True)

    async def examined() -> list[Finding]:
        findings = []
        async for finding in checkup(config, home()):
            findings.append(finding)
            if not as_json:
                typer.echo(finding.line())
        return findings

    findings = asyncio.run(examined())
    if as_json:
        echo_json([finding.as_json() for finding in findings])
    if any(finding.state == "fail" for finding in findings):
        raise typer.Exit(1)
