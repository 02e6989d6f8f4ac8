"""Adds scheduled orders, and the workers' heartbeats."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

HELD = "held_by IS NOT NULL AND status IN ('planned', 'sent', 'open')"


def upgrade() -> None:
    op.add_column("orders", sa.Column("held_by", sa.String(), nullable=True))
    op.add_column("orders", sa.Column("wanted", sa.Integer(), nullable=True))
    op.add_column("orders", sa.Column("stop_loss", sa.Numeric(precision=18, scale=6), nullable=True))
    op.add_column("orders", sa.Column("verdict", sa.String(), nullable=True))
    op.create_index("ix_orders_user_sent", "orders", ["user_id", "sent_at"], unique=False)
    op.create_index("ix_orders_held", "orders", ["due_at"], unique=False, postgresql_where=sa.text(HELD))
    op.create_table(
        "workers",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column(
            "alive_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_workers")),
    )


def downgrade() -> None:
    op.drop_table("workers")
    op.drop_index("ix_orders_held", table_name="orders")
    op.drop_index("ix_orders_user_sent", table_name="orders")
    for column in ("verdict", "stop_loss", "wanted", "held_by"):
        op.drop_column("orders", column)
