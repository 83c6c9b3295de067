"""Files that a command writes: whole or not at all, and never over another one unless told to."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from overwatch_tui.cli.common import CommandError

ForceOption = Annotated[bool, typer.Option("--force", "-f", help="Overwrite a file that is there already.")]


def refuse_existing(paths: Sequence[Path], *, force: bool) -> None:
    """Look before anything is written. Raises CommandError where a file is there already, or its folder is not."""
    for path in paths:
        if path.is_dir():
            raise CommandError(f"{str(path)!r} is a folder: name a file")
        if not path.parent.is_dir():
            raise CommandError(f"the folder {str(path.parent)!r} does not exist: make it first")
        if not force and (path.exists() or path.is_symlink()):
            raise there_already(path)


def there_already(path: Path) -> CommandError:
    """What is said of a file that would be overwritten."""
    return CommandError(f"{str(path)!r} is there already: --force overwrites it, -o names another one")


def write_whole(path: Path, parts: Iterable[bytes], *, force: bool) -> None:
    """Write a file beside its place and move it there when it is complete. Raises CommandError as `refuse_existing` does."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as sink:
            for part in parts:
                sink.write(part)
            sink.flush()
            os.fsync(sink.fileno())
        if force:
            fresh.replace(path)
            return
        try:
            path.hardlink_to(fresh)
        except FileExistsError:
            raise there_already(path) from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
