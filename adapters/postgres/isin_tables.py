"""Maps the table of ISINs: those that holdings at the broker showed, of all users together."""

from datetime import date

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from adapters.postgres.table_base import Base


class IsinRow(Base):
    """An ISIN that a symbol had, and the first and last day on which it was seen. It names no user."""

    __tablename__ = "isins"
    __table_args__ = (
        CheckConstraint("isin ~ '^[A-Z]{2}[A-Z0-9]{9}[0-9]$'", name="isin_well_formed"),
        CheckConstraint("first_seen <= last_seen", name="first_seen_first"),
    )

    exchange: Mapped[str] = mapped_column(primary_key=True)
    symbol: Mapped[str] = mapped_column(primary_key=True)
    isin: Mapped[str] = mapped_column(primary_key=True)
    first_seen: Mapped[date]
    last_seen: Mapped[date]
