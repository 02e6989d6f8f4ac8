"""Adds users' limits, their kill switch, and the kill switch for all users."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_limits()
    create_system_switch()


def create_limits() -> None:
    op.create_table(
        "limits",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("kill_switch", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("kill_exits", sa.String(), nullable=True),
        sa.Column("kill_reason", sa.String(), server_default="", nullable=False),
        sa.Column("killed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("order_quantity", sa.Integer(), nullable=True),
        sa.Column("order_value", sa.Numeric(precision=18, scale=6), nullable=True),
        sa.Column("daily_loss", sa.Numeric(precision=18, scale=6), nullable=True),
        sa.Column("symbols", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint("order_quantity > 0", name=op.f("ck_limits_order_quantity_positive")),
        sa.CheckConstraint("order_value > 0", name=op.f("ck_limits_order_value_positive")),
        sa.CheckConstraint("daily_loss > 0", name=op.f("ck_limits_daily_loss_positive")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name=op.f("fk_limits_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_limits")),
    )
    op.create_index("ix_limits_killed", "limits", ["user_id"], postgresql_where=sa.text("kill_switch"))
    op.execute("ALTER TABLE limits ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE limits FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY owner ON limits TO CURRENT_USER USING (true) WITH CHECK (true)")


def create_system_switch() -> None:
    op.create_table(
        "system_switch",
        sa.Column("one", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("halted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("exits", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), server_default="", nullable=False),
        sa.Column("halted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("one", name=op.f("ck_system_switch_one_row")),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_system_switch")),
    )
    op.execute("INSERT INTO system_switch DEFAULT VALUES")


def downgrade() -> None:
    op.drop_table("system_switch")
    op.drop_table("limits")
