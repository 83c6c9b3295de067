"""`calibration`: how far the numbers that the gate decides on came true."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from overwatch_tui.cli.common import ConfigOption, JsonOption, echo_json, settings_of, with_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.durable.store import Store
    from agents.seams import OutcomeRecord

WIDTH = 110


def calibration(
    config: ConfigOption = None,
    real_only: Annotated[bool, typer.Option("--real-only", help="Leave out what was simulated: the demo and drills.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Say how far the numbers came true: what was said, what came of it, and each record that the gate would read now.

    A bar is the share that worked, the mark in it what was said. Out of too few outcomes nothing is concluded, and in JSON such a
    score is null.
    """
    settings = settings_of(config)

    async def work(store: Store) -> Sequence[OutcomeRecord]:
        return await store.outcomes()

    outcomes = with_store(work)
    from agents.calibration import calibrate
    from agents.clock import SystemClock
    from agents.settings import DEMO
    from overwatch_tui.state.format import ASCII, UNICODE, plain
    from overwatch_tui.state.scores import calibration_json, calibration_lines

    demos = {name for name, target in settings.targets.items() if target.simulated}
    measured = calibrate(
        outcomes,
        now=SystemClock().now(),
        threshold=settings.policy.threshold,
        min_outcomes=settings.policy.min_outcomes,
        demos=demos if DEMO in settings.targets else {*demos, DEMO},
        targets=frozenset(settings.targets),
        real_only=real_only,
    )
    if as_json:
        echo_json(calibration_json(measured))
        return
    ascii_only = settings.screen.ascii or "utf" not in (sys.stdout.encoding or "").lower()
    for line in calibration_lines(measured, ASCII if ascii_only else UNICODE, WIDTH):
        text = "".join(words for words, _ in line)
        typer.echo(plain(text) if ascii_only else text)
