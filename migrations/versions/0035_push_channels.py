"""Adds the hash by which a browser's push subscription is known again."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("notice_channels", sa.Column("digest", sa.LargeBinary(), nullable=True))
    op.create_unique_constraint(
        op.f("uq_notice_channels_user_id_digest"), "notice_channels", ["user_id", "digest"]
    )


def downgrade() -> None:
    # A worker of before knows no channel of this kind, and sends nothing while there is one.
    op.execute("DELETE FROM notice_channels WHERE kind = 'push'")
    op.drop_constraint(op.f("uq_notice_channels_user_id_digest"), "notice_channels")
    op.drop_column("notice_channels", "digest")
