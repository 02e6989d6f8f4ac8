"""Adds shares that were closed outside the product, and since when a strategy holds its shares."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "strategies", sa.Column("outside_quantity", sa.Integer(), nullable=False, server_default=sa.text("0"))
    )
    op.add_column("strategies", sa.Column("bought_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE strategies SET bought_at = started_at WHERE position = 'bought'")


def downgrade() -> None:
    op.drop_column("strategies", "bought_at")
    op.drop_column("strategies", "outside_quantity")
