"""`incidents report` writes the story of one incident as a document; `incidents record` as a file that can be played again."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from overwatch_tui.cli.common import CommandError, JsonOption, UsageError, echo_json, with_store
from overwatch_tui.cli.files import ForceOption, refuse_existing, write_whole

if TYPE_CHECKING:
    from agents.durable.casefile import CaseFile
    from agents.durable.store import Store
    from overwatch_tui.report.document import Document
    from overwatch_tui.report.times import Moments


class Format(StrEnum):
    """What a report can be written as."""

    MD = "md"
    HTML = "html"
    BOTH = "both"


IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The incident, such as INC-7.")]


def report(
    id_: IdArgument,
    format_: Annotated[
        Format | None, typer.Option("--format", help="md, html or both. Default: what the name of -o says, else both.")
    ] = None,
    out: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to. Default: ID.md and ID.html here; - is stdout."),
    ] = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write one incident as a report: what users saw, why, what was decided and done, how long it took, and the proof.

    Markdown holds every word and figure; the HTML file has the plots of what was measured, too, and needs no network. An incident
    that is not over is reported as far as it is known.
    """
    wanted = _formats(format_, out)
    if out == "-" and as_json:
        raise UsageError("-o - and --json would both write to stdout: name a file")
    if out is not None and Path(out).is_dir():
        raise CommandError(f"{out!r} is a folder: name a file")
    paths = {kind: _path(kind, out, id_) for kind in wanted} if out != "-" else {}
    case = case_of(id_)
    refuse_existing(tuple(paths.values()), force=force)
    from overwatch_tui.report.times import moments

    when = moments(case)
    document = _document(case)
    for kind in wanted:
        text = _written(kind, document, case, when)
        if kind not in paths:
            sys.stdout.write(text)
            continue
        write_whole(paths[kind], [text.encode()], force=force)
        if not as_json:
            typer.echo(str(paths[kind]))
    if as_json:
        echo_json({"incident": id_, "state": document.state, "paths": [str(path) for path in paths.values()]} | _times(when))


def record(
    id_: IdArgument,
    out: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="Where to, such as INC-7.jsonl; - is stdout.")],
    force: ForceOption = False,
) -> None:
    """Write one incident as a recording: its events with their hashes, and what was measured and thought. `replay` plays it."""
    case = case_of(id_)
    from agents.clock import SystemClock
    from overwatch_tui import __version__
    from overwatch_tui.attach.wire import WireError
    from overwatch_tui.replay.recording import RecordingError, lines

    try:
        made = lines(case, SystemClock().now(), __version__)
        if out == "-":
            for line in made:
                sys.stdout.write(line.decode())
            return
        path = Path(out)
        refuse_existing((path,), force=force)
        write_whole(path, made, force=force)
    except (RecordingError, WireError) as error:
        raise CommandError(str(error)) from error
    typer.echo(out)


def case_of(id_: str) -> CaseFile:
    """The file of an incident of this home. Raises CommandError where there is none."""

    async def work(store: Store) -> CaseFile:
        from agents.durable import casefile

        case = await store.database.run(lambda connection: casefile.read(connection, id_))
        if case is None:
            known = ", ".join(i.id for i in await store.incidents(limit=5)) or "none"
            raise CommandError(f"{id_!r} is not an incident here; the newest: {known}")
        return case

    return with_store(work)


def _formats(wanted: Format | None, out: str | None) -> tuple[Format, ...]:
    by_name = {".md": Format.MD, ".markdown": Format.MD, ".html": Format.HTML, ".htm": Format.HTML}
    suffix = Path(out).suffix.lower() if out is not None else ""
    chosen = wanted or by_name.get(suffix, Format.MD if out == "-" else Format.BOTH)
    if chosen is Format.BOTH and out == "-":
        raise UsageError("only one of md and html fits on stdout: --format md, or --format html")
    return (Format.MD, Format.HTML) if chosen is Format.BOTH else (chosen,)


def _path(kind: Format, out: str | None, id_: str) -> Path:
    if out is None:
        return Path(f"{id_}.{kind}")
    path = Path(out)
    return path if path.suffix.lower() in {".md", ".markdown", ".html", ".htm"} and _suits(path, kind) else Path(f"{out}.{kind}")


def _suits(path: Path, kind: Format) -> bool:
    return path.suffix.lower() in ({".md", ".markdown"} if kind is Format.MD else {".html", ".htm"})


def _document(case: CaseFile) -> Document:
    from agents.clock import SystemClock
    from overwatch_tui import __version__
    from overwatch_tui.report.content import document

    return document(case, SystemClock().now(), __version__)


def _written(kind: Format, document: Document, case: CaseFile, when: Moments) -> str:
    if kind is Format.MD:
        from overwatch_tui.report import markdown

        return markdown.write(document)
    from overwatch_tui.report import html
    from overwatch_tui.report.plots import picture

    return html.write(document, picture(case, when))


def _times(when: Moments) -> dict[str, float | None]:
    """The key times in seconds; None where they do not apply."""
    spans = {
        "detect_s": (when.began, when.opened),
        "decide_s": (when.opened, when.decided),
        "act_s": (when.decided, when.acted),
        "heal_s": (when.began, when.users.healed),
        "verify_s": (when.acted, when.verified),
        "total_s": (when.began, when.ended),
    }
    return {
        name: round((end - start).total_seconds(), 2) if start is not None and end is not None and end >= start else None
        for name, (start, end) in spans.items()
    }
