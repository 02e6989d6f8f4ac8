"""Adds the indexes of the reconciler's rounds: running strategies by slice, and entries in doubt."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_strategies_running", table_name="strategies")
    op.create_index(
        "ix_strategies_running", "strategies", ["strategy_id"], postgresql_where=sa.text("status = 'running'")
    )
    op.create_index(
        "ix_orders_entries_in_doubt",
        "orders",
        ["strategy_id"],
        postgresql_where=sa.text("leg = 'entry' AND status IN ('sent', 'absent', 'open')"),
    )


def downgrade() -> None:
    op.drop_index("ix_orders_entries_in_doubt", table_name="orders")
    op.drop_index("ix_strategies_running", table_name="strategies")
    op.create_index(
        "ix_strategies_running", "strategies", ["status"], postgresql_where=sa.text("status = 'running'")
    )
