"""Adds what keeps a sale from being sent, releases of shares, days that go on, and outages of all workers."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("refusal", sa.String(), nullable=True))
    op.add_column("strategies", sa.Column("obstacle", sa.String(), nullable=True))
    op.add_column("strategies", sa.Column("resumes_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("starts", sa.Column("release", sa.String(), nullable=True))
    op.create_table(
        "outages",
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("began_at < ended_at", name=op.f("ck_outages_begins_before_it_ends")),
        sa.PrimaryKeyConstraint("began_at", name=op.f("pk_outages")),
    )


def downgrade() -> None:
    op.drop_table("outages")
    op.drop_column("starts", "release")
    op.drop_column("strategies", "resumes_at")
    op.drop_column("strategies", "obstacle")
    op.drop_column("orders", "refusal")
