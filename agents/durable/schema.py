"""The tables. The database is the log; everything else is derived from it in the same transaction, or is bookkeeping."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Index, Integer, MetaData, String, Table, Text, text

HEAD = "0002"

UNIQUE = "one_unresolved_incident_per_target"
"""The index that keeps two incidents from acting on one target."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

event = Table(
    "event",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", String(400), nullable=False, unique=True),
    Column("type", String(64), nullable=False),
    Column("source", String(64), nullable=False),
    Column("incident", String(32), nullable=False, index=True),
    Column("cause", String(400)),
    Column("time", String(40), nullable=False),
    Column("data", Text, nullable=False),
    Column("traceparent", String(64)),
    Column("prev_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

inbox = Table(
    "inbox",
    metadata,
    Column("consumer", String(64), primary_key=True),
    Column("event_id", String(400), primary_key=True),
)

delivery = Table(
    "delivery",
    metadata,
    Column("consumer", String(64), primary_key=True),
    Column("event_id", String(400), primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("parked", Boolean, nullable=False),
    Column("error", Text, nullable=False),
)

incident = Table(
    "incident",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    Column("target", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Index(UNIQUE, "target", unique=True, sqlite_where=text("status != 'resolved'")),
)

approval = Table(
    "approval",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("incident", String(32), nullable=False),
    Column("binding", String(64), nullable=False),
    Column("deadline", String(40), nullable=False),
    Column("decided", Boolean),
    Column("by", String(64)),
    Column("at", String(40)),
)

intent = Table(
    "intent",
    metadata,
    Column("operation", String(128), primary_key=True),
    Column("incident", String(32), nullable=False),
    Column("tool", String(64), nullable=False),
    Column("arguments", Text, nullable=False),
    Column("arguments_hash", String(64), nullable=False),
    Column("inverse", Text),
    Column("state_before", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("summary", Text, nullable=False),
    Column("command", Text, nullable=False),
    Column("started", String(40), nullable=False),
    Column("finished", String(40)),
)

lease = Table(
    "lease",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("expires", Float, nullable=False),
)

outcome = Table(
    "outcome",
    metadata,
    Column("operation", String(128), primary_key=True),
    Column("target", String(64), nullable=False),
    Column("action", String(64), nullable=False, index=True),
    Column("fault_class", String(64), nullable=False),
    Column("succeeded", Boolean, nullable=False),
    Column("simulated", Boolean, nullable=False),
    Column("at", String(40), nullable=False),
    Column("confidence", Float),
    Column("track_record", Float),
    Column("evidence", Float),
    Column("word", Float),
    Column("decided_by", String(64), nullable=False, server_default=""),
)

sample = Table(
    "sample",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("target", String(64), nullable=False),
    Column("at", String(40), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("data", Text, nullable=False),
    Index("ix_sample_target_at", "target", "at"),
)
"""What was measured and thought around incidents: telemetry that reports and replays are drawn from, never decided upon."""

automation = Table(
    "automation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("paused", Boolean, nullable=False),
    Column("by", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", String(40), nullable=False),
)

meta = Table(
    "meta",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)
