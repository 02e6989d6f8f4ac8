"""Keeps what the operator says of the hours of ordinary trading days, from a day on."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "calendar_hours",
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("segment", sa.String(), nullable=False),
        sa.Column("opens", sa.Time(), nullable=False),
        sa.Column("closes", sa.Time(), nullable=False),
        sa.Column("mis_cutoff", sa.Time(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("operator", sa.String(), nullable=False),
        sa.Column(
            "written_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint("opens < closes", name=op.f("ck_calendar_hours_opens_first")),
        sa.CheckConstraint(
            "mis_cutoff > opens AND mis_cutoff <= closes", name=op.f("ck_calendar_hours_cutoff_in_hours")
        ),
        sa.PrimaryKeyConstraint("since", "segment", name=op.f("pk_calendar_hours")),
    )


def downgrade() -> None:
    op.drop_table("calendar_hours")
