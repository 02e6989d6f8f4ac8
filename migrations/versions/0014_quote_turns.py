"""Turns of asking the broker for prices: one row an account, over all processes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0012"
branch_labels = None
depends_on = None


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


def downgrade() -> None:
    op.drop_table("quote_turns")
