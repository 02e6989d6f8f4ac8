"""Keeps the operator's word on trading days."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "calendar_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("word", sa.String(), nullable=False),
        sa.Column("segment", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.Column("opens", sa.Time(), nullable=True),
        sa.Column("closes", sa.Time(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("operator", sa.String(), nullable=False),
        _now("written_at"),
        sa.CheckConstraint("word IN ('closed', 'open', 'hours')", name=op.f("ck_calendar_days_word_known")),
        sa.CheckConstraint(
            "(word = 'hours') = (opens IS NOT NULL AND closes IS NOT NULL)",
            name=op.f("ck_calendar_days_hours_given"),
        ),
        sa.CheckConstraint("opens < closes", name=op.f("ck_calendar_days_opens_first")),
        sa.CheckConstraint("word = 'hours' OR segment = ''", name=op.f("ck_calendar_days_segment_of_hours")),
        sa.PrimaryKeyConstraint("day", "word", "segment", name=op.f("pk_calendar_days")),
    )
    op.create_table(
        "calendar_imports",
        sa.Column("digest", sa.String(), nullable=False),
        _now("at"),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_calendar_imports")),
    )


def downgrade() -> None:
    op.drop_table("calendar_imports")
    op.drop_table("calendar_days")


def _now(name: str) -> sa.Column[datetime]:
    return sa.Column(
        name, sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
    )
