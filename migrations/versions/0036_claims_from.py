"""Adds since when a strategy's claim on its shares counts, where that is not its first fill."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("strategies", sa.Column("claims_from", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("strategies", "claims_from")
