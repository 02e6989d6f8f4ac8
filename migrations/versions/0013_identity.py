"""Adds identities of logins, order accounts, STARTs and strategies that are never reused."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# With the owner's rights: each strategy adds its id, and no role reads or removes one. After the row, so that
# a create that finds its strategy there adds nothing; two of one id wait for each other at the primary key.
KEEP_ID = """
CREATE FUNCTION keep_strategy_id() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO public.used_strategy_ids (strategy_id) VALUES (NEW.strategy_id);
    RETURN NULL;
END $$
"""
# Strategies that were started before: as much as their rows know. The day's opening decides nothing. A START
# that only sells has no time to buy at. Their runs name no account, so neither do these.
STARTS_OF_BEFORE = """
INSERT INTO starts (start_id, user_id, strategy_id, account, terms, plan, sell_only, written_at)
SELECT start_id, user_id, strategy_id, '',
    jsonb_build_object(
        'strategy_id', strategy_id, 'user_id', user_id, 'symbol', symbol, 'exchange', exchange,
        'product', product, 'buy_time', buy_time::text, 'sell_time', sell_time::text,
        'stop_loss', stop_loss::text, 'quantity', quantity, 'on_stop', on_stop),
    jsonb_build_object(
        'trading_day', trading_day, 'buy_at', buy_at, 'sell_at', sell_at, 'opens_at', buy_at,
        'closes_at', closes_at, 'warnings', warnings),
    buy_at = sell_at, coalesce(started_at, now())
FROM strategies
WHERE start_id IS NOT NULL AND trading_day IS NOT NULL AND buy_at IS NOT NULL AND sell_at IS NOT NULL
    AND closes_at IS NOT NULL
"""


def upgrade() -> None:
    number_logins()
    op.add_column("orders", sa.Column("account", sa.String(), server_default="", nullable=False))
    create_starts()
    keep_ids()


def number_logins() -> None:
    """Number all logins from one sequence that begins above every row's own count.

    In steps: a process of the version before, which adds one, does not reach a number of the sequence.
    """
    op.execute("CREATE SEQUENCE login_versions AS integer START 1000000 INCREMENT 16")
    op.alter_column("broker_keys", "login_version", server_default=sa.text("nextval('login_versions')"))


def create_starts() -> None:
    op.create_table(
        "starts",
        sa.Column("start_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("strategy_id", sa.Uuid(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("terms", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("plan", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sell_only", sa.Boolean(), nullable=False),
        sa.Column(
            "written_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name=op.f("fk_starts_user_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["strategy_id"],
            ["strategies.strategy_id"],
            name=op.f("fk_starts_strategy_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("start_id", name=op.f("pk_starts")),
    )
    op.create_index("ix_starts_user_written", "starts", ["user_id", "written_at"])
    op.create_index(op.f("ix_starts_strategy_id"), "starts", ["strategy_id"])
    op.execute(STARTS_OF_BEFORE)
    op.execute("ALTER TABLE starts ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE starts FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY owner ON starts TO CURRENT_USER USING (true) WITH CHECK (true)")


def keep_ids() -> None:
    op.create_table(
        "used_strategy_ids",
        sa.Column("strategy_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("strategy_id", name=op.f("pk_used_strategy_ids")),
    )
    op.execute("INSERT INTO used_strategy_ids (strategy_id) SELECT strategy_id FROM strategies")
    op.execute(KEEP_ID)
    op.execute(
        "CREATE TRIGGER strategy_id_kept AFTER INSERT ON strategies "
        "FOR EACH ROW EXECUTE FUNCTION keep_strategy_id()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER strategy_id_kept ON strategies")
    op.execute("DROP FUNCTION keep_strategy_id")
    op.drop_table("used_strategy_ids")
    op.drop_table("starts")
    op.drop_column("orders", "account")
    op.alter_column("broker_keys", "login_version", server_default=sa.text("1"))
    op.execute("DROP SEQUENCE login_versions")
