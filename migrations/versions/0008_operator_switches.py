"""Adds the operator's kill switch for one user, in a table that neither the API nor the worker may write."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "operator_switches",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("exits", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), server_default="", nullable=False),
        sa.Column(
            "since", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name=op.f("fk_operator_switches_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_operator_switches")),
    )
    op.execute("ALTER TABLE operator_switches ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE operator_switches FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY owner ON operator_switches TO CURRENT_USER USING (true) WITH CHECK (true)")


def downgrade() -> None:
    op.drop_table("operator_switches")
