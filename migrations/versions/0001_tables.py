"""Creates accounts, strategies, orders and their timeline, with triggers and views."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# What a listener or a live stream has to hear of at once. Postgres delivers notices on commit.
LIFE_CYCLE = "status, phase, position, run_id"


def upgrade() -> None:
    create_accounts()
    create_strategies()
    create_orders()
    create_events()
    create_notices()
    create_listener_views()


def downgrade() -> None:
    op.execute("DROP VIEW feed_logins")
    op.execute("DROP VIEW watched")
    for table in ("events", "orders", "strategies", "sessions", "broker_keys", "users"):
        op.drop_table(table)
    op.execute("DROP FUNCTION notify_event_added")
    op.execute("DROP FUNCTION notify_strategy_changed")


def create_accounts() -> None:
    op.create_table(
        "users",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_users")),
        sa.UniqueConstraint("email", name=op.f("uq_users_email")),
    )
    op.create_table(
        "broker_keys",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("broker", sa.String(), nullable=False),
        sa.Column("broker_user_id", sa.String(), nullable=False),
        sa.Column("user_name", sa.String(), nullable=False),
        sa.Column("api_key", sa.LargeBinary(), nullable=False),
        sa.Column("api_secret", sa.LargeBinary(), nullable=False),
        sa.Column("access_token", sa.LargeBinary(), nullable=True),
        sa.Column("login_key", sa.LargeBinary(), nullable=False),
        sa.Column("login_version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("login_dead", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("connected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("token_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name=op.f("fk_broker_keys_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_broker_keys")),
    )
    op.create_table(
        "sessions",
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("family_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name=op.f("fk_sessions_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_sessions_token_hash")),
    )
    op.create_index(op.f("ix_sessions_family_id"), "sessions", ["family_id"], unique=False)
    op.create_index(op.f("ix_sessions_user_id"), "sessions", ["user_id"], unique=False)


def create_strategies() -> None:
    op.create_table(
        "strategies",
        sa.Column("strategy_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("exchange", sa.String(), nullable=False),
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("buy_time", sa.Time(), nullable=False),
        sa.Column("sell_time", sa.Time(), nullable=False),
        sa.Column("stop_loss", sa.Numeric(precision=18, scale=6), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("on_stop", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("status", sa.String(), server_default="created", nullable=False),
        sa.Column("phase", sa.String(), nullable=True),
        sa.Column("position", sa.String(), server_default="none", nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("outcome_detail", sa.String(), nullable=True),
        sa.Column("trading_day", sa.Date(), nullable=True),
        sa.Column("round", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("start_id", sa.Uuid(), nullable=True),
        sa.Column("workflow_id", sa.String(), nullable=True),
        sa.Column("run_id", sa.String(), nullable=True),
        sa.Column("buy_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sell_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "warnings",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.Column("bought_quantity", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sold_quantity", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("entry_price", sa.Numeric(precision=18, scale=6), nullable=True),
        sa.Column("exit_price", sa.Numeric(precision=18, scale=6), nullable=True),
        sa.Column("kept", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("buy_time < sell_time", name=op.f("ck_strategies_buy_before_sell")),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_strategies_quantity_positive")),
        sa.CheckConstraint("stop_loss > 0", name=op.f("ck_strategies_stop_loss_positive")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name=op.f("fk_strategies_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("strategy_id", name=op.f("pk_strategies")),
    )
    op.create_index(
        "ix_strategies_running",
        "strategies",
        ["status"],
        unique=False,
        postgresql_where=sa.text("status = 'running'"),
    )
    op.create_index(
        "ix_strategies_user_created", "strategies", ["user_id", "created_at", "strategy_id"], unique=False
    )


def create_orders() -> None:
    op.create_table(
        "orders",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("strategy_id", sa.Uuid(), nullable=False),
        sa.Column("trading_day", sa.Date(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("leg", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("tag", sa.String(), nullable=False),
        sa.Column("exchange", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("quantity", sa.Integer(), nullable=True),
        sa.Column("filled_quantity", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("average_price", sa.Numeric(precision=18, scale=6), nullable=True),
        sa.Column("status", sa.String(), server_default="planned", nullable=False),
        sa.Column("broker_order_id", sa.String(), nullable=True),
        sa.Column("message", sa.String(), server_default="", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("send_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("filled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("looked_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("look_ups", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("filled_quantity >= 0", name=op.f("ck_orders_filled_not_negative")),
        sa.ForeignKeyConstraint(
            ["strategy_id"],
            ["strategies.strategy_id"],
            name=op.f("fk_orders_strategy_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name=op.f("fk_orders_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_orders")),
        sa.UniqueConstraint(
            "strategy_id",
            "trading_day",
            "round",
            "leg",
            "attempt",
            name=op.f("uq_orders_strategy_id_trading_day_round_leg_attempt"),
        ),
        sa.UniqueConstraint("tag", name=op.f("uq_orders_tag")),
    )
    op.create_index("ix_orders_user_created", "orders", ["user_id", "created_at", "order_id"], unique=False)


def create_events() -> None:
    op.create_table(
        "events",
        sa.Column("event_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("strategy_id", sa.Uuid(), nullable=False),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("phase", sa.String(), nullable=True),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column(
            "data", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("once", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["strategy_id"],
            ["strategies.strategy_id"],
            name=op.f("fk_events_strategy_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.user_id"], name=op.f("fk_events_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_events")),
        sa.UniqueConstraint("strategy_id", "once", name=op.f("uq_events_strategy_id_once")),
    )
    op.create_index("ix_events_strategy", "events", ["strategy_id", "event_id"], unique=False)


def create_notices() -> None:
    _create_notice("strategy_changed")
    _create_notice("event_added")
    op.execute(
        "CREATE TRIGGER strategy_added AFTER INSERT ON strategies "
        "FOR EACH ROW EXECUTE FUNCTION notify_strategy_changed()"
    )
    op.execute(
        f"CREATE TRIGGER strategy_changed AFTER UPDATE OF {LIFE_CYCLE} ON strategies FOR EACH ROW "
        "WHEN ((OLD.status, OLD.phase, OLD.position, OLD.run_id) "
        "IS DISTINCT FROM (NEW.status, NEW.phase, NEW.position, NEW.run_id)) "
        "EXECUTE FUNCTION notify_strategy_changed()"
    )
    op.execute(
        "CREATE TRIGGER event_added AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION notify_event_added()"
    )


def _create_notice(channel: str) -> None:
    op.execute(
        f"CREATE FUNCTION notify_{channel}() RETURNS trigger LANGUAGE plpgsql AS $$ "
        f"BEGIN PERFORM pg_notify('{channel}', NEW.strategy_id::text); RETURN NULL; END $$"
    )


def create_listener_views() -> None:
    """Create the views of the listener's role: running strategies, and the logins of their feeds."""
    op.execute(
        "CREATE VIEW watched AS SELECT strategy_id, user_id, exchange, symbol, stop_loss, phase, position, "
        "workflow_id, run_id FROM strategies WHERE status = 'running'"
    )
    op.execute(
        "CREATE VIEW feed_logins AS SELECT user_id, api_key, access_token, login_version, login_dead "
        "FROM broker_keys WHERE user_id IN (SELECT user_id FROM strategies WHERE status = 'running')"
    )
