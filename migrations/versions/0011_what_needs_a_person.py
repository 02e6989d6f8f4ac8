"""Adds indexes for the operations metrics, read every fifteen seconds over years of orders."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_orders_unsettled",
        "orders",
        ["sent_at"],
        postgresql_where=sa.text("status IN ('sent', 'absent', 'open')"),
    )
    op.create_index(
        "ix_strategies_left",
        "strategies",
        ["stopped_at"],
        postgresql_where=sa.text("status = 'stopped' AND position = 'bought' AND NOT kept"),
    )
    op.create_index(
        "ix_strategies_oversold",
        "strategies",
        ["trading_day"],
        postgresql_where=sa.text("sold_quantity > bought_quantity"),
    )


def downgrade() -> None:
    op.drop_index("ix_strategies_oversold", table_name="strategies")
    op.drop_index("ix_strategies_left", table_name="strategies")
    op.drop_index("ix_orders_unsettled", table_name="orders")
