"""Brings a database to this version's schema, after a copy of it. Alembic is loaded only when there is something to do."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, inspect, text

from agents.durable.errors import NewerDatabaseError
from agents.durable.schema import HEAD, metadata

KNOWN = ("0001", "0002")


def upgrade(engine: Engine, path: Path) -> None:
    """Create the tables of a new database, or migrate an older one. Raises NewerDatabaseError."""
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


def _revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if "alembic_version" not in inspect(connection).get_table_names():
            return None
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return None if found is None else str(found)


def _copy(engine: Engine, path: Path, revision: str) -> None:
    copy = path.with_name(f"{path.stem}-before-{HEAD}-from-{revision}.db")
    raw = engine.raw_connection()
    try:
        raw.cursor().execute("VACUUM INTO ?", (str(copy),))
    finally:
        raw.close()


def _migrate(engine: Engine) -> None:
    from alembic import command  # noqa: PLC0415 - half a second that only an upgrade pays
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "agents.durable:migrations")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
