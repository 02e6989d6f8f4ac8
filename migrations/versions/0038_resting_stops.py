"""Adds what is known of stops that rest at the exchange, and where the stop of held shares lies."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

# An order of the product has moved at the broker: whoever keeps the stops of this account looks at its book.
ORDERS_MOVED = """
CREATE FUNCTION orders_moved(whose uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = '' AS $$
    UPDATE public.account_reads SET orders_at = clock_timestamp() WHERE user_id = whose
$$;
"""


def upgrade() -> None:
    op.add_column(
        "orders", sa.Column("protected", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )
    op.add_column("orders", sa.Column("slice", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("orders", sa.Column("stop", postgresql.JSONB(), nullable=True))
    op.add_column("orders", sa.Column("exit_aim", sa.String(), nullable=True))
    op.create_check_constraint("exit_aim_known", "orders", "exit_aim IN ('sell', 'release')")
    op.add_column("strategies", sa.Column("protection", postgresql.JSONB(), nullable=True))
    op.add_column("account_reads", sa.Column("orders_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_strategies_protected",
        "strategies",
        ["strategy_id"],
        postgresql_where=sa.text(
            "status = 'running' AND position = 'bought' AND terms ->> 'protect' = 'exchange'"
        ),
    )
    op.execute(ORDERS_MOVED)
    op.execute("REVOKE ALL ON FUNCTION orders_moved(uuid) FROM PUBLIC")


def downgrade() -> None:
    op.execute("DROP FUNCTION orders_moved")
    op.drop_index("ix_strategies_protected", table_name="strategies")
    op.drop_column("account_reads", "orders_at")
    op.drop_column("strategies", "protection")
    op.drop_constraint(op.f("ck_orders_exit_aim_known"), "orders", type_="check")
    op.drop_column("orders", "exit_aim")
    op.drop_column("orders", "stop")
    op.drop_column("orders", "slice")
    op.drop_column("orders", "protected")
