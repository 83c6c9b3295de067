"""`audit verify`: the journal, examined and carried elsewhere."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from overwatch_tui.cli.common import CommandError, JsonOption, UsageError, echo_json, home

if TYPE_CHECKING:
    from agents.durable.audit import Progress, Verdict
    from agents.durable.chain import Mark

app = typer.Typer(help="Verify, export and prune the journal.", no_args_is_help=True, rich_markup_mode=None)

REMEDY = (
    "whoever can write to the database file did it, or its disk: keep the file, find out, and go on from a copy "
    "(`doctor` lists them) or from a new home"
)
DatabaseOption = Annotated[
    Path | None, typer.Option("--database", metavar="FILE", help="Another database, such as a copy. Default: this home's.")
]


@app.command("verify", epilog="Example: overwatch-tui audit verify --head 3f9a…64 digits… --json")
def verify(
    database: DatabaseOption = None,
    head: Annotated[
        str | None, typer.Option("--head", metavar="SHA", help="A head that you kept: it has to be in the journal.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether the journal is whole, and name the first record that was changed, moved, added or taken away.

    Incidents, requests and automation are compared with the events that they follow from. Works beside a running swarm. Keep the
    head that it prints elsewhere: with `--head` it proves later that nothing up to there was written anew. Exit status 1 where
    something does not fit.
    """
    from agents.durable.audit import examine
    from agents.durable.errors import DurableError

    wanted = _hash(head)
    try:
        verdict = examine(database or existing(), head=wanted, progress=progress())
    except DurableError as error:
        raise CommandError(str(error)) from error
    if as_json:
        echo_json(_as_json(verdict))
    else:
        _say(verdict)
    if verdict.broken is not None:
        raise typer.Exit(1)


def existing() -> Path:
    """The database of this home. Raises CommandError where there is none."""
    path = home() / "overwatch.db"
    if not path.is_file():
        raise CommandError(f"no swarm has run here: {str(path)!r} does not exist; name a --database, or set OVERWATCH_HOME")
    return path


def progress() -> Progress:
    """Says on stderr how far it is, once it takes more than a second."""
    began = said = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - began > 1 and now - said > 1:
            said = now
            typer.echo(f"{done} of {total} records …", err=True)

    return tell


def _hash(text: str | None) -> str | None:
    if text is None:
        return None
    plain = text.strip().lower()
    if not 12 <= len(plain) <= 64 or not set(plain) <= set("0123456789abcdef"):
        raise UsageError(f"--head {text!r} is no head: give the 64 digits that `audit verify` printed, or their first 12 or more")
    return plain


def _mark(mark: Mark) -> dict[str, Any]:
    return {"seq": mark.seq, "hash": mark.hash}


def _as_json(verdict: Verdict) -> dict[str, Any]:
    broken = verdict.broken
    return {
        "whole": broken is None,
        "records": verdict.records,
        "head": _mark(verdict.head),
        "pruned": _mark(verdict.pruned),
        "since_head": verdict.since_head,
        "derived": verdict.derived,
        "broken": None
        if broken is None
        else {
            "flaw": broken.flaw,
            "text": broken.text,
            "seq": broken.seq,
            "id": broken.id,
            "type": broken.type,
            "time": broken.time,
        },
    }


def _say(verdict: Verdict) -> None:
    if verdict.broken is not None:
        typer.echo(f"BROKEN  {verdict.broken.line()}")
        typer.echo(f"        {verdict.records} records before it fit")
        typer.echo(REMEDY, err=True)
        return
    typer.echo(
        f"whole   {verdict.records} records" + (f", {verdict.pruned.seq} older ones were pruned" if verdict.pruned.seq else "")
    )
    if verdict.since_head is not None:
        typer.echo(f"        {verdict.since_head} of them were written since the head that you kept")
    if not verdict.derived:
        typer.echo("        only the chain: an older version wrote it, and incidents are compared after an upgrade")
    typer.echo(f"head    {verdict.head.hash}")
