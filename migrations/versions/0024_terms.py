"""Adds the terms of version 2, the price step of the day, and the peaks that stops follow."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

# Who may call it says how high a price was, of a run that holds; it lowers none. In the order of ids, so that
# two listeners that say so at once do not wait for each other in a circle.
PEAKS_SEEN = """
CREATE FUNCTION peaks_seen(ids uuid[], prices numeric[]) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = '' AS $$
    INSERT INTO public.peaks AS known (strategy_id, user_id, run_id, price, written_at)
    SELECT s.strategy_id, s.user_id, s.run_id, seen.price, clock_timestamp()
    FROM unnest(ids, prices) AS seen (strategy_id, price) JOIN public.strategies AS s USING (strategy_id)
    WHERE s.status = 'running' AND s.position = 'bought' AND s.run_id IS NOT NULL AND seen.price > 0
    ORDER BY s.strategy_id
    ON CONFLICT (strategy_id) DO UPDATE SET written_at = excluded.written_at, run_id = excluded.run_id,
        price = CASE WHEN known.run_id = excluded.run_id THEN greatest(known.price, excluded.price)
            ELSE excluded.price END
$$
"""
WATCHED = """
CREATE VIEW watched AS SELECT strategy_id, user_id, exchange, symbol, stop_loss, phase, position,
    workflow_id, run_id, terms, entry_price, tick_size FROM strategies WHERE status = 'running'
"""
BEFORE = """
CREATE VIEW watched AS SELECT strategy_id, user_id, exchange, symbol, stop_loss, phase, position,
    workflow_id, run_id FROM strategies WHERE status = 'running'
"""
WATCHED_PEAKS = """
CREATE VIEW watched_peaks AS SELECT peaks.strategy_id, peaks.run_id, peaks.price
FROM peaks JOIN strategies USING (strategy_id, run_id) WHERE strategies.status = 'running'
"""
# A stop that is measured from the fill moves with its average.
FILLED = """
CREATE TRIGGER strategy_priced AFTER UPDATE OF entry_price ON strategies FOR EACH ROW
WHEN (OLD.entry_price IS DISTINCT FROM NEW.entry_price AND NEW.terms <> '{}')
EXECUTE FUNCTION notify_strategy_changed()
"""


def upgrade() -> None:
    op.execute("DROP VIEW watched")
    op.alter_column("strategies", "stop_loss", nullable=True)
    op.add_column(
        "strategies", sa.Column("terms", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False)
    )
    op.add_column("strategies", sa.Column("tick_size", sa.Numeric(), nullable=True))
    op.create_check_constraint(
        op.f("ck_strategies_one_stop"), "strategies", "(stop_loss IS NULL) = (terms ? 'stop')"
    )
    op.add_column("orders", sa.Column("target", sa.Numeric(), nullable=True))
    create_peaks()
    op.execute(WATCHED)
    op.execute(FILLED)
    # Who wants to hear of a stop wants to hear of a target.
    op.execute("""UPDATE notice_channels SET tells = tells || '"target"' WHERE tells ? 'stop_loss'""")


def create_peaks() -> None:
    """Create the table, the listener's way into it, and its view of it."""
    op.create_table(
        "peaks",
        sa.Column("strategy_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("price", sa.Numeric(), nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["strategy_id"],
            ["strategies.strategy_id"],
            name=op.f("fk_peaks_strategy_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name=op.f("fk_peaks_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("strategy_id", name=op.f("pk_peaks")),
    )
    op.create_index("ix_peaks_user_id", "peaks", ["user_id"])
    op.execute("ALTER TABLE peaks ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE peaks FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY owner ON peaks TO CURRENT_USER USING (true) WITH CHECK (true)")
    op.execute(PEAKS_SEEN)
    op.execute("REVOKE ALL ON FUNCTION peaks_seen(uuid[], numeric[]) FROM PUBLIC")
    op.execute(WATCHED_PEAKS)


def downgrade() -> None:
    op.execute("UPDATE notice_channels SET tells = tells - 'target'")
    op.execute("DROP TRIGGER strategy_priced ON strategies")
    op.execute("DROP VIEW watched_peaks")
    op.execute("DROP VIEW watched")
    op.execute("DROP FUNCTION peaks_seen")
    op.drop_table("peaks")
    op.drop_column("orders", "target")
    op.drop_constraint(op.f("ck_strategies_one_stop"), "strategies")
    op.drop_column("strategies", "tick_size")
    op.drop_column("strategies", "terms")
    op.execute("DELETE FROM strategies WHERE stop_loss IS NULL")
    op.alter_column("strategies", "stop_loss", nullable=False)
    op.execute(BEFORE)
