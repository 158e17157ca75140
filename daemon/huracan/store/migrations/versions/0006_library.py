"""The library of trades and models: simulated trades, what separated them, patterns, models and what changed."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
NAME = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

OBSERVABILITY_TRADES = """
CREATE VIEW observability_trades (model_id, number, symbol, place, step, time_ms, value, detail) AS
SELECT model_id, number, symbol, 1, 'decision', entered_ms, score, market_regime || '/' || volatility_regime
FROM trade_memory
UNION ALL
SELECT model_id, number, symbol, 2, 'entry', entered_ms, entry, CAST(stake AS TEXT) FROM trade_memory
UNION ALL
SELECT model_id, number, symbol, 3, 'exit', exited_ms, exit, exit_reason FROM trade_memory
"""
"""The life of a trade follows from its row: kept as a view it costs nothing and can never differ from it."""


def upgrade() -> None:
    op.create_table(
        "observability_models",
        sa.Column("model_id", NAME, nullable=False),
        sa.Column("symbol", NAME, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("run_date", sa.Date, nullable=False),
        sa.Column("as_of", INSTANT, nullable=False),
        sa.Column("exchange", sa.Text, nullable=False),
        sa.Column("timeframe", sa.Text, nullable=False),
        sa.Column("trainer", sa.Text, nullable=False),
        sa.Column("horizon_bars", sa.Integer, nullable=False),
        sa.Column("threshold", sa.Double),
        sa.Column("passed", sa.Boolean, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("recipe_hash", sa.Text, nullable=False),
        sa.Column("data_hash", sa.Text, nullable=False),
        sa.Column("tested_from", INSTANT, nullable=False),
        sa.Column("tested_until", INSTANT, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("trades", sa.Integer, nullable=False),
        sa.Column("parameters", sa.JSON, nullable=False),
        sa.Column("importance", sa.JSON, nullable=False),
        sa.Column("gates", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("model_id", name="pk_observability_models"),
    )
    op.create_index("ix_observability_models_run_date", "observability_models", ["run_date"])
    op.create_index("ix_observability_models_symbol_as_of", "observability_models", ["symbol", "as_of"])
    op.create_table(
        "model_performance",
        sa.Column("model_id", NAME, nullable=False),
        sa.Column("symbol", NAME, nullable=False),
        sa.Column("run_date", sa.Date, nullable=False),
        sa.Column("sharpe", sa.Double),
        sa.Column("sortino", sa.Double),
        sa.Column("calmar", sa.Double),
        sa.Column("hit_rate", sa.Double),
        sa.Column("net_pnl", sa.Double),
        sa.Column("gross_pnl", sa.Double),
        sa.Column("max_drawdown", sa.Double),
        sa.Column("samples", sa.Integer, nullable=False),
        sa.Column("test_rows", sa.Integer, nullable=False),
        sa.Column("exposure", sa.Double),
        sa.Column("turnover", sa.Double),
        sa.Column("mean_stake", sa.Double),
        sa.Column("cost_share", sa.Double),
        sa.Column("profit_factor", sa.Double),
        sa.Column("mean_trade_net_bps", sa.Double),
        sa.Column("last_7d_net_bps", sa.Double),
        sa.Column("skewness", sa.Double),
        sa.Column("kurtosis", sa.Double),
        sa.Column("probabilistic_sharpe", sa.Double),
        sa.Column("deflated_sharpe", sa.Double),
        sa.Column("luck_sharpe", sa.Double),
        sa.Column("effective_trials", sa.Double),
        sa.Column("log_loss", sa.Double),
        sa.Column("label_share", sa.Double),
        sa.Column("information_coefficient", sa.Double),
        sa.Column("folds", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("model_id", name="pk_model_performance"),
    )
    op.create_index("ix_model_performance_run_date", "model_performance", ["run_date"])
    op.create_table(
        "trade_memory",
        sa.Column("model_id", NAME, nullable=False),
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("symbol", NAME, nullable=False),
        sa.Column("run_date", sa.Date, nullable=False),
        sa.Column("fold", sa.Integer, nullable=False),
        sa.Column("entered_ms", sa.BigInteger, nullable=False),
        sa.Column("exited_ms", sa.BigInteger, nullable=False),
        sa.Column("entry", sa.Double, nullable=False),
        sa.Column("exit", sa.Double, nullable=False),
        sa.Column("stake", sa.Double, nullable=False),
        sa.Column("score", sa.Double, nullable=False),
        sa.Column("threshold", sa.Double, nullable=False),
        sa.Column("gross_bps", sa.Double, nullable=False),
        sa.Column("cost_bps", sa.Double, nullable=False),
        sa.Column("net_bps", sa.Double, nullable=False),
        sa.Column("won", sa.Boolean, nullable=False),
        sa.Column("bars_held", sa.Integer, nullable=False),
        sa.Column("exit_reason", NAME, nullable=False),
        sa.Column("mae_bps", sa.Double, nullable=False),
        sa.Column("mfe_bps", sa.Double, nullable=False),
        sa.Column("market_regime", NAME, nullable=False),
        sa.Column("volatility_regime", NAME, nullable=False),
        sa.Column("features", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("model_id", "number", name="pk_trade_memory"),
    )
    op.create_index("ix_trade_memory_run_date_symbol", "trade_memory", ["run_date", "symbol"])
    op.create_index("ix_trade_memory_symbol_entered_ms", "trade_memory", ["symbol", "entered_ms"])
    op.create_table(
        "post_exit_tracking",
        sa.Column("model_id", NAME, nullable=False),
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("symbol", NAME, nullable=False),
        sa.Column("exited_ms", sa.BigInteger, nullable=False),
        sa.Column("after_1_bps", sa.Double),
        sa.Column("after_4_bps", sa.Double),
        sa.Column("after_24_bps", sa.Double),
        sa.Column("best_bps", sa.Double),
        sa.Column("worst_bps", sa.Double),
        sa.Column("complete", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("model_id", "number", name="pk_post_exit_tracking"),
    )
    op.create_index("ix_post_exit_tracking_complete_symbol", "post_exit_tracking", ["complete", "symbol"])
    op.create_table(
        "win_analysis",
        sa.Column("model_id", NAME, nullable=False),
        sa.Column("driver", NAME, nullable=False),
        sa.Column("symbol", NAME, nullable=False),
        sa.Column("run_date", sa.Date, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("trades_in", sa.Integer, nullable=False),
        sa.Column("trades_out", sa.Integer, nullable=False),
        sa.Column("mean_in", sa.Double, nullable=False),
        sa.Column("mean_out", sa.Double, nullable=False),
        sa.Column("effect", sa.Double, nullable=False),
        sa.Column("test", sa.Text, nullable=False),
        sa.Column("p_value", sa.Double, nullable=False),
        sa.Column("p_adjusted", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("model_id", "driver", name="pk_win_analysis"),
    )
    op.create_table(
        "loss_analysis",
        sa.Column("model_id", NAME, nullable=False),
        sa.Column("driver", NAME, nullable=False),
        sa.Column("symbol", NAME, nullable=False),
        sa.Column("run_date", sa.Date, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("trades_in", sa.Integer, nullable=False),
        sa.Column("trades_out", sa.Integer, nullable=False),
        sa.Column("mean_in", sa.Double, nullable=False),
        sa.Column("mean_out", sa.Double, nullable=False),
        sa.Column("effect", sa.Double, nullable=False),
        sa.Column("test", sa.Text, nullable=False),
        sa.Column("p_value", sa.Double, nullable=False),
        sa.Column("p_adjusted", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("model_id", "driver", name="pk_loss_analysis"),
    )
    op.create_table(
        "pattern_library",
        sa.Column("model_id", NAME, nullable=False),
        sa.Column("fold", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("symbol", NAME, nullable=False),
        sa.Column("run_date", sa.Date, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("conditions", sa.JSON, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("hit_rate", sa.Double, nullable=False),
        sa.Column("base_hit_rate", sa.Double, nullable=False),
        sa.Column("mean_net_bps", sa.Double, nullable=False),
        sa.Column("base_net_bps", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("model_id", "fold", "number", name="pk_pattern_library"),
    )
    op.create_table(
        "pattern_performance",
        sa.Column("model_id", NAME, nullable=False),
        sa.Column("fold", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("symbol", NAME, nullable=False),
        sa.Column("run_date", sa.Date, nullable=False),
        sa.Column("tested_from_ms", sa.BigInteger, nullable=False),
        sa.Column("tested_until_ms", sa.BigInteger, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("hit_rate", sa.Double),
        sa.Column("base_hit_rate", sa.Double),
        sa.Column("mean_net_bps", sa.Double),
        sa.Column("base_net_bps", sa.Double),
        sa.Column("p_value", sa.Double),
        sa.Column("p_adjusted", sa.Double),
        sa.Column("significant", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("model_id", "fold", "number", name="pk_pattern_performance"),
    )
    op.create_table(
        "features",
        sa.Column("model_id", NAME, nullable=False),
        sa.Column("feature", NAME, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("missing", sa.Double, nullable=False),
        sa.Column("mean", sa.Double),
        sa.Column("deviation", sa.Double),
        sa.Column("minimum", sa.Double),
        sa.Column("p05", sa.Double),
        sa.Column("median", sa.Double),
        sa.Column("p95", sa.Double),
        sa.Column("maximum", sa.Double),
        sa.Column("importance", sa.Double),
        sa.PrimaryKeyConstraint("model_id", "feature", name="pk_features"),
    )
    op.create_table(
        "observability_model_deltas",
        sa.Column("model_id", NAME, nullable=False),
        sa.Column("kind", NAME, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("symbol", NAME, nullable=False),
        sa.Column("run_date", sa.Date, nullable=False),
        sa.Column("before_id", sa.Text, nullable=False),
        sa.Column("before", sa.Double),
        sa.Column("after", sa.Double),
        sa.Column("before_text", sa.Text, nullable=False),
        sa.Column("after_text", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("model_id", "kind", "name", name="pk_observability_model_deltas"),
    )
    op.create_table(
        "daily_metrics",
        sa.Column("run_date", sa.Date, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("coins", sa.Integer, nullable=False),
        sa.Column("trained", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.Column("skipped", sa.Integer, nullable=False),
        sa.Column("passed", sa.Integer, nullable=False),
        sa.Column("champions", sa.Integer, nullable=False),
        sa.Column("trades", sa.Integer, nullable=False),
        sa.Column("mean_sharpe", sa.Double),
        sa.Column("best_symbol", sa.Text),
        sa.Column("best_sharpe", sa.Double),
        sa.Column("mean_hit_rate", sa.Double),
        sa.Column("mean_net_pnl", sa.Double),
        sa.Column("portfolio_net_pnl", sa.Double),
        sa.Column("portfolio_sharpe", sa.Double),
        sa.Column("portfolio_max_drawdown", sa.Double),
        sa.PrimaryKeyConstraint("run_date", name="pk_daily_metrics"),
    )
    op.execute(OBSERVABILITY_TRADES)


def downgrade() -> None:
    op.execute("DROP VIEW observability_trades")
    op.drop_table("daily_metrics")
    op.drop_table("observability_model_deltas")
    op.drop_table("features")
    op.drop_table("pattern_performance")
    op.drop_table("pattern_library")
    op.drop_table("loss_analysis")
    op.drop_table("win_analysis")
    op.drop_table("post_exit_tracking")
    op.drop_table("trade_memory")
    op.drop_table("model_performance")
    op.drop_table("observability_models")
