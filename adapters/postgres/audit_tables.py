"""The tables of the audit log."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from adapters.postgres.table_base import Base


class AuditRow(Base):
    """A line of the audit log. A trigger sets `chain`, `seq`, `at`, `writer` and the hashes.

    No foreign key: lines of deleted users stay.
    """

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_user_id_seq", "user_id", "seq"),)

    chain: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    user_id: Mapped[UUID | None]
    at: Mapped[datetime]
    writer: Mapped[str]
    role: Mapped[str]
    actor: Mapped[str]
    action: Mapped[str]
    object: Mapped[str]
    reason: Mapped[str]
    ip: Mapped[str]
    agent: Mapped[str]
    version: Mapped[str]
    prev_hash: Mapped[bytes]
    hash: Mapped[bytes]


class AuditHead(Base):
    """The end of a chain of the audit log: reveals that its last line was removed."""

    __tablename__ = "audit_heads"

    chain: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes]
