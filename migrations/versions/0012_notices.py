"""Adds notifications: channels, the outbox, and the cursor in the timeline."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TABLES = ("notice_channels", "notices")


def upgrade() -> None:
    create_channels()
    create_notices()
    create_cursor()
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY owner ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)")


def create_channels() -> None:
    op.create_table(
        "notice_channels",
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("shown", sa.String(), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("tells", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name=op.f("fk_notice_channels_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("channel_id", name=op.f("pk_notice_channels")),
    )
    op.create_index(op.f("ix_notice_channels_user_id"), "notice_channels", ["user_id"], unique=False)


def create_notices() -> None:
    op.create_table(
        "notices",
        sa.Column("notice_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("channel_id", sa.Uuid(), nullable=False),
        sa.Column("strategy_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("status", sa.String(), server_default="waiting", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "due_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("message", sa.String(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name=op.f("fk_notices_user_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["channel_id"],
            ["notice_channels.channel_id"],
            name=op.f("fk_notices_channel_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_notices")),
        sa.UniqueConstraint("channel_id", "source", name=op.f("uq_notices_channel_id_source")),
    )
    op.create_index("ix_notices_user_at", "notices", ["user_id", "at", "notice_id"])
    op.create_index("ix_notices_at", "notices", ["at"])
    op.create_index(
        "ix_notices_due", "notices", ["channel_id", "due_at"], postgresql_where=sa.text("status = 'waiting'")
    )
    op.create_index(
        "ix_notices_sending", "notices", ["channel_id"], postgresql_where=sa.text("status = 'sending'")
    )


def create_cursor() -> None:
    """Start the cursor at the newest line: no earlier event is notified."""
    op.create_table(
        "notice_cursor",
        sa.Column("one", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("one", name=op.f("ck_notice_cursor_one_row")),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_notice_cursor")),
    )
    op.execute("INSERT INTO notice_cursor (event_id) SELECT coalesce(max(event_id), 0) FROM events")


def downgrade() -> None:
    for table in ("notice_cursor", "notices", "notice_channels"):
        op.drop_table(table)
