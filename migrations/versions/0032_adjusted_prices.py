"""Notes closes on series: a split or a bonus is found before a series buys at prices of before."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "close_day": sa.Date(),
    "close_price": sa.Numeric(),
    "close_asked_at": sa.DateTime(timezone=True),
    "compared_on": sa.Date(),
    "asked_on": sa.Date(),
}


def upgrade() -> None:
    for name, kind in COLUMNS.items():
        op.add_column("series", sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    for name in reversed(COLUMNS):
        op.drop_column("series", name)
