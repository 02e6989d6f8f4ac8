"""Adds the turns to read an account's books, over all processes."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("quote_turns", sa.Column("reads_from", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("quote_turns", "reads_from")
