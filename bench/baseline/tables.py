"""The tables in Postgres."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    func,
)

metadata = MetaData()

broker_keys = Table(
    "broker_keys",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("api_key", Text, nullable=False),
    Column("access_token", Text, nullable=False),
)
strategies = Table(
    "strategies",
    metadata,
    Column("strategy_id", Text, primary_key=True),
    Column("user_id", ForeignKey("broker_keys.user_id"), nullable=False),
    Column("symbol", Text, nullable=False),
    Column("buy_at", Double, nullable=False),
    Column("sell_at", Double, nullable=False),
    Column("stop_loss", Numeric, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("status", Text, nullable=False),
)
order_log = Table(
    "order_log",
    metadata,
    Column("order_log_id", BigInteger, Identity(always=True), primary_key=True),
    Column("strategy_id", Text, nullable=False, index=True),
    Column("user_id", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("order_id", Text),
    Column("error", Text),
    Column("created_at", DateTime(timezone=True), server_default=func.now(), nullable=False),
)
