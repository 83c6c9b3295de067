"""The first schema."""

from alembic import op

from agents.durable.schema import metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table."""
    metadata.create_all(op.get_bind())


def downgrade() -> None:
    """There is nothing before the first schema."""
    metadata.drop_all(op.get_bind())
