"""Adds when the reconciler's last round ended, and the backups that were made."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reconciler_round",
        sa.Column("one", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("one", name=op.f("ck_reconciler_round_one_row")),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_reconciler_round")),
    )
    op.execute("INSERT INTO reconciler_round (one) VALUES (true)")
    op.create_table(
        "backups",
        sa.Column("backup_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column(
            "finished_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint("bytes > 0", name=op.f("ck_backups_bytes_positive")),
        sa.PrimaryKeyConstraint("backup_id", name=op.f("pk_backups")),
    )
    op.create_index("ix_backups_finished_at", "backups", ["finished_at"])


def downgrade() -> None:
    op.drop_table("backups")
    op.drop_table("reconciler_round")
