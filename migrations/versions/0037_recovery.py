"""Adds what says whether the database could be had back: base backups, the WAL archive, restore drills."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("backups", sa.Column("kind", sa.String(), server_default=sa.text("'dump'"), nullable=False))
    op.create_check_constraint("kind_known", "backups", "kind IN ('dump', 'base')")
    op.create_table(
        "wal_archive",
        sa.Column("one", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("marked_lsn", sa.String(), nullable=True),
        sa.Column("archived_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("one", name=op.f("ck_wal_archive_one_row")),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_wal_archive")),
    )
    op.execute("INSERT INTO wal_archive (one) VALUES (true)")
    op.create_table(
        "restore_drills",
        sa.Column("drill_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("backup", sa.String(), nullable=False),
        sa.Column("restored_to", sa.DateTime(timezone=True), nullable=True),
        sa.Column("faults", sa.ARRAY(sa.String()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "finished_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("drill_id", name=op.f("pk_restore_drills")),
    )


def downgrade() -> None:
    op.drop_table("restore_drills")
    op.drop_table("wal_archive")
    op.drop_constraint(op.f("ck_backups_kind_known"), "backups", type_="check")
    op.drop_column("backups", "kind")
