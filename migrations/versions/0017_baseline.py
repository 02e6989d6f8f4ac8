"""Adds the shares that were the user's own before a strategy's purchase."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("strategies", sa.Column("baseline", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("strategies", "baseline")
