"""Adds the turns to read accounts that hold something, and what a reading found of each strategy."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# The listener hears of an order and may not write: all it can do is to have the account read soon.
ACCOUNT_MOVED = """
CREATE FUNCTION account_moved(whose uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = '' AS $$
    UPDATE public.account_reads
    SET foreign_at = clock_timestamp(), next_at = least(next_at, clock_timestamp())
    WHERE user_id = whose
$$;
"""


def upgrade() -> None:
    create_reads()
    add_findings()
    op.create_index("ix_strategies_stopped_at", "strategies", ["stopped_at"])
    op.execute(ACCOUNT_MOVED)
    op.execute("REVOKE ALL ON FUNCTION account_moved(uuid) FROM PUBLIC")


def create_reads() -> None:
    """Create the table of turns. It belongs to users, so Postgres shows each role only its rows."""
    op.create_table(
        "account_reads",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("turn", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("foreign_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failed_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("why", sa.String(), server_default="", nullable=False),
        sa.Column("told", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("shown", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name=op.f("fk_account_reads_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "account", name=op.f("pk_account_reads")),
    )
    op.create_index("ix_account_reads_next_at", "account_reads", ["next_at"])
    op.execute("ALTER TABLE account_reads ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE account_reads FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY owner ON account_reads TO CURRENT_USER USING (true) WITH CHECK (true)")


def add_findings() -> None:
    """Add the columns of what the account showed, and of what it held before the purchase."""
    op.add_column("strategies", sa.Column("baseline", sa.Integer(), nullable=True))
    op.add_column("strategies", sa.Column("baseline_holdings", sa.Integer(), nullable=True))
    for name in ("missing_quantity", "oversold_quantity"):
        column = sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False)
        op.add_column("strategies", column)
    op.add_column("strategies", sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("strategies", sa.Column("missing_note", sa.String(), nullable=True))
    op.add_column("strategies", sa.Column("unread_since", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.execute("DROP FUNCTION account_moved")
    op.drop_index("ix_strategies_stopped_at", table_name="strategies")
    for name in (
        *("unread_since", "missing_note", "missing_since", "oversold_quantity", "missing_quantity"),
        *("baseline_holdings", "baseline"),
    ):
        op.drop_column("strategies", name)
    op.drop_table("account_reads")
