"""Signals, days of the account, who decided on a trade; trend and contributions of simulated trades."""

import datetime
import itertools

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

DAYS = sa.table(
    "daily_performance",
    sa.column("day", sa.Date),
    *(sa.column(name) for name in ("source", "trades", "won", "net_pnl", "fees", "volume", "equity", "max_drawdown")),
)


def upgrade() -> None:
    op.add_column("trades", sa.Column("strategy", sa.Text, nullable=False, server_default=sa.text("''")))
    op.create_table(
        "daily_performance",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("trades", sa.Integer, nullable=False),
        sa.Column("won", sa.Integer, nullable=False),
        sa.Column("net_pnl", sa.Double, nullable=False),
        sa.Column("fees", sa.Double, nullable=False),
        sa.Column("volume", sa.Double, nullable=False),
        sa.Column("equity", sa.Double, nullable=False),
        sa.Column("max_drawdown", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("day", "source", name="pk_daily_performance"),
    )
    op.create_table(
        "signals",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("time", INSTANT, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("strategy", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("score", sa.Double),
        sa.Column("threshold", sa.Double),
        sa.Column("price", sa.Double),
        sa.Column("run_id", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_signals"),
    )
    op.create_index("ix_signals_symbol_time", "signals", ["symbol", "time"])
    op.create_index("ix_signals_time", "signals", ["time"])
    op.add_column("trade_memory", sa.Column("trend", NAME, nullable=False, server_default="unknown"))
    op.add_column("trade_memory", sa.Column("contributions", sa.JSON))
    _fill_days()


def _fill_days() -> None:
    """Sum up the days of trades that were stored before there was a table for them."""
    names = ("source", "closed_at", "id", "quantity", "entry", "fees", "net_pnl", "equity_after")
    columns = [sa.column(name, INSTANT if name == "closed_at" else None) for name in names]
    # By their bytes everywhere: which of two trades of one instant was the last says what the equity is.
    order = columns[2].collate("C") if op.get_bind().dialect.name == "postgresql" else columns[2]
    found = op.get_bind().execute(sa.select(*columns).select_from(sa.table("trades")).order_by(*columns[:2], order))
    for (source, day), group in itertools.groupby(found, lambda row: (row.source, _day(row.closed_at))):
        trades = list(group)
        peak, fall = trades[0].equity_after - trades[0].net_pnl, 0.0
        for each in trades:
            peak = max(peak, each.equity_after)
            fall = max(fall, 1.0 - each.equity_after / peak if peak > 0 else 0.0)
        values = (
            day, source, len(trades), sum(each.net_pnl > 0 for each in trades), sum(each.net_pnl for each in trades),
            sum(each.fees for each in trades), sum(each.quantity * each.entry for each in trades),
            trades[-1].equity_after, fall,
        )  # fmt: skip
        op.get_bind().execute(DAYS.insert().values(values))


def _day(instant: datetime.datetime) -> datetime.date:
    return (instant if instant.tzinfo is None else instant.astimezone(datetime.UTC)).date()


def downgrade() -> None:
    op.drop_column("trade_memory", "contributions")
    op.drop_column("trade_memory", "trend")
    op.drop_table("signals")
    op.drop_table("daily_performance")
    op.drop_column("trades", "strategy")
