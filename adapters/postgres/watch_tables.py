"""Maps the tables of what listeners say: which of them live, which stops they watch, how high prices were.

The first two are UNLOGGED: nothing in them is true for longer than a minute. Functions of the owner's write
all of them.
"""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from adapters.postgres.table_base import Base


class ListenerRow(Base):
    """A listener's lease."""

    __tablename__ = "listeners"
    __table_args__ = (
        CheckConstraint("state IN ('joining', 'ready', 'taking_over', 'leaving')", name="state_known"),
        {"prefixes": ["UNLOGGED"]},
    )

    member: Mapped[str] = mapped_column(String(64), primary_key=True)
    state: Mapped[str]
    until: Mapped[datetime]


class StopWatchRow(Base):
    """When a listener last said that it watches the stop of a strategy."""

    __tablename__ = "stop_watches"
    __table_args__ = {"prefixes": ["UNLOGGED"]}  # noqa: RUF012

    strategy_id: Mapped[UUID] = mapped_column(
        ForeignKey("strategies.strategy_id", ondelete="CASCADE"), primary_key=True
    )
    watched_at: Mapped[datetime]


class PeakRow(Base):
    """The highest price that could act since a run's first fill, as a listener last said it."""

    __tablename__ = "peaks"

    strategy_id: Mapped[UUID] = mapped_column(
        ForeignKey("strategies.strategy_id", ondelete="CASCADE"), primary_key=True
    )
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"), index=True)
    run_id: Mapped[str]
    price: Mapped[Decimal]
    written_at: Mapped[datetime]
