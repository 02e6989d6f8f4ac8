"""Stores a user's notification channels and lists their notifications, for the API."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.notification_tables import ChannelRow, NotificationRow
from adapters.postgres.strategies import Spot
from adapters.postgres.user_tables import User
from domain.notification import ChannelKind, NotificationKind

TEST_TEXT = "A test: this channel works. Nothing has happened in your account."


@dataclass(frozen=True, slots=True)
class NewChannel:
    """A channel to store: address and secret sealed."""

    channel_id: UUID
    kind: ChannelKind
    shown: str
    address: bytes = field(repr=False)
    secret: bytes | None = field(repr=False)
    tells: Sequence[NotificationKind]
    digest: bytes | None = field(default=None, repr=False)
    """Of a browser's subscription, by which it is known again."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as shown to its user."""

    channel_id: UUID
    kind: str
    shown: str
    tells: list[str]
    created_at: datetime
    gone_at: datetime | None


@dataclass(frozen=True, slots=True)
class SentNotification:
    """A notification and its status."""

    notice_id: UUID
    channel_id: UUID
    strategy_id: UUID | None
    kind: str
    text: str
    at: datetime
    status: str
    attempts: int
    ended_at: datetime | None
    message: str

    @property
    def spot(self) -> Spot:
        return Spot(self.at, self.notice_id)


class Channels:
    """The channels of one user."""

    def __init__(self, session: AsyncSession, user_id: UUID) -> None:
        self._session = session
        self._user_id = user_id

    async def add(self, channel: NewChannel, most: int) -> Channel | None:
        """Store a channel and return it; None when the user has `most` of them.

        A browser's subscription that is stored already is returned as it is, under its own id. Each channel
        gets a row of its own for every notification.
        """
        # Two at one moment take turns at the user's row, and the second counts the first.
        await self._session.execute(
            select(User.user_id).where(User.user_id == self._user_id).with_for_update()
        )
        known = await self._of_digest(channel.digest) if channel.digest is not None else None
        if known is not None:
            return known
        count = await self._session.execute(select(func.count()).where(self._mine))
        if count.scalar_one() >= most:
            return None
        values = {
            "channel_id": channel.channel_id,
            "user_id": self._user_id,
            "kind": channel.kind.value,
            "shown": channel.shown,
            "address": channel.address,
            "secret": channel.secret,
            "tells": [kind.value for kind in channel.tells],
            "digest": channel.digest,
        }
        made = await self._session.execute(insert(ChannelRow).values(values).returning(*_CHANNEL))
        return Channel(*made.one())

    async def _of_digest(self, digest: bytes) -> Channel | None:
        found = await self._session.execute(select(*_CHANNEL).where(self._mine, ChannelRow.digest == digest))
        row = found.one_or_none()
        return Channel(*row) if row is not None else None

    async def all(self) -> list[Channel]:
        """Return them, the oldest first."""
        query = select(*_CHANNEL).where(self._mine).order_by(ChannelRow.created_at)
        return [Channel(*row) for row in await self._session.execute(query)]

    async def tell_of(self, channel_id: UUID, kinds: Sequence[NotificationKind]) -> Channel | None:
        """Change which events a channel is told of; None when it does not exist."""
        change = update(ChannelRow).where(self._mine, ChannelRow.channel_id == channel_id)
        tells = [kind.value for kind in kinds]
        row = (await self._session.execute(change.values(tells=tells).returning(*_CHANNEL))).one_or_none()
        return Channel(*row) if row is not None else None

    async def remove(self, channel_id: UUID) -> Channel | None:
        """Delete a channel with its notifications and return it; None when it does not exist."""
        gone = delete(ChannelRow).where(self._mine, ChannelRow.channel_id == channel_id)
        row = (await self._session.execute(gone.returning(*_CHANNEL))).one_or_none()
        return Channel(*row) if row is not None else None

    async def remove_all(self) -> None:
        """Delete every channel of the user, with its notifications."""
        await self._session.execute(delete(ChannelRow).where(self._mine))

    async def test(self, channel_id: UUID, now: datetime) -> UUID | None:
        """Put a test notification into the outbox and return its id; None when there is no such channel."""
        found = select(ChannelRow.channel_id).where(self._mine, ChannelRow.channel_id == channel_id)
        if await self._session.scalar(found) is None:
            return None
        notice_id = uuid4()
        await self._session.execute(
            insert(NotificationRow)
            .values(
                notice_id=notice_id,
                user_id=self._user_id,
                channel_id=channel_id,
                kind=NotificationKind.TEST.value,
                text=TEST_TEXT,
                at=now,
                source=f"test:{notice_id}",
            )
            .returning(NotificationRow.notice_id)
        )
        return notice_id

    @property
    def _mine(self) -> Any:
        return ChannelRow.user_id == self._user_id


class SentNotifications:
    """The notifications of one user, newest first."""

    def __init__(self, session: AsyncSession, user_id: UUID) -> None:
        self._session = session
        self._query = select(*_NOTICE).where(NotificationRow.user_id == user_id)

    async def page(self, limit: int, after: Spot | None) -> Sequence[SentNotification]:
        """Return at most `limit` of them, from after `after`."""
        query = self._query
        if after is not None:
            place = tuple_(NotificationRow.at, NotificationRow.notice_id)
            query = query.where(place < (after.created_at, after.row_id))
        query = query.order_by(NotificationRow.at.desc(), NotificationRow.notice_id.desc()).limit(limit)
        return [SentNotification(*row) for row in await self._session.execute(query)]

    async def one(self, notice_id: UUID) -> SentNotification | None:
        """Return one, None when it is not there (any more)."""
        found = await self._session.execute(self._query.where(NotificationRow.notice_id == notice_id))
        row = found.one_or_none()
        return SentNotification(*row) if row is not None else None


_CHANNEL = tuple(getattr(ChannelRow, name) for name in Channel.__dataclass_fields__)
_NOTICE = tuple(getattr(NotificationRow, name) for name in SentNotification.__dataclass_fields__)
