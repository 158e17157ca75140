"""Closed trades as the trading process reports them, and the history of kill switch and breakers."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "trades",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("closed_at", INSTANT, nullable=False),
        sa.Column("quantity", sa.Double, nullable=False),
        sa.Column("entry", sa.Double, nullable=False),
        sa.Column("exit", sa.Double, nullable=False),
        sa.Column("fees", sa.Double, nullable=False),
        sa.Column("net_pnl", sa.Double, nullable=False),
        sa.Column("equity_after", sa.Double, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_trades"),
    )
    op.create_index("ix_trades_source_closed_at", "trades", ["source", "closed_at"])
    op.create_table(
        "breaker_events",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("time", INSTANT, nullable=False),
        sa.Column("breaker", sa.Text, nullable=False),
        sa.Column("tripped", sa.Boolean, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("value", sa.Double),
        sa.Column("limit_value", sa.Double),
        sa.Column("sentence", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_breaker_events"),
    )
    op.create_index("ix_breaker_events_breaker_id", "breaker_events", ["breaker", "id"])


def downgrade() -> None:
    op.drop_table("breaker_events")
    op.drop_table("trades")
