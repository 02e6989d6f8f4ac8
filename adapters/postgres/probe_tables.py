"""Maps the table of probes: what trading one share showed of stops at the exchange, for one account."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from adapters.postgres.table_base import Base


class ProbeRow(Base):
    """One probe that came to a verdict. Written by the operator's command, as the schema's owner."""

    __tablename__ = "stop_probes"
    __table_args__ = (
        CheckConstraint("expectations ~ '^[0-9a-f]{64}$'", name="expectations_digest"),
        Index("ix_stop_probes_newest", "user_id", "account", "probed_at"),
    )

    probe_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"))
    account: Mapped[str]
    """The broker account, as orders name it: `zerodha:AB1234`."""
    kite_root: Mapped[str]
    live: Mapped[bool]
    """The orders were real ones, at Zerodha."""
    passed: Mapped[bool]
    expectations: Mapped[str]
    """The digest of the table it was held against."""
    symbol: Mapped[str]
    """`NSE:TATASTEEL`."""
    rounds: Mapped[int]
    differences: Mapped[list[Any]] = mapped_column(JSONB)
    """Those that were seen, as lines for a person."""
    answers: Mapped[str]
    """The SHA-256 of the file of raw answers."""
    operator: Mapped[str]
    probed_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
