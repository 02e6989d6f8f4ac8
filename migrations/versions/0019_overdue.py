"""Adds the users' words to stop, the version of each worker, and indexes by which overdue runs are found."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

STOPS_DUE = """
CREATE VIEW stops_due AS
SELECT DISTINCT ON (strategy_id) strategy_id, due_at, on_stop
FROM (
    SELECT s.strategy_id, a.asked_at AS due_at, a.on_stop
    FROM stops_asked AS a JOIN strategies AS s USING (strategy_id)
    WHERE s.status = 'running' AND a.start_id = s.start_id AND a.asked_at > now() - interval '7 days'
    UNION ALL
    SELECT s.strategy_id, GREATEST(
        CASE WHEN y.halted AND y.exits = 'exit' THEN y.halted_at END,
        CASE WHEN l.kill_switch AND l.kill_exits = 'exit' THEN l.killed_at END,
        CASE WHEN o.exits = 'exit' THEN o.since END), 'exit'
    FROM strategies AS s CROSS JOIN system_switch AS y
    LEFT JOIN limits AS l USING (user_id) LEFT JOIN operator_switches AS o USING (user_id)
    WHERE s.status = 'running' AND s.position = 'bought' AND (
        (y.halted AND y.exits = 'exit')
        OR s.user_id IN (SELECT user_id FROM limits WHERE kill_switch AND kill_exits = 'exit')
        OR s.user_id IN (SELECT user_id FROM operator_switches WHERE exits = 'exit'))
) AS spoken
ORDER BY strategy_id, due_at DESC
"""
"""The newest word to stop of each running strategy. A word is of one START; of two the newer counts."""


def upgrade() -> None:
    op.create_table(
        "stops_asked",
        sa.Column("strategy_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("start_id", sa.Uuid(), nullable=False),
        sa.Column("on_stop", sa.String(), nullable=False),
        sa.Column(
            "asked_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name=op.f("fk_stops_asked_user_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["strategy_id"],
            ["strategies.strategy_id"],
            name=op.f("fk_stops_asked_strategy_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("strategy_id", name=op.f("pk_stops_asked")),
    )
    op.create_index("ix_stops_asked_user_id", "stops_asked", ["user_id"])
    op.create_index("ix_stops_asked_asked_at", "stops_asked", ["asked_at"])
    op.execute("ALTER TABLE stops_asked ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE stops_asked FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY owner ON stops_asked TO CURRENT_USER USING (true) WITH CHECK (true)")
    running = sa.text("status = 'running'")
    op.create_index(
        "ix_strategies_next_sale", "strategies", ["position", "sell_at"], postgresql_where=running
    )
    op.create_index(
        "ix_strategies_next_buy",
        "strategies",
        ["buy_at"],
        postgresql_where=sa.text("status = 'running' AND position = 'none'"),
    )
    op.add_column("workers", sa.Column("build_id", sa.String(), server_default=sa.text("''"), nullable=False))
    op.execute(STOPS_DUE)


def downgrade() -> None:
    op.execute("DROP VIEW stops_due")
    op.drop_column("workers", "build_id")
    op.drop_index("ix_strategies_next_buy", "strategies")
    op.drop_index("ix_strategies_next_sale", "strategies")
    op.drop_table("stops_asked")
