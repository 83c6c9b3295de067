"""`incidents list`, `show` and `close`: the log, for people and for scripts, and a person's last word on an incident."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from overwatch_tui.cli.common import CommandError, ConfigOption, JsonOption, UsageError, echo_json, settings_of, with_store

if TYPE_CHECKING:
    from agents.durable.store import Store
    from agents.events import Event
    from agents.incident import Incident

app = typer.Typer(help="Read the incidents, and close what nobody else will.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list", epilog="Example: overwatch-tui incidents list --limit 5 --json")
def list_(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="At most so many, the newest first.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List the incidents, the newest first."""

    async def work(store: Store) -> list[Incident]:
        return list(await store.incidents(limit=limit))

    found = with_store(work)
    if as_json:
        echo_json([i.model_dump(mode="json", include=_SHORT) for i in found])
        return
    if not found:
        typer.echo("no incidents")
    for i in found:
        typer.echo(f"{i.id:<8} {i.status:<10} {i.opened_at:%Y-%m-%d %H:%M:%S}Z  {i.target}: {i.title}")


@app.command("show", epilog="Example: overwatch-tui incidents show INC-7 --json")
def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The incident, such as INC-7.")],
    as_json: JsonOption = False,
) -> None:
    """Show one incident with everything that was said and done."""

    async def work(store: Store) -> tuple[Incident, list[Event]]:
        incident = await store.incident(id_)
        if incident is None:
            known = ", ".join(i.id for i in await store.incidents(limit=5)) or "none"
            raise CommandError(f"{id_!r} is not an incident here; the newest: {known}")
        return incident, list(await store.events_of(id_))

    incident, events = with_store(work)
    if as_json:
        timeline = [{"time": e.time, "source": e.source, "type": e.type, "data": e.data.model_dump(mode="json")} for e in events]
        echo_json({**incident.model_dump(mode="json"), "events": timeline})
        return
    from overwatch_tui.describe import story

    for line in story(incident, events):
        typer.echo(line)


@app.command("close", epilog='Example: overwatch-tui incidents close INC-7 --reason "the shop was taken down"')
def close(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The incident, such as INC-7.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept.")],
    config: ConfigOption = None,
) -> None:
    """End an incident by your word: one that stays with a person, or whose target is not configured any more.

    Nothing is looked at and nothing is undone; the incident says so for ever, and counts for no track record. What goes on being
    wrong is a new incident. While its target is being changed it can't be closed, unless the target left the configuration.
    """
    from agents.sanitize import clean
    from agents.settings import DEMO
    from overwatch_tui.wiring import person

    why = clean(reason, 2_000).strip()
    if not why:
        raise UsageError("--reason is empty: say why, it is kept")
    settings = settings_of(config)
    watched = {*settings.targets, *((DEMO,) if settings.with_demo else ())}

    async def work(store: Store) -> Incident:
        incident = await store.incident(id_)
        gone = incident is not None and incident.target not in watched
        return await store.close_incident(id_, by=person(), reason=why, gone=gone)

    incident = with_store(work)
    typer.echo(f"{incident.id} closed by {incident.closed_by}, not checked from outside: {why}")


_SHORT = {"id", "target", "title", "status", "opened_at", "updated_at", "resolved_at", "resolved_how", "decided_by"}
