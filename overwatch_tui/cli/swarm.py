"""`pause` and `resume`: the switch of all automation, through the database of a running swarm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from overwatch_tui.cli.common import with_store

if TYPE_CHECKING:
    from agents.durable.store import Store


def pause(reason: Annotated[str, typer.Option("--reason", help="Why; it is kept.")] = "") -> None:
    """Stop all automation: nothing is executed until `resume`, whatever was approved. Survives restarts."""
    from overwatch_tui.wiring import person

    async def work(store: Store) -> None:
        await store.pause(by=person(), reason=reason)

    with_store(work)
    typer.echo("automation is paused: nothing is executed until `overwatch-tui resume`")


def resume() -> None:
    """Let automation act again, within policy."""
    from overwatch_tui.wiring import person

    async def work(store: Store) -> None:
        await store.arm(by=person())

    with_store(work)
    typer.echo("automation is armed")
