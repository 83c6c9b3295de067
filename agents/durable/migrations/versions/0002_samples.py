"""What was measured around incidents, the numbers that each outcome was decided on, and the head of the journal."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the samples, and the confidence of outcomes; of older outcomes it is not known."""
    op.create_table(
        "sample",
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("target", sa.String(64), nullable=False),
        sa.Column("at", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("data", sa.Text, nullable=False),
    )
    op.create_index("ix_sample_target_at", "sample", ["target", "at"])
    for name in ("confidence", "track_record", "evidence", "word"):
        op.add_column("outcome", sa.Column(name, sa.Float))
    op.add_column("outcome", sa.Column("decided_by", sa.String(64), nullable=False, server_default=""))
    op.execute("INSERT INTO meta SELECT 'journal.head', seq || ' ' || hash FROM event ORDER BY seq DESC LIMIT 1")


def downgrade() -> None:
    """Nothing goes back: an older version refuses a newer database, and the copy made before it is there."""
