"""Maps the table of finished rounds: the books of users, which outlive their strategies."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, func
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from adapters.postgres.table_base import Base


class FinishedRoundRow(Base):
    """A round of a strategy that is over. It has no foreign key to the strategy, which may be deleted."""

    __tablename__ = "strategy_days"
    __table_args__ = (
        CheckConstraint("quantity >= 0 AND sold >= 0 AND outside >= 0", name="counts_not_negative"),
        Index("ix_strategy_days_user_ended", "user_id", "ended_at", "row_id"),
        Index("ix_strategy_days_user_day", "user_id", "trading_day"),
        # What traded on a day: its charges are settled together.
        Index(
            "ix_strategy_days_user_last",
            "user_id",
            "last_day",
            postgresql_where=sql("last_day IS NOT NULL"),
        ),
        # Whose charges are checked that evening.
        Index("ix_strategy_days_last", "last_day", postgresql_where=sql("last_day IS NOT NULL")),
    )

    strategy_id: Mapped[UUID] = mapped_column(primary_key=True)
    trading_day: Mapped[date] = mapped_column(primary_key=True)
    round: Mapped[int] = mapped_column(primary_key=True)
    row_id: Mapped[UUID] = mapped_column(server_default=func.gen_random_uuid())
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"))
    account: Mapped[str]
    exchange: Mapped[str]
    symbol: Mapped[str]
    product: Mapped[str]
    outcome: Mapped[str]
    outcome_detail: Mapped[str]
    quantity: Mapped[int]
    """What it bought; of a run that only sold, what that sold."""
    sold: Mapped[int]
    outside: Mapped[int]
    entry_price: Mapped[Decimal | None]
    exit_price: Mapped[Decimal | None]
    entry_lateness_ms: Mapped[int | None]
    exit_lateness_ms: Mapped[int | None]
    trades: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    """Its orders as far as they were filled: side, quantity, price (text, or null) and day."""
    first_day: Mapped[date | None]
    last_day: Mapped[date | None]
    """The first and the last day on which it traded; NULL where it traded nothing."""
    ended_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    charge_tries: Mapped[int] = mapped_column(server_default=sql("0"))
    charge_tried_at: Mapped[datetime | None]
    charges_agree: Mapped[bool | None]
    """Whether the broker's own charges of its last day agree with these; NULL while that is unchecked."""
