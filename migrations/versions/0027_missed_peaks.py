"""Shows the listener since when a peak may have been missed."""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

WATCHED = """
CREATE OR REPLACE VIEW watched AS SELECT strategy_id, user_id, exchange, symbol, stop_loss, phase, position,
    workflow_id, run_id, terms, entry_price, tick_size{more} FROM strategies WHERE status = 'running'
"""
WATCHED_PEAKS = """
CREATE OR REPLACE VIEW watched_peaks AS SELECT peaks.strategy_id, peaks.run_id, peaks.price{more}
FROM peaks JOIN strategies USING (strategy_id, run_id) WHERE strategies.status = 'running'
"""


def upgrade() -> None:
    op.execute(WATCHED.format(more=", bought_at"))
    op.execute(WATCHED_PEAKS.format(more=", peaks.written_at"))


def downgrade() -> None:
    # A view cannot lose a column, and an older listener asks for none by its place.
    pass
