"""Adds the limits of an account's day, their breaches, and the prices by which open losses are judged."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

# The newest word to stop of each running strategy. A word is of one START; of two the newer counts. A breach
# that sells is a word to the strategies of its day that were started before it, until they are flat.
STOPS_DUE = """
CREATE OR REPLACE VIEW stops_due AS
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
    UNION ALL
    SELECT s.strategy_id, b.at, 'exit'
    FROM breaches AS b JOIN strategies AS s USING (user_id)
    WHERE b.on_breach = 'exit' AND b.at > now() - interval '7 days' AND s.status = 'running'
        AND s.position = 'bought' AND s.trading_day <= b.trading_day AND s.started_at <= b.at
) AS spoken
ORDER BY strategy_id, due_at DESC
"""
STOPS_DUE_BEFORE = """
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
# Called under the account's lock (`sent_lately`), and VOLATILE: it sees what was committed before the lock
# was had, which the statement around it does not.
ROUNDS_CLAIMED = """
CREATE FUNCTION rounds_claimed(whose uuid, which date) RETURNS TABLE (strategy_id uuid, round integer)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT DISTINCT strategy_id, round FROM public.orders
        WHERE user_id = whose AND trading_day = which AND leg = 'entry' AND sent_at IS NOT NULL;
END $$
"""
# What the listener is asked to price: held shares of accounts that have a limit on their day's money.
PRICES_WANTED = """
CREATE VIEW prices_wanted AS
SELECT s.strategy_id FROM limits AS l JOIN strategies AS s USING (user_id)
WHERE (l.daily_loss IS NOT NULL OR l.daily_profit IS NOT NULL)
    AND s.status = 'running' AND s.position = 'bought'
"""
# Who may call it says a price and its age; the clock is the server's, and no price is of the future. In the
# order of ids, so that two listeners that say so at once do not wait for each other in a circle.
PRICES_SEEN = """
CREATE FUNCTION prices_seen(ids uuid[], prices numeric[], ages double precision[]) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = '' AS $$
    INSERT INTO public.held_prices AS known (strategy_id, price, seen_at)
    SELECT strategy_id, seen.price, clock_timestamp() - make_interval(secs => greatest(seen.age, 0))
    FROM unnest(ids, prices, ages) AS seen (strategy_id, price, age)
        JOIN public.prices_wanted USING (strategy_id)
    WHERE seen.price > 0
    ORDER BY strategy_id
    ON CONFLICT (strategy_id) DO UPDATE SET price = excluded.price, seen_at = excluded.seen_at
        WHERE known.seen_at <= excluded.seen_at OR known.seen_at > clock_timestamp();
    DELETE FROM public.held_prices WHERE seen_at < clock_timestamp() - interval '1 hour'
$$
"""
WALLS = (
    "ALTER TABLE breaches ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE breaches FORCE ROW LEVEL SECURITY",
    "CREATE POLICY owner ON breaches TO CURRENT_USER USING (true) WITH CHECK (true)",
    "ALTER TABLE price_gaps ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE price_gaps FORCE ROW LEVEL SECURITY",
    "CREATE POLICY owner ON price_gaps TO CURRENT_USER USING (true) WITH CHECK (true)",
)
WHOLE = ("daily_profit", "trades_a_day")


def upgrade() -> None:
    op.add_column("limits", sa.Column("daily_profit", sa.Numeric(), nullable=True))
    op.add_column("limits", sa.Column("trades_a_day", sa.Integer(), nullable=True))
    op.add_column(
        "limits", sa.Column("on_breach", sa.String(), server_default=sa.text("'block'"), nullable=False)
    )
    for column in WHOLE:
        op.create_check_constraint(op.f(f"ck_limits_{column}_positive"), "limits", f"{column} > 0")
    op.create_check_constraint(op.f("ck_limits_on_breach_known"), "limits", "on_breach IN ('block', 'exit')")
    op.create_index(
        "ix_limits_of_a_day",
        "limits",
        ["user_id"],
        postgresql_where=sa.text("daily_loss IS NOT NULL OR daily_profit IS NOT NULL"),
    )
    op.create_index("ix_orders_user_day", "orders", ["user_id", "trading_day"])
    create_tables()
    for statement in (STOPS_DUE, ROUNDS_CLAIMED, PRICES_WANTED, PRICES_SEEN):
        op.execute(statement)
    op.execute(
        "REVOKE ALL ON FUNCTION rounds_claimed(uuid, date), "
        "prices_seen(uuid[], numeric[], double precision[]) FROM PUBLIC"
    )
    op.execute("INSERT INTO limits_watch DEFAULT VALUES")


def create_tables() -> None:
    """Create the breaches, the gaps in what is known, the prices, and the lease of who judges."""
    op.create_table(
        "breaches",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("trading_day", sa.Date(), nullable=False),
        sa.Column("limit_name", sa.String(), nullable=False),
        sa.Column("value", sa.Numeric(), nullable=False),
        sa.Column("net", sa.Numeric(), nullable=True),
        sa.Column("on_breach", sa.String(), nullable=False),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "limit_name IN ('daily_loss', 'daily_profit', 'trades_a_day')",
            name=op.f("ck_breaches_limit_known"),
        ),
        sa.CheckConstraint("on_breach IN ('block', 'exit')", name=op.f("ck_breaches_on_breach_known")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name=op.f("fk_breaches_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "trading_day", "limit_name", name=op.f("pk_breaches")),
    )
    op.create_index("ix_breaches_untold", "breaches", ["at"], postgresql_where=sa.text("told_at IS NULL"))
    op.create_index("ix_breaches_exit", "breaches", ["at"], postgresql_where=sa.text("on_breach = 'exit'"))
    op.create_table(
        "price_gaps",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column(
            "since", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name=op.f("fk_price_gaps_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_price_gaps")),
    )
    for statement in WALLS:
        op.execute(statement)
    op.create_table(
        "held_prices",
        sa.Column("strategy_id", sa.Uuid(), nullable=False),
        sa.Column("price", sa.Numeric(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["strategy_id"],
            ["strategies.strategy_id"],
            name=op.f("fk_held_prices_strategy_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("strategy_id", name=op.f("pk_held_prices")),
        # Nothing in it is true for longer than five seconds.
        prefixes=["UNLOGGED"],
    )
    op.create_table(
        "limits_watch",
        sa.Column("one", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("worker", sa.String(), server_default="", nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("one", name=op.f("ck_limits_watch_one_row")),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_limits_watch")),
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION prices_seen")
    op.execute("DROP VIEW prices_wanted")
    op.execute("DROP FUNCTION rounds_claimed")
    op.execute("DROP VIEW stops_due")
    op.execute(STOPS_DUE_BEFORE)
    for table in ("limits_watch", "held_prices", "price_gaps", "breaches"):
        op.drop_table(table)
    op.drop_index("ix_orders_user_day", "orders")
    op.drop_index("ix_limits_of_a_day", "limits")
    op.drop_constraint(op.f("ck_limits_on_breach_known"), "limits")
    for column in ("on_breach", "trades_a_day", "daily_profit"):
        op.drop_column("limits", column)
