"""`incidents list` and `incidents show`: the log, for people and for scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from overwatch_tui.cli.common import CommandError, JsonOption, echo_json, with_store

if TYPE_CHECKING:
    from agents.durable.store import Store
    from agents.events import Event
    from agents.incident import Incident

app = typer.Typer(help="Read the incidents.", no_args_is_help=True, rich_markup_mode=None)


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


_SHORT = {"id", "target", "title", "status", "opened_at", "updated_at", "resolved_at", "resolved_how", "decided_by"}
