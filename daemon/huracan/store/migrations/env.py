"""Runs migrations on the connection that the store opened."""

from alembic import context

from huracan.store import audit, copies, health, library_tables, trade_tables, universe  # noqa: F401 - their tables
from huracan.store.tables import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=Base.metadata, render_as_batch=connection.dialect.name == "sqlite"
)
context.run_migrations()
