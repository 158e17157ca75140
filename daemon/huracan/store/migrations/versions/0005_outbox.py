"""Messages that wait for their channels, how the channels are, and who did what."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("event_id", sa.Integer, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("severity", sa.Integer, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("group_key", sa.Text),
        sa.Column("same_key", sa.Text, nullable=False),
        sa.Column("message_key", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("repeated", sa.Boolean, nullable=False),
        sa.Column("tried_at", INSTANT),
        sa.Column("next_try_at", INSTANT),
        sa.Column("settled_at", INSTANT),
        sa.Column("receipt", sa.Text),
        sa.Column("error", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_channel_state_id", "outbox", ["channel", "state", "id"])
    op.create_index("ix_outbox_channel_group_key", "outbox", ["channel", "group_key"])
    op.create_index("ix_outbox_channel_settled_at", "outbox", ["channel", "settled_at"])
    op.create_table(
        "alert_channels",
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("failing_since", INSTANT),
        sa.Column("told_at", INSTANT),
        sa.Column("next_try_at", INSTANT),
        sa.Column("sent_at", INSTANT),
        sa.Column("error", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("channel", name="pk_alert_channels"),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("time", INSTANT, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("via", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("arguments", sa.JSON, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_time", "audit", ["time"])


def downgrade() -> None:
    op.drop_table("audit")
    op.drop_table("alert_channels")
    op.drop_table("outbox")
