"""`audit verify`, `export` and `prune`: the journal, examined, carried elsewhere and kept short."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from overwatch_tui.cli.common import CommandError, ConfigOption, JsonOption, UsageError, echo_json, home, settings_of, with_store
from overwatch_tui.cli.files import ForceOption, refuse_existing, there_already

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agents.durable.audit import Progress, Verdict
    from agents.durable.chain import Broken, Mark, Record
    from agents.durable.store import Store

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
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="An export or an archive, instead of a database.")
    ] = None,
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
    if file is not None:
        if database is not None:
            raise UsageError("--file and --database are two places: name one")
        _verify_file(file, wanted, as_json=as_json)
        return
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


@app.command("export", epilog="Example: overwatch-tui audit export --since 2026-11-01 -o november.jsonl.gz")
def export(
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="From then on, such as 2026-11-01 or 2026-11-01T14:00+01:00.")
    ] = None,
    incident: Annotated[str, typer.Option("--incident", metavar="ID", help="One incident alone.")] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Packed where it ends with .gz. Default: stdout.")
    ] = None,
    force: ForceOption = False,
    database: DatabaseOption = None,
) -> None:
    """Write the journal as JSON lines, one event each with its hashes: `audit verify --file` proves them without the database.

    The file is there only once it is whole. How many records it has, and its head, are said on stderr.
    """
    from agents.durable.audit import reading, records
    from agents.durable.errors import DurableError
    from agents.durable.export import write

    begin = _moment(since)
    source = database or existing()
    if output is not None:
        _refuse_place(output, source, force=force)
    try:
        with reading(source) as connection:
            after = 0
            if begin is not None:
                query = "SELECT coalesce(min(seq), (SELECT max(seq) + 1 FROM event), 1) FROM event WHERE time >= ?"
                after = connection.execute(query, (begin,)).fetchone()[0] - 1
            if incident and not connection.execute("SELECT 1 FROM event WHERE incident = ?", (incident,)).fetchone():
                raise CommandError(f"{incident!r} is not an incident here, or it was pruned: see `overwatch-tui incidents list`")
            wanted = records(connection, after, incident=incident)
            if output is not None:
                count, last = _write_file(output, wanted, force=force)
            else:
                count, last = write(sys.stdout, wanted)
                sys.stdout.flush()
    except DurableError as error:
        raise CommandError(str(error)) from error
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None
    typer.echo(f"{count} records" + (f", head {last.hash}" if count else ""), err=True)


@app.command("prune", epilog="Example: overwatch-tui audit prune --dry-run")
def prune(
    config: ConfigOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Take away what is older than `[journal]` says, as the swarm does once a day; what goes is archived first.

    The chain stays verifiable, and the journal itself says that it was pruned. Incidents that are not over stay, with all
    that was written since.
    """
    from agents.durable.retention import Pruned, Retention

    settings = settings_of(config).journal

    async def work(store: Store) -> Pruned:
        retention = Retention(store, settings, home() / "archive")
        return await (retention.plan() if dry_run else retention.prune())

    done = with_store(work)
    if as_json:
        echo_json({**asdict(done), "archives": [str(path) for path in done.archives], "dry_run": dry_run})
        return
    what = f"{done.records} records of {done.incidents} incidents, {done.samples} samples and {done.outcomes} outcomes"
    typer.echo(f"{what} {'would be' if dry_run else 'were'} pruned")
    for path in done.archives:
        typer.echo(f"archived in {path}")


def _refuse_place(output: Path, source: Path, *, force: bool) -> None:
    """Raises UsageError for what no export may replace, and CommandError for what it may not without `force`."""
    if (source.exists() and output.exists() and output.samefile(source)) or not _is_plain(output):
        raise UsageError(f"-o {str(output)!r} is the database or no plain file, and would be replaced: name another one")
    refuse_existing((output,), force=force)


def _write_file(output: Path, wanted: Iterable[Record], *, force: bool) -> tuple[int, Mark]:
    from agents.durable.export import whole_or_not, write

    try:
        with whole_or_not(output, replace=force) as target:
            return write(target, wanted)
    except FileExistsError:
        raise there_already(output) from None


def _is_plain(path: Path) -> bool:
    """Whether an export may lie there: a device or a folder is not taken away for it."""
    return path.is_file() or not (path.exists() or path.is_symlink())


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


def _verify_file(path: Path, head: str | None, *, as_json: bool) -> None:
    from agents.durable.errors import DurableError
    from agents.durable.export import verify_file

    try:
        found = verify_file(path, head)
    except DurableError as error:
        raise CommandError(str(error)) from error
    if as_json:
        whole = found.broken is None and found.has_head is not False
        marks = {"begins": _mark(found.begins), "head": _mark(found.head)}
        echo_json({"whole": whole, "records": found.records, "gaps": found.gaps, **marks, "broken": _broken(found.broken)})
    elif found.broken is not None:
        typer.echo(f"BROKEN  {found.broken.line()}")
        typer.echo(f"        {found.records} records before it fit")
    else:
        behind = f" behind record {found.begins.seq}" if found.begins.seq else ""
        typer.echo(f"whole   {found.records} records{behind}")
        if found.gaps:
            typer.echo(f"        with {found.gaps} gap{'' if found.gaps == 1 else 's'}, where records of other incidents lie")
        typer.echo(f"head    {found.head.hash}")
    if found.broken is not None:
        raise typer.Exit(1)
    if found.has_head is False:
        raise CommandError(f"the head {head!r} is not in {str(path)!r}: it was cut off, or is another journal's")


def _moment(text: str | None) -> str | None:
    from datetime import UTC, datetime

    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(f"--since {text!r} is no time: give one such as 2026-11-01 or 2026-11-01T14:00+01:00") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


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
        "broken": _broken(broken),
    }


def _broken(broken: Broken | None) -> dict[str, Any] | None:
    return None if broken is None else asdict(broken)


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
