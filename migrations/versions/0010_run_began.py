"""Adds when a strategy's run began: an older run that resumes late must not take the strategy back."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("strategies", sa.Column("run_began", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("strategies", "run_began")
