"""Brings a database to this version's schema, after a copy of it. Alembic is loaded only when there is something to do."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, select, text, update

from agents.durable import log
from agents.durable import schema as s
from agents.durable.errors import NewerDatabaseError, StorageError
from agents.durable.schema import HEAD, metadata
from agents.incident import IllegalTransitionError, Incident, evolve

KNOWN = ("0001", "0002")
_STATE = (
    "SELECT (SELECT version_num FROM alembic_version), (SELECT count(*) FROM event), "
    "(SELECT hash FROM event ORDER BY seq DESC LIMIT 1), (SELECT count(*) FROM incident)"
)
"""What a copy must have in common with what it was made of."""


def upgrade(engine: Engine, path: Path) -> None:
    """Create the tables of a new database, or migrate an older one, in one transaction: killed in between, it is the older one.

    Raises NewerDatabaseError, and StorageError where no copy could be made: then nothing was upgraded.
    """
    revision = _revision(engine)
    if revision == HEAD:
        return
    if revision is None:
        with engine.begin() as connection:
            metadata.create_all(connection)
            connection.execute(text("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
            connection.execute(text("INSERT OR IGNORE INTO alembic_version VALUES (:head)"), {"head": HEAD})
        return
    if revision not in KNOWN:
        raise NewerDatabaseError(f"{path} was written by a newer Overwatch (schema {revision!r}): upgrade, or use another home")
    _copy(engine, path, revision)
    _migrate(engine)


def is_current(engine: Engine) -> bool:
    """Whether the database has this version's schema."""
    return _revision(engine) == HEAD


def copies(path: Path) -> list[Path]:
    """The copies that were made before upgrades, the newest first."""
    return sorted(path.parent.glob(f"{path.stem}-before-*.db"), key=lambda copy: copy.stat().st_mtime, reverse=True)


def _revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if "alembic_version" not in inspect(connection).get_table_names():
            return None
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return None if found is None else str(found)


def _copy(engine: Engine, path: Path, revision: str) -> Path:
    """A copy that was read back, under a name that no file has yet, for its owner alone."""
    name = f"{path.stem}-before-{HEAD}-from-{revision}"
    partial = path.with_name(f"{name}.part")
    raw = engine.raw_connection()
    try:
        partial.unlink(missing_ok=True)
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        raw.cursor().execute("VACUUM INTO ?", (str(partial),))
        _read_back(partial, raw.cursor().execute(_STATE).fetchone())
        copy = _free_name(path, name)
        os.link(partial, copy)
        _sync(path.parent)
    except (OSError, sqlite3.Error) as error:
        raise StorageError(
            f"no copy of {path} could be made ({error}), so it was not upgraded: make room on its disk, or let it be written to"
        ) from error
    finally:
        raw.close()
        partial.unlink(missing_ok=True)
    return copy


def _read_back(copy: Path, expected: object) -> None:
    """Raises OSError where the copy is not what it was made of."""
    with closing(sqlite3.connect(copy)) as database:
        found = database.execute("PRAGMA integrity_check").fetchone()
        state = database.execute(_STATE).fetchone()
    if found != ("ok",) or state != expected:
        raise OSError(f"the copy is damaged: {found}, {state} in place of {expected}")
    _sync(copy)


def _free_name(path: Path, name: str) -> Path:
    copy, n = path.with_name(f"{name}.db"), 1
    while copy.exists():
        n += 1
        copy = path.with_name(f"{name}-{n}.db")
    return copy


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _migrate(engine: Engine) -> None:
    from alembic import command  # noqa: PLC0415 - half a second that only an upgrade pays
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "agents.durable:migrations")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        fold_anew(connection)


def fold_anew(connection: Connection) -> None:
    """Write every incident as this version folds its events: an older one may have kept less of them.

    An incident whose events don't fit is left as it is, for `audit verify` to name.
    """
    for (id_,) in connection.execute(select(s.incident.c.id)).all():
        incident: Incident | None = None
        try:
            for row in connection.execute(select(s.event).where(s.event.c.incident == id_).order_by(s.event.c.seq)):
                incident = evolve(incident, log.to_event(row))
        except (IllegalTransitionError, ValueError):
            continue
        if incident is not None:
            connection.execute(update(s.incident).where(s.incident.c.id == id_).values(state=incident.model_dump_json()))
