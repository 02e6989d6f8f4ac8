"""Keeps the ISINs that holdings show, and notes on finished rounds what the broker says they cost."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "isins",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("exchange", "symbol", "isin")),
        *(sa.Column(name, sa.Date(), nullable=False) for name in ("first_seen", "last_seen")),
        sa.CheckConstraint("isin ~ '^[A-Z]{2}[A-Z0-9]{9}[0-9]$'", name=op.f("ck_isins_isin_well_formed")),
        sa.CheckConstraint("first_seen <= last_seen", name=op.f("ck_isins_first_seen_first")),
        sa.PrimaryKeyConstraint("exchange", "symbol", "isin", name=op.f("pk_isins")),
    )
    op.add_column(
        "strategy_days", sa.Column("charge_tries", sa.Integer(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column("strategy_days", sa.Column("charge_tried_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("strategy_days", sa.Column("charges_agree", sa.Boolean(), nullable=True))
    op.create_index(
        "ix_strategy_days_last",
        "strategy_days",
        ["last_day"],
        postgresql_where=sa.text("last_day IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_strategy_days_last", "strategy_days")
    for name in ("charges_agree", "charge_tried_at", "charge_tries"):
        op.drop_column("strategy_days", name)
    op.drop_table("isins")
