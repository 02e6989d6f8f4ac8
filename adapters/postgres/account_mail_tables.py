"""The tables of mails about accounts: those asked for, the tokens of links, and whether any can be sent."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, func
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from adapters.postgres.table_base import Base


class AccountMailRow(Base):
    """A mail that was asked for, for an hour at most.

    It belongs to no user: it is written without looking whether the address has an account, so that neither
    the answer nor its time tells. The API adds rows and reads none.
    """

    __tablename__ = "account_mails"
    __table_args__ = (
        Index("ix_account_mails_due", "due_at", postgresql_where=sql("status = 'waiting'")),
        Index("ix_account_mails_email", "email", "claimed_at"),
    )

    mail_id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    email: Mapped[str]
    purpose: Mapped[str]
    asked_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    due_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    status: Mapped[str] = mapped_column(server_default="waiting")
    attempts: Mapped[int] = mapped_column(server_default=sql("0"))
    sent_as: Mapped[str | None]
    """The mail that was sent for it; NULL where none was."""
    claimed_at: Mapped[datetime | None]


class MailTokenRow(Base):
    """The token of a mailed link, as its SHA-256. It works once: using it deletes the row."""

    __tablename__ = "mail_tokens"

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"), index=True)
    purpose: Mapped[str]
    email: Mapped[str]
    """Where it was mailed; it is of no use once the account has another address."""
    expires_at: Mapped[datetime]


class MailState(Base):
    """Whether a worker can send mails about accounts: one row, written by the worker that sends."""

    __tablename__ = "mail_state"
    __table_args__ = (CheckConstraint("one", name="one_row"),)

    one: Mapped[bool] = mapped_column(primary_key=True, server_default=sql("true"))
    sends: Mapped[bool] = mapped_column(server_default=sql("false"))
