"""The ledger, the universe and the events."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _ledger()
    _universe()
    _events()


def _ledger() -> None:
    op.create_table(
        "runs",
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("pipeline", sa.Text, nullable=False),
        sa.Column("run_date", sa.Date, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("as_of", INSTANT, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT),
        sa.Column("summary", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_runs"),
        sa.UniqueConstraint("pipeline", "run_date", "generation", name="uq_runs_pipeline"),
    )
    op.create_index("ix_runs_run_date", "runs", ["run_date"])
    op.create_table(
        "job_runs",
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("run_date", sa.Date, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT),
        sa.Column("seconds", sa.Double),
        sa.Column("exit_code", sa.Integer),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("job", "run_date", name="pk_job_runs"),
    )
    op.create_table(
        "run_items",
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("run_date", sa.Date, nullable=False),
        sa.Column("item", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Double),
        sa.Column("path", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("metrics", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("job", "run_date", "item", name="pk_run_items"),
    )


def _universe() -> None:
    op.create_table(
        "universe_selections",
        sa.Column("run_date", sa.Date, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("as_of", INSTANT, nullable=False),
        sa.Column("exchange", sa.Text, nullable=False),
        sa.Column("criteria", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("run_date", name="pk_universe_selections"),
    )
    op.create_index("ix_universe_selections_as_of", "universe_selections", ["as_of"])
    op.create_table(
        "universe_decisions",
        sa.Column("run_date", sa.Date, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("selected", sa.Boolean, nullable=False),
        sa.Column("rank", sa.Integer),
        sa.Column("score", sa.Double),
        sa.Column("reasons", sa.JSON, nullable=False),
        sa.Column("facts", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("run_date", "symbol", name="pk_universe_decisions"),
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("time", INSTANT, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("severity", sa.Integer, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("fields", sa.JSON, nullable=False),
        sa.Column("run_id", sa.Text),
        sa.Column("job", sa.Text),
        sa.Column("symbol", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
    )
    op.create_index("ix_events_severity_id", "events", ["severity", "id"])
