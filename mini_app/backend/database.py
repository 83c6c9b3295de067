"""The users and the faults of regions, in one database that all replicas of all regions share."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Column, Engine, Float, Integer, MetaData, String, Table, Text, create_engine, event, insert, select
from sqlalchemy.exc import IntegrityError, OperationalError

metadata = MetaData()
users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(100), nullable=False),
    Column("email", String(254), nullable=False, unique=True),
    Column("created_at", String(40), nullable=False),
)
region_faults = Table(
    "region_faults",
    metadata,
    Column("region", String(64), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("params", Text, nullable=False),
    Column("until", Float, nullable=False),
)
SEED = ("Ada Lovelace", "Grace Hopper", "Alan Turing", "Katherine Johnson", "Edsger Dijkstra", "Barbara Liskov")

POOL = 10
"""Connections that a replica may open."""


def connect(url: str) -> Engine:
    """An engine on the shared database; SQLite waits for other writers instead of failing."""
    engine = create_engine(
        url, pool_size=POOL, max_overflow=0, pool_timeout=5, connect_args={"check_same_thread": False, "timeout": 5}
    )
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _pragmas)
    return engine


def prepare(engine: Engine) -> None:
    """Create and seed the tables; safe while other replicas do the same."""
    for _ in range(20):
        try:
            metadata.create_all(engine)
            break
        except OperationalError:
            continue
    with engine.begin() as connection:
        if connection.execute(select(users.c.id).limit(1)).first() is None:
            rows = [
                {"name": n, "email": f"{n.split()[0].lower()}@example.org", "created_at": "2026-01-01T00:00:00+00:00"}
                for n in SEED
            ]
            try:
                connection.execute(insert(users), rows)
            except IntegrityError:
                connection.rollback()


def check(engine: Engine) -> tuple[bool, float, str]:
    """Whether the users can be read, how many milliseconds that took, and the error if not."""
    began = time.perf_counter()
    try:
        with engine.connect() as connection:
            connection.execute(select(users.c.id).limit(1)).first()  # `SELECT 1` would never open the file
    except Exception as error:  # noqa: BLE001 - a health check reports whatever is wrong
        return False, (time.perf_counter() - began) * 1000, type(error).__name__
    return True, (time.perf_counter() - began) * 1000, ""


def _pragmas(connection: Any, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}")
