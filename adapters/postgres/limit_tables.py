"""Maps the tables of what is judged by a day's limits: breaches, gaps in the prices, prices, who judges."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, func
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from adapters.postgres.table_base import Base


class BreachRow(Base):
    """A limit that a day has reached: written once; no role changes or removes it."""

    __tablename__ = "breaches"
    __table_args__ = (
        CheckConstraint("limit_name IN ('daily_loss', 'daily_profit', 'trades_a_day')", name="limit_known"),
        CheckConstraint("on_breach IN ('block', 'exit')", name="on_breach_known"),
        Index("ix_breaches_untold", "at", postgresql_where=sql("told_at IS NULL")),
        Index("ix_breaches_exit", "at", postgresql_where=sql("on_breach = 'exit'")),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"), primary_key=True)
    trading_day: Mapped[date] = mapped_column(primary_key=True)
    limit_name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[Decimal]
    """The limit as it was then."""
    net: Mapped[Decimal | None]
    """What the day had come to; NULL for a number of trades."""
    on_breach: Mapped[str]
    """"exit": what is held is sold for it. Always "block" for a number of trades."""
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    told_at: Mapped[datetime | None]
    """When its user was told."""


class PriceGapRow(Base):
    """A user who was told that a price is missing; the row goes when all prices are back."""

    __tablename__ = "price_gaps"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"), primary_key=True)
    since: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class HeldPriceRow(Base):
    """The last price of a held share, as a listener says it. UNLOGGED: it counts for five seconds."""

    __tablename__ = "held_prices"
    __table_args__ = {"prefixes": ["UNLOGGED"]}  # noqa: RUF012

    strategy_id: Mapped[UUID] = mapped_column(
        ForeignKey("strategies.strategy_id", ondelete="CASCADE"), primary_key=True
    )
    price: Mapped[Decimal]
    seen_at: Mapped[datetime]


class LimitsWatchRow(Base):
    """The worker that judges the days of all accounts now, and until when: one row."""

    __tablename__ = "limits_watch"
    __table_args__ = (CheckConstraint("one", name="one_row"),)

    one: Mapped[bool] = mapped_column(primary_key=True, server_default=sql("true"))
    worker: Mapped[str] = mapped_column(server_default="")
    until: Mapped[datetime | None]
