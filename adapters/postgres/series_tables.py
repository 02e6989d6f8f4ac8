"""Maps the table of series: a strategy that repeats, from its START to its end."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, Date, ForeignKey, Index, func
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from adapters.postgres.table_base import Base


class SeriesRow(Base):
    """A series of days. It is open while `ended_at` is NULL; a strategy has one such series at the most."""

    __tablename__ = "series"
    __table_args__ = (
        Index("ix_series_open", "strategy_id", unique=True, postgresql_where=sql("ended_at IS NULL")),
        Index("ix_series_user_open", "user_id", postgresql_where=sql("ended_at IS NULL")),
        Index("ix_series_ended", "ended_at", postgresql_where=sql("ended_at IS NOT NULL")),
        CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="end_has_a_reason"),
    )

    series_id: Mapped[UUID] = mapped_column(primary_key=True)
    """The `start_id` of its first day."""
    strategy_id: Mapped[UUID] = mapped_column(
        ForeignKey("strategies.strategy_id", ondelete="CASCADE"), index=True
    )
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"))
    left_out: Mapped[list[date]] = mapped_column(ARRAY(Date), server_default=sql("'{}'"))
    """Days that its user leaves out."""
    last_day: Mapped[date | None]
    """Its last day that is over: none of it comes again."""
    close_day: Mapped[date | None]
    close_price: Mapped[Decimal | None]
    """The symbol's last price on the trading day `close_day`, read after its close."""
    close_asked_at: Mapped[datetime | None]
    """When its account was last asked for it, or for what is compared with it."""
    compared_on: Mapped[date | None]
    """The day on which the close was compared with what the broker states."""
    asked_on: Mapped[date | None]
    """Since when its prices are in question: it buys nothing until they are edited or confirmed."""
    begun_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None]
    """Why it ended (`domain.series.SeriesEnd`)."""
