"""Adds the books: a row for each finished round, the rounds of before from the order log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

# What is said of a round by its orders, by its strategy where it is the newest, and by the timeline: the end
# that follows its START. A round that was sent no order is in none of them with a number of its own.
ROUNDS_OF_BEFORE = """
WITH said AS (
    SELECT o.strategy_id, o.user_id, o.trading_day, o.round,
        (array_agg(o.account ORDER BY o.leg, o.attempt))[1] AS account,
        min(o.exchange) AS exchange, min(o.symbol) AS symbol, min(o.product) AS product,
        coalesce(sum(o.filled_quantity) FILTER (WHERE o.leg = 'entry'), 0)::int AS bought,
        coalesce(sum(o.filled_quantity) FILTER (WHERE o.leg = 'exit'), 0)::int AS sold,
        CASE WHEN bool_or(o.average_price IS NULL) FILTER (WHERE o.leg = 'entry' AND o.filled_quantity > 0)
            THEN NULL ELSE sum(o.filled_quantity * o.average_price) FILTER (WHERE o.leg = 'entry')
            / nullif(sum(o.filled_quantity) FILTER (WHERE o.leg = 'entry'), 0) END AS entry_price,
        CASE WHEN bool_or(o.average_price IS NULL) FILTER (WHERE o.leg = 'exit' AND o.filled_quantity > 0)
            THEN NULL ELSE sum(o.filled_quantity * o.average_price) FILTER (WHERE o.leg = 'exit')
            / nullif(sum(o.filled_quantity) FILTER (WHERE o.leg = 'exit'), 0) END AS exit_price,
        (array_agg(round(extract(epoch FROM o.sent_at - o.due_at) * 1000)::int ORDER BY o.attempt)
            FILTER (WHERE o.leg = 'entry' AND o.sent_at IS NOT NULL AND o.due_at IS NOT NULL))[1] AS entry_ms,
        (array_agg(round(extract(epoch FROM o.sent_at - o.due_at) * 1000)::int ORDER BY o.attempt)
            FILTER (WHERE o.leg = 'exit' AND o.sent_at IS NOT NULL AND o.due_at IS NOT NULL))[1] AS exit_ms,
        (array_agg(o.reason ORDER BY o.attempt) FILTER (WHERE o.leg = 'exit' AND o.filled_quantity > 0))[1]
            AS reason,
        coalesce(jsonb_agg(jsonb_build_object('side', o.side, 'quantity', o.filled_quantity,
            'price', o.average_price::text, 'day', d.day::text) ORDER BY o.leg, o.attempt)
            FILTER (WHERE o.filled_quantity > 0), '[]'::jsonb) AS trades,
        min(d.day) FILTER (WHERE o.filled_quantity > 0) AS first_day,
        max(d.day) FILTER (WHERE o.filled_quantity > 0) AS last_day,
        max(coalesce(o.filled_at, o.sent_at)) AS last_at
    FROM orders AS o CROSS JOIN LATERAL (SELECT coalesce(
        (coalesce(o.sent_at, o.filled_at) AT TIME ZONE 'Asia/Kolkata')::date, o.trading_day) AS day) AS d
    GROUP BY o.strategy_id, o.user_id, o.trading_day, o.round
    HAVING bool_or(o.sent_at IS NOT NULL)
)
INSERT INTO strategy_days (strategy_id, trading_day, round, user_id, account, exchange, symbol, product,
    outcome, outcome_detail, quantity, sold, outside, entry_price, exit_price, entry_lateness_ms,
    exit_lateness_ms, trades, first_day, last_day, ended_at)
SELECT said.strategy_id, said.trading_day, said.round, said.user_id, said.account, said.exchange, said.symbol,
    said.product,
    coalesce(CASE WHEN own.newest THEN s.outcome END,
        CASE WHEN said.sold > 0 THEN CASE said.reason WHEN 'SELL' THEN 'sold' WHEN 'STOPLOSS' THEN 'stop_loss'
            WHEN 'TARGET' THEN 'target' END END,
        told.outcome, CASE WHEN said.bought = 0 AND said.sold = 0 THEN 'order_failed' ELSE 'stopped' END),
    coalesce(CASE WHEN own.newest THEN s.outcome_detail END, told.text, ''),
    CASE WHEN said.bought = 0 THEN said.sold ELSE said.bought END, said.sold,
    CASE WHEN own.newest THEN s.outside_quantity ELSE 0 END,
    CASE WHEN said.bought > 0 THEN said.entry_price WHEN own.newest THEN s.entry_price ELSE cost.price END,
    said.exit_price, said.entry_ms, said.exit_ms, said.trades, said.first_day, said.last_day,
    coalesce(CASE WHEN own.newest THEN s.stopped_at END, said.last_at, now())
FROM said JOIN strategies AS s USING (strategy_id)
CROSS JOIN LATERAL (SELECT (s.trading_day, s.round) = (said.trading_day, said.round) AS newest) AS own
LEFT JOIN LATERAL (
    SELECT ending.data ->> 'outcome' AS outcome, ending.text FROM events AS begun JOIN events AS ending
        ON ending.strategy_id = begun.strategy_id AND ending.event_id > begun.event_id
    WHERE begun.strategy_id = said.strategy_id AND begun.kind = 'started' AND ending.kind = 'stopped'
        AND begun.data ->> 'round' = said.round::text
        AND begun.data ->> 'trading_day' = said.trading_day::text
    ORDER BY ending.event_id LIMIT 1
) AS told ON true
LEFT JOIN LATERAL (
    SELECT earlier.entry_price AS price FROM said AS earlier
    WHERE earlier.strategy_id = said.strategy_id AND earlier.bought > 0
        AND (earlier.trading_day, earlier.round) < (said.trading_day, said.round)
    ORDER BY earlier.trading_day DESC, earlier.round DESC LIMIT 1
) AS cost ON true
WHERE NOT (own.newest AND s.status = 'running')
"""
WALLS = (
    "ALTER TABLE strategy_days ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE strategy_days FORCE ROW LEVEL SECURITY",
    "CREATE POLICY owner ON strategy_days TO CURRENT_USER USING (true) WITH CHECK (true)",
)


def upgrade() -> None:
    op.create_table(
        "strategy_days",
        sa.Column("strategy_id", sa.Uuid(), nullable=False),
        sa.Column("trading_day", sa.Date(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("row_id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("account", "exchange", "symbol")),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("product", "outcome", "outcome_detail")),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("quantity", "sold", "outside")),
        sa.Column("entry_price", sa.Numeric(18, 6), nullable=True),
        sa.Column("exit_price", sa.Numeric(18, 6), nullable=True),
        sa.Column("entry_lateness_ms", sa.Integer(), nullable=True),
        sa.Column("exit_lateness_ms", sa.Integer(), nullable=True),
        sa.Column("trades", postgresql.JSONB(), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=True),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.Column(
            "ended_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "quantity >= 0 AND sold >= 0 AND outside >= 0", name=op.f("ck_strategy_days_counts_not_negative")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name=op.f("fk_strategy_days_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("strategy_id", "trading_day", "round", name=op.f("pk_strategy_days")),
    )
    op.execute(ROUNDS_OF_BEFORE)
    op.create_index("ix_strategy_days_user_ended", "strategy_days", ["user_id", "ended_at", "row_id"])
    op.create_index("ix_strategy_days_user_day", "strategy_days", ["user_id", "trading_day"])
    op.create_index(
        "ix_strategy_days_user_last",
        "strategy_days",
        ["user_id", "last_day"],
        postgresql_where=sa.text("last_day IS NOT NULL"),
    )
    for statement in WALLS:
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("strategy_days")
