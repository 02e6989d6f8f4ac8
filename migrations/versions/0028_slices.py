"""Has an order know the most that the exchange takes of its symbol in one."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("most", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("orders", "most")
