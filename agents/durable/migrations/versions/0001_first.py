"""The first schema, as version 0.1.0 made it."""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """
CREATE TABLE event (
    seq INTEGER NOT NULL,
    id VARCHAR(400) NOT NULL,
    type VARCHAR(64) NOT NULL,
    source VARCHAR(64) NOT NULL,
    incident VARCHAR(32) NOT NULL,
    cause VARCHAR(400),
    time VARCHAR(40) NOT NULL,
    data TEXT NOT NULL,
    traceparent VARCHAR(64),
    prev_hash VARCHAR(64) NOT NULL,
    hash VARCHAR(64) NOT NULL,
    CONSTRAINT pk_event PRIMARY KEY (seq),
    CONSTRAINT uq_event_id UNIQUE (id)
)
""",
    """
CREATE TABLE inbox (
    consumer VARCHAR(64) NOT NULL,
    event_id VARCHAR(400) NOT NULL,
    CONSTRAINT pk_inbox PRIMARY KEY (consumer, event_id)
)
""",
    """
CREATE TABLE delivery (
    consumer VARCHAR(64) NOT NULL,
    event_id VARCHAR(400) NOT NULL,
    attempts INTEGER NOT NULL,
    parked BOOLEAN NOT NULL,
    error TEXT NOT NULL,
    CONSTRAINT pk_delivery PRIMARY KEY (consumer, event_id)
)
""",
    """
CREATE TABLE incident (
    id VARCHAR(32) NOT NULL,
    number INTEGER NOT NULL,
    target VARCHAR(64) NOT NULL,
    status VARCHAR(16) NOT NULL,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    CONSTRAINT pk_incident PRIMARY KEY (id),
    CONSTRAINT uq_incident_number UNIQUE (number)
)
""",
    """
CREATE TABLE approval (
    id VARCHAR(64) NOT NULL,
    incident VARCHAR(32) NOT NULL,
    binding VARCHAR(64) NOT NULL,
    deadline VARCHAR(40) NOT NULL,
    decided BOOLEAN,
    "by" VARCHAR(64),
    at VARCHAR(40),
    CONSTRAINT pk_approval PRIMARY KEY (id)
)
""",
    """
CREATE TABLE intent (
    operation VARCHAR(128) NOT NULL,
    incident VARCHAR(32) NOT NULL,
    tool VARCHAR(64) NOT NULL,
    arguments TEXT NOT NULL,
    arguments_hash VARCHAR(64) NOT NULL,
    inverse TEXT,
    state_before TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    status VARCHAR(16) NOT NULL,
    summary TEXT NOT NULL,
    command TEXT NOT NULL,
    started VARCHAR(40) NOT NULL,
    finished VARCHAR(40),
    CONSTRAINT pk_intent PRIMARY KEY (operation)
)
""",
    """
CREATE TABLE lease (
    name VARCHAR(64) NOT NULL,
    holder VARCHAR(64) NOT NULL,
    epoch INTEGER NOT NULL,
    expires FLOAT NOT NULL,
    CONSTRAINT pk_lease PRIMARY KEY (name)
)
""",
    """
CREATE TABLE outcome (
    operation VARCHAR(128) NOT NULL,
    target VARCHAR(64) NOT NULL,
    action VARCHAR(64) NOT NULL,
    fault_class VARCHAR(64) NOT NULL,
    succeeded BOOLEAN NOT NULL,
    simulated BOOLEAN NOT NULL,
    at VARCHAR(40) NOT NULL,
    CONSTRAINT pk_outcome PRIMARY KEY (operation)
)
""",
    """
CREATE TABLE automation (
    id INTEGER NOT NULL,
    paused BOOLEAN NOT NULL,
    "by" VARCHAR(64) NOT NULL,
    reason TEXT NOT NULL,
    at VARCHAR(40) NOT NULL,
    CONSTRAINT pk_automation PRIMARY KEY (id)
)
""",
    """
CREATE TABLE meta (
    "key" VARCHAR(64) NOT NULL,
    value TEXT NOT NULL,
    CONSTRAINT pk_meta PRIMARY KEY ("key")
)
""",
    """
CREATE INDEX ix_event_incident ON event (incident)
""",
    """
CREATE UNIQUE INDEX one_unresolved_incident_per_target ON incident (target) WHERE status != 'resolved'
""",
    """
CREATE INDEX ix_outcome_action ON outcome (action)
""",
)


def upgrade() -> None:
    """Create every table."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """There is nothing before the first schema."""
