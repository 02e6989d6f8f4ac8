"""The tables of notifications: channels, queued notifications, and the cursor in the timeline."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, func
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from adapters.postgres.table_base import Base


class ChannelRow(Base):
    """Where a user is notified. Address and secret are sealed to the server's public key."""

    __tablename__ = "notice_channels"
    __table_args__ = (UniqueConstraint("user_id", "digest"),)

    channel_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    shown: Mapped[str]
    """What its user knows it by: a host, a service; nothing secret."""
    address: Mapped[bytes] = mapped_column(LargeBinary)
    secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The key that signs a webhook's notifications."""
    tells: Mapped[list[str]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    gone_at: Mapped[datetime | None]
    """When its receiver said that it no longer exists: nothing is sent from then on."""
    digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    """The hash of a browser's subscription: set up twice, it is one channel. NULL for the other kinds."""


class NotificationRow(Base):
    """One notification for one channel. The unique key makes each event notified once."""

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("channel_id", "source"),
        Index("ix_notices_user_at", "user_id", "at", "notice_id"),
        Index("ix_notices_due", "channel_id", "due_at", postgresql_where=sql("status = 'waiting'")),
        Index("ix_notices_sending", "channel_id", postgresql_where=sql("status = 'sending'")),
        Index("ix_notices_at", "at"),
    )

    notice_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"))
    channel_id: Mapped[UUID] = mapped_column(ForeignKey("notice_channels.channel_id", ondelete="CASCADE"))
    strategy_id: Mapped[UUID | None]
    kind: Mapped[str]
    text: Mapped[str]
    at: Mapped[datetime]
    """When what it tells of happened."""
    source: Mapped[str]
    """What it tells of: `event:4711`."""
    status: Mapped[str] = mapped_column(server_default="waiting")
    attempts: Mapped[int] = mapped_column(server_default=sql("0"))
    due_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    claimed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    message: Mapped[str] = mapped_column(server_default="")


class NotificationCursor(Base):
    """The timeline line up to which all notifications are made: one row."""

    __tablename__ = "notice_cursor"
    __table_args__ = (CheckConstraint("one", name="one_row"),)

    one: Mapped[bool] = mapped_column(primary_key=True, server_default=sql("true"))
    event_id: Mapped[int] = mapped_column(BigInteger)
