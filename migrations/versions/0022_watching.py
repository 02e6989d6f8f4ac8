"""Adds the listeners' leases and their word on each stop they watch, written by functions of the owner's."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

# The bounds are the function's own: who may call it names neither the clock nor a longer lease. 53400, like
# all of class 53, means to the caller that Postgres did not answer: a listener that finds no place watches
# everything.
LISTENER_BEAT = """
CREATE FUNCTION listener_beat(who text, standing text, lasts double precision)
RETURNS TABLE (member text, state text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = '' AS $$
#variable_conflict use_column
BEGIN
    DELETE FROM public.listeners WHERE until <= clock_timestamp();
    IF (SELECT count(*) FROM public.listeners WHERE member <> who) >= 64 THEN
        RAISE EXCEPTION 'there are 64 listeners already' USING ERRCODE = '53400';
    END IF;
    INSERT INTO public.listeners (member, state, until) VALUES (
        who, standing, clock_timestamp() + make_interval(secs => least(greatest(lasts, 0), 60)))
    ON CONFLICT (member) DO UPDATE SET state = excluded.state, until = excluded.until;
    RETURN QUERY SELECT member::text, state::text FROM public.listeners;
END $$
"""
LISTENER_LEAVES = """
CREATE FUNCTION listener_leaves(who text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = '' AS $$
    DELETE FROM public.listeners WHERE member = who
$$
"""
# In the order of ids, so that two listeners that say so at once do not wait for each other in a circle.
STOPS_WATCHED = """
CREATE FUNCTION stops_watched(ids uuid[]) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = '' AS $$
    INSERT INTO public.stop_watches (strategy_id, watched_at)
    SELECT strategy_id, clock_timestamp() FROM public.strategies
    WHERE strategy_id = ANY (ids) AND status = 'running' AND position = 'bought'
    ORDER BY strategy_id
    ON CONFLICT (strategy_id) DO UPDATE SET watched_at = excluded.watched_at;
    DELETE FROM public.stop_watches WHERE watched_at < clock_timestamp() - interval '1 hour'
$$
"""
STOPS_HELD = """
CREATE VIEW stops_held AS
SELECT s.strategy_id, s.user_id, s.exchange, s.symbol, s.product,
    s.bought_quantity - s.sold_quantity AS quantity,
    GREATEST(w.watched_at, s.bought_at, pg_postmaster_start_time()) AS watched_at
FROM strategies AS s LEFT JOIN stop_watches AS w USING (strategy_id)
WHERE s.status = 'running' AND s.position = 'bought'
    AND s.phase IS DISTINCT FROM 'exiting' AND s.phase IS DISTINCT FROM 'done'
"""
"""Each stop that is to be watched, and since when nobody has said that it is: a purchase and a start of the
server, which empties `stop_watches`, allow a listener the same time."""
LONGEST_UNWATCHED = """
CREATE FUNCTION longest_unwatched() RETURNS interval
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT max(clock_timestamp() - watched_at) FROM public.stops_held
$$
"""
"""For the API's readiness: an age, and neither whose nor of what."""


def upgrade() -> None:
    create_tables()
    op.execute(STOPS_HELD)
    for function in (LISTENER_BEAT, LISTENER_LEAVES, STOPS_WATCHED, LONGEST_UNWATCHED):
        op.execute(function)
    op.execute(
        "REVOKE ALL ON FUNCTION listener_beat(text, text, double precision), listener_leaves(text), "
        "stops_watched(uuid[]), longest_unwatched() FROM PUBLIC"
    )


def create_tables() -> None:
    """Create both without a write-ahead log: nothing in them is true for longer than a minute."""
    op.create_table(
        "listeners",
        sa.Column("member", sa.String(64), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('joining', 'ready', 'taking_over', 'leaving')", name=op.f("ck_listeners_state_known")
        ),
        sa.PrimaryKeyConstraint("member", name=op.f("pk_listeners")),
        prefixes=["UNLOGGED"],
    )
    op.create_table(
        "stop_watches",
        sa.Column("strategy_id", sa.Uuid(), nullable=False),
        sa.Column("watched_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["strategy_id"],
            ["strategies.strategy_id"],
            name=op.f("fk_stop_watches_strategy_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("strategy_id", name=op.f("pk_stop_watches")),
        prefixes=["UNLOGGED"],
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION longest_unwatched")
    op.execute("DROP VIEW stops_held")
    op.execute("DROP FUNCTION stops_watched")
    op.execute("DROP FUNCTION listener_leaves")
    op.execute("DROP FUNCTION listener_beat")
    op.drop_table("stop_watches")
    op.drop_table("listeners")
