"""Adds the per-account counters of quote calls and orders, over all processes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# Within a statement that claims orders: wait for other claims of the account, then count with new eyes.
# A volatile function's own statements see what was committed before each of them, not before the claim.
SENT_LATELY = """
CREATE FUNCTION sent_lately(whose uuid, OUT in_second bigint, OUT in_minute bigint)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(whose::text, 0));
    SELECT count(*) FILTER (WHERE sent_at > clock_timestamp() - interval '1 second'), count(*)
        INTO in_second, in_minute
        FROM public.orders WHERE user_id = whose AND sent_at > statement_timestamp() - interval '1 minute';
END $$;
"""


def upgrade() -> None:
    op.create_table(
        "quote_turns",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.Column("free_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("login", sa.String(), nullable=True),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("prices", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_quote_turns")),
        # It holds nothing that is true for longer than a second: not worth a write-ahead log.
        prefixes=["UNLOGGED"],
    )
    op.execute(SENT_LATELY)
    op.execute("REVOKE ALL ON FUNCTION sent_lately(uuid) FROM PUBLIC")


def downgrade() -> None:
    op.execute("DROP FUNCTION sent_lately")
    op.drop_table("quote_turns")
