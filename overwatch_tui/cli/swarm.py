"""`approve`, `reject`, `pause` and `resume`: a person's word to a running swarm, through its database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from overwatch_tui.cli.common import UsageError, with_store

if TYPE_CHECKING:
    from agents.durable.store import Store

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The incident (INC-7), or the request itself.")]


def approve(id_: IdArgument) -> None:
    """Approve what an incident waits for."""
    _decide(id_, approved=True, reason="")


def reject(
    id_: IdArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept, and the Strategist looks for something else.")],
) -> None:
    """Reject what an incident waits for."""
    if not reason.strip():
        raise UsageError("--reason is empty: say why, the Strategist learns from it")
    _decide(id_, approved=False, reason=reason)


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


def _decide(id_: str, *, approved: bool, reason: str) -> None:
    from overwatch_tui.describe import calls
    from overwatch_tui.wiring import person

    async def work(store: Store) -> tuple[str, bool]:
        waiting = [i for i in await store.incidents(limit=1000, unresolved_only=True) if i.approval and i.strategy]
        plans = {key: calls(i.strategy) for i in waiting if i.approval and i.strategy for key in (i.id, i.approval.id)}
        await store.decide_approval(id_, approved=approved, by=person(), reason=reason)
        return plans.get(id_, ""), (await store.automation()).paused

    plan, paused = with_store(work)
    typer.echo(f"{id_} {'approved' if approved else 'rejected'} by {person()}: {plan}")
    if approved and paused:
        typer.echo("automation is paused: it is carried out after `overwatch-tui resume`", err=True)
