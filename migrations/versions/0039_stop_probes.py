"""Adds the verdicts of probes: whether stops at the exchange are kept as the product expects, by account."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stop_probes",
        sa.Column("probe_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("account", "kite_root")),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in ("live", "passed")),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("expectations", "symbol")),
        sa.Column("rounds", sa.Integer(), nullable=False),
        sa.Column("differences", postgresql.JSONB(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("answers", "operator")),
        sa.Column(
            "probed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "expectations ~ '^[0-9a-f]{64}$'", name=op.f("ck_stop_probes_expectations_digest")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name=op.f("fk_stop_probes_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("probe_id", name=op.f("pk_stop_probes")),
    )
    op.create_index("ix_stop_probes_newest", "stop_probes", ["user_id", "account", "probed_at"])
    op.execute("ALTER TABLE stop_probes ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE stop_probes FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY owner ON stop_probes TO CURRENT_USER USING (true) WITH CHECK (true)")


def downgrade() -> None:
    op.drop_table("stop_probes")
