"""Maps the table of accounts that are read in turn, because strategies hold something in them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from adapters.postgres.table_base import Base


class AccountReadRow(Base):
    """When an account that holds something is read next, and how its last reading ended.

    All instants are by Postgres' clock.
    """

    __tablename__ = "account_reads"
    __table_args__ = (Index("ix_account_reads_next_at", "next_at"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"), primary_key=True)
    account: Mapped[str] = mapped_column(primary_key=True)
    """As its orders name it; empty: whichever is connected."""
    turn: Mapped[int] = mapped_column(BigInteger, server_default=sql("0"))
    """Counts the readings: one that has passed to another process writes nothing more."""
    next_at: Mapped[datetime]
    taken_until: Mapped[datetime | None]
    """Until when the process that took the turn has it; NULL: it is given back."""
    tried_at: Mapped[datetime | None]
    """When the last reading began."""
    read_at: Mapped[datetime | None]
    """When the last reading began that succeeded."""
    foreign_at: Mapped[datetime | None]
    """When an order of the account moved that is not this product's."""
    orders_at: Mapped[datetime | None]
    """When an order of the product last moved in it: its stops at the exchange are looked at."""
    failed_since: Mapped[datetime | None]
    why: Mapped[str] = mapped_column(server_default="")
    told: Mapped[bool] = mapped_column(server_default=sql("false"))
    """An alert went out for this failure."""
    shown: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=sql("'{}'"))
    """What the last reading showed of each strategy and is not settled yet."""
