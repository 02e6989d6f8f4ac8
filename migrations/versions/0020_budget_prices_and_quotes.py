"""Counts an order until a second after its answer; indexes fills without a price; adds `has_quotes`."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

# As in 0014, but an order counts for as long as it may have arrived within the broker's second: until a
# second after its answer, or after the last moment at which it may have left where there is none yet.
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
END $$;
"""
BEFORE = """
CREATE OR REPLACE FUNCTION sent_lately(whose uuid, OUT in_second bigint, OUT in_minute bigint)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(whose::text, 0));
    SELECT count(*) FILTER (WHERE sent_at > clock_timestamp() - interval '1 second'), count(*)
        INTO in_second, in_minute
        FROM public.orders WHERE user_id = whose AND sent_at > statement_timestamp() - interval '1 minute';
END $$;
"""


def upgrade() -> None:
    op.execute(SENT_LATELY)
    op.create_index(
        "ix_orders_unpriced",
        "orders",
        ["filled_at"],
        postgresql_where=sa.text("filled_quantity > 0 AND average_price IS NULL"),
    )
    op.add_column("broker_keys", sa.Column("has_quotes", sa.Boolean(), nullable=True))


def downgrade() -> None:
    op.drop_column("broker_keys", "has_quotes")
    op.drop_index("ix_orders_unpriced", table_name="orders")
    op.execute(BEFORE)
