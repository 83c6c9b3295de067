"""Alembic's migrations of the log, shipped inside the package."""
