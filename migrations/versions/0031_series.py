"""Adds series: a strategy that repeats trades on every trading day from its START on, until it ends."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

# The worker writes no START of its own: of an open series it may have the next day written down, in the
# account and for the user of the days before, by the terms that the strategy has, for a time that is ahead.
NEXT_START = """
CREATE FUNCTION next_start(id uuid, of_series uuid, of_terms jsonb, of_plan jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    INSERT INTO public.starts (start_id, user_id, strategy_id, account, terms, plan, sell_only, series_id)
    SELECT id, s.user_id, s.strategy_id, newest.account, of_terms, of_plan, false, of_series
    FROM public.series JOIN public.strategies AS s USING (strategy_id)
    CROSS JOIN LATERAL (
        SELECT account FROM public.starts WHERE starts.series_id = of_series
        ORDER BY written_at DESC LIMIT 1
    ) AS newest
    WHERE series.series_id = of_series AND series.ended_at IS NULL
        AND of_terms ->> 'strategy_id' = s.strategy_id::text AND of_terms ->> 'user_id' = s.user_id::text
        AND of_terms ->> 'symbol' = s.symbol AND of_terms ->> 'exchange' = s.exchange
        AND of_terms ->> 'product' = s.product
        AND (of_terms ->> 'quantity')::int IS NOT DISTINCT FROM s.quantity
        AND (of_terms ->> 'stop_loss')::numeric IS NOT DISTINCT FROM s.stop_loss
        AND of_terms #>> '{terms,size,by}' IS NOT DISTINCT FROM s.terms #>> '{size,by}'
        AND (of_terms #>> '{terms,size,rupees}')::numeric
            IS NOT DISTINCT FROM (s.terms #>> '{size,rupees}')::numeric
        AND ((of_plan ->> 'buy_at')::timestamptz AT TIME ZONE 'Asia/Kolkata')::time = s.buy_time
        AND (of_plan ->> 'buy_at')::timestamptz > clock_timestamp();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no open series % has such a next day', of_series USING ERRCODE = 'check_violation';
    END IF;
END $$
"""
WALLS = (
    "ALTER TABLE series ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE series FORCE ROW LEVEL SECURITY",
    "CREATE POLICY owner ON series TO CURRENT_USER USING (true) WITH CHECK (true)",
)


def upgrade() -> None:
    op.create_table(
        "series",
        sa.Column("series_id", sa.Uuid(), nullable=False),
        sa.Column("strategy_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("left_out", postgresql.ARRAY(sa.Date()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.Column(
            "begun_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (ended_by IS NULL)", name=op.f("ck_series_end_has_a_reason")
        ),
        sa.ForeignKeyConstraint(
            ["strategy_id"],
            ["strategies.strategy_id"],
            name=op.f("fk_series_strategy_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name=op.f("fk_series_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("series_id", name=op.f("pk_series")),
    )
    op.create_index(
        "ix_series_open",
        "series",
        ["strategy_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_series_user_open", "series", ["user_id"], postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_index(
        "ix_series_ended", "series", ["ended_at"], postgresql_where=sa.text("ended_at IS NOT NULL")
    )
    op.create_index(op.f("ix_series_strategy_id"), "series", ["strategy_id"])
    op.add_column("starts", sa.Column("series_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(op.f("fk_starts_series_id"), "starts", "series", ["series_id"], ["series_id"])
    op.create_index(
        "ix_starts_series", "starts", ["series_id"], postgresql_where=sa.text("series_id IS NOT NULL")
    )
    op.execute(NEXT_START)
    op.execute("REVOKE ALL ON FUNCTION next_start(uuid, uuid, jsonb, jsonb) FROM PUBLIC")
    for statement in WALLS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION next_start")
    # It reads the terms, which an earlier downgrade drops; the roles are made again after every migration.
    op.execute("DROP POLICY IF EXISTS api_change ON strategies")
    op.drop_index("ix_starts_series", "starts")
    op.drop_constraint(op.f("fk_starts_series_id"), "starts")
    op.drop_column("starts", "series_id")
    op.drop_table("series")
