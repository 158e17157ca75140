"""What lies in the remote store: one row for each file of the workspace that was copied there."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "remote_copies",
        sa.Column("remote", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("remote_path", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("modified_ns", sa.BigInteger, nullable=False),
        sa.Column("content_hash", sa.Text),
        sa.Column("revision", sa.Text),
        sa.Column("copied_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("remote", "path", name="pk_remote_copies"),
    )


def downgrade() -> None:
    op.drop_table("remote_copies")
