"""Adds the price of LIMIT orders, the changes of it, and strategies that are sized by money."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

# A change of a price is an order call like another, and counts from when it was asked for: it leaves within a
# second or never does. Those of a minute are counted too high, not too low: with all of their order.
SENT_LATELY = """
CREATE OR REPLACE FUNCTION sent_lately(whose uuid, OUT in_second bigint, OUT in_minute bigint)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(whose::text, 0));
    SELECT count(*) FILTER (WHERE GREATEST(
            sent_at, acknowledged_at, CASE WHEN status = 'sent' THEN send_before END
        ) > clock_timestamp() - interval '1 second'), count(*)
        INTO in_second, in_minute
        FROM public.orders WHERE user_id = whose AND sent_at > statement_timestamp() - interval '1 minute';
    SELECT in_second + count(*) FILTER (WHERE modified_at > clock_timestamp() - interval '2 seconds'),
            in_minute + coalesce(sum(jsonb_array_length(modifications)), 0)
        INTO in_second, in_minute
        FROM public.orders
        WHERE user_id = whose AND modified_at > statement_timestamp() - interval '1 minute';
END $$;
"""
BEFORE = """
CREATE OR REPLACE FUNCTION sent_lately(whose uuid, OUT in_second bigint, OUT in_minute bigint)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(whose::text, 0));
    SELECT count(*) FILTER (WHERE GREATEST(
            sent_at, acknowledged_at, CASE WHEN status = 'sent' THEN send_before END
        ) > clock_timestamp() - interval '1 second'), count(*)
        INTO in_second, in_minute
        FROM public.orders WHERE user_id = whose AND sent_at > statement_timestamp() - interval '1 minute';
END $$;
"""
COLUMNS: dict[str, Any] = {
    "sell_at": sa.DateTime(timezone=True),
    "entry": postgresql.JSONB(),
    "price": sa.Numeric(),
    "ceiling": sa.Numeric(),
    "modified_at": sa.DateTime(timezone=True),
}


def upgrade() -> None:
    for name, kind in COLUMNS.items():
        op.add_column("orders", sa.Column(name, kind, nullable=True))
    changes = sa.Column("modifications", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False)
    op.add_column("orders", changes)
    op.create_index(
        "ix_orders_modified",
        "orders",
        ["user_id", "modified_at"],
        postgresql_where=sa.text("modified_at IS NOT NULL"),
    )
    op.alter_column("strategies", "quantity", nullable=True)
    op.create_check_constraint(
        op.f("ck_strategies_one_size"), "strategies", "(quantity IS NULL) = (terms ? 'size')"
    )
    op.execute(SENT_LATELY)


def downgrade() -> None:
    op.drop_constraint(op.f("ck_strategies_one_size"), "strategies")
    op.execute("DELETE FROM strategies WHERE quantity IS NULL")
    op.alter_column("strategies", "quantity", nullable=False)
    op.execute(BEFORE)
    op.drop_index("ix_orders_modified", table_name="orders")
    for name in ("modifications", *COLUMNS):
        op.drop_column("orders", name)
