"""Stores notifications in Postgres: made from the timeline, claimed one at a time per channel, settled once.

The timeline itself is the outbox: trading writes nothing for notifications and never waits for them. New
lines are read behind a cursor that stays a minute behind, because a line that gets its number now may be
committed a little after a line with a higher one.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Select, and_, case, delete, exists, func, literal, not_, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from adapters.postgres.engine import Store
from adapters.postgres.notification_tables import ChannelRow, NotificationCursor, NotificationRow
from adapters.postgres.tables import EventRow
from adapters.postgres.user_tables import User
from domain.notification import (
    TOLD_EVENTS,
    AlarmNotification,
    Arrival,
    ChannelKind,
    Delivery,
    Notification,
    NotificationKind,
    NotificationStatus,
    notification_of,
    settled,
)

BEHIND = timedelta(seconds=60)
"""How long a line's transaction may take at the most; statements and pauses are cut after 3 and 4 s."""
VANISHED = timedelta(seconds=30)
"""A notification that is being sent for longer has lost its sender: a try takes 20 s at most."""
KEPT = timedelta(days=30)
NOW = func.clock_timestamp()
_LISTENS = ChannelRow.gone_at.is_(None)
_DUE = and_(NotificationRow.status == NotificationStatus.WAITING, NotificationRow.due_at <= NOW)
_LOST = and_(
    NotificationRow.status == NotificationStatus.SENDING, NotificationRow.claimed_at < NOW - VANISHED
)
_LONGEST_TEXT = 1000


class PostgresOutbox:
    """Implements `domain.ports.Outbox`, for the worker's role."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def is_idle(self) -> bool:
        """Tell in one statement whether there is nothing to do; a cursor a few minutes behind is idle."""
        async with self._store.statement() as connection:
            return bool(await connection.scalar(_IDLE))

    async def gather(self) -> None:
        """Make notifications from new timeline lines; one worker at a time, the others skip."""
        async with self._store.work() as session:
            await session.execute(_VANISHED)
            since = await session.scalar(
                select(NotificationCursor.event_id).with_for_update(skip_locked=True)
            )
            if since is None:
                return
            rows = (await session.execute(_listening(_new_lines(since)))).all()
            await _add(session, [row for row in map(_of_line, rows) if row is not None])
            await session.execute(_move_on(since))

    async def claim(self, most: int) -> Sequence[Notification]:
        """Claim what is due, committed before anything is sent."""
        async with self._store.work() as session:
            ids = (await session.scalars(_due(most))).all()
            if not ids:
                return []
            claimed = (
                update(NotificationRow)
                .where(NotificationRow.notice_id.in_(ids))
                .values(
                    status=NotificationStatus.SENDING, attempts=NotificationRow.attempts + 1, claimed_at=NOW
                )
                .returning(*_CLAIMED)
            )
            rows = (await session.execute(claimed)).all()
            channels = await _channels(session, {row.channel_id for row in rows})
        return [_notification(row, channels[row.channel_id]) for row in rows]

    async def settle(self, notification: Notification, delivery: Delivery) -> None:
        """Write the outcome of a try; a settled notification is left unchanged."""
        end = settled(delivery, notification.attempts)
        over = end.pause is None
        change = (
            update(NotificationRow)
            .where(
                NotificationRow.notice_id == notification.notice_id,
                NotificationRow.attempts == notification.attempts,
            )
            .where(NotificationRow.status.in_([NotificationStatus.SENDING, NotificationStatus.UNKNOWN]))
            .values(
                status=end.status,
                message=delivery.message[:_LONGEST_TEXT],
                due_at=NOW + (end.pause or timedelta()),
                ended_at=NOW if over else None,
            )
        )
        async with self._store.work() as session:
            await session.execute(change)
            if delivery.arrival is Arrival.GONE:
                await session.execute(
                    update(ChannelRow)
                    .where(ChannelRow.channel_id == notification.channel_id)
                    .values(gone_at=NOW)
                )

    async def tell(self, user_id: UUID, notification: AlarmNotification, text: str, at: datetime) -> None:
        """Make notifications for an event outside the timeline; once for each source."""
        kind, source = notification.kind, notification.source
        async with self._store.work() as session:
            query = _listening(select(ChannelRow.channel_id, ChannelRow.tells))
            channels = (await session.execute(query.where(ChannelRow.user_id == user_id))).all()
            told = [row.channel_id for row in channels if kind in row.tells]
            await _add(session, [_row(user_id, channel, None, kind, text, at, source) for channel in told])

    async def forget(self) -> None:
        """Delete notifications older than thirty days."""
        async with self._store.work() as session:
            await session.execute(delete(NotificationRow).where(NotificationRow.at < NOW - KEPT))


def _listening(query: Any) -> Any:
    # Locked until the notifications are in: a channel that is being removed takes them along.
    return query.where(_LISTENS).with_for_update(read=True, key_share=True, of=ChannelRow)


def _new_lines(since: Any) -> Select[Any]:
    source = func.concat("event:", EventRow.event_id)
    made = exists().where(
        NotificationRow.channel_id == ChannelRow.channel_id, NotificationRow.source == source
    )
    columns = (EventRow.event_id, EventRow.user_id, EventRow.strategy_id, EventRow.at, EventRow.kind)
    return (
        select(*columns, EventRow.text, EventRow.data, ChannelRow.channel_id, ChannelRow.tells)
        .join(ChannelRow, ChannelRow.user_id == EventRow.user_id)
        .where(EventRow.event_id > since, EventRow.kind.in_(sorted(TOLD_EVENTS)))
        .where(EventRow.at >= ChannelRow.created_at, ~made)
        .order_by(EventRow.event_id)
    )


def _of_line(row: Any) -> Mapping[str, Any] | None:
    kind = notification_of(row.kind, row.data)
    if kind is None or kind not in row.tells:
        return None
    source = f"event:{row.event_id}"
    return _row(row.user_id, row.channel_id, row.strategy_id, kind, row.text, row.at, source)


def _row(
    user_id: UUID,
    channel_id: UUID,
    strategy_id: UUID | None,
    kind: NotificationKind,
    text: str,
    at: datetime,
    source: str,
) -> dict[str, Any]:
    return {
        "notice_id": uuid4(),
        "user_id": user_id,
        "channel_id": channel_id,
        "strategy_id": strategy_id,
        "kind": kind.value,
        "text": text[:_LONGEST_TEXT],
        "at": at,
        "source": source,
    }


async def _add(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        await session.execute(insert(NotificationRow).values(list(rows)).on_conflict_do_nothing())


def _move_on(since: int) -> Any:
    old = (
        select(func.max(EventRow.event_id))
        .where(EventRow.event_id > since, EventRow.at < NOW - BEHIND)
        .scalar_subquery()
    )
    return update(NotificationCursor).values(event_id=func.coalesce(old, literal(since)))


def _due(most: int) -> Select[Any]:
    """Select each channel's oldest due notification where none is being sent: in order, and fair to all."""
    first, busy = aliased(NotificationRow), aliased(NotificationRow)
    earlier = exists().where(
        first.channel_id == NotificationRow.channel_id,
        first.status == NotificationStatus.WAITING,
        first.due_at < NotificationRow.due_at,
    )
    on_its_way = exists().where(
        busy.channel_id == NotificationRow.channel_id, busy.status == NotificationStatus.SENDING
    )
    return (
        select(NotificationRow.notice_id)
        .where(_DUE, ~earlier, ~on_its_way)
        .order_by(NotificationRow.due_at)
        .limit(most)
        .with_for_update(skip_locked=True)
    )


async def _channels(session: AsyncSession, ids: set[UUID]) -> Mapping[UUID, Any]:
    columns = (ChannelRow.channel_id, ChannelRow.kind, ChannelRow.address, ChannelRow.secret)
    confirmed = case((User.verified_at.is_not(None), User.email)).label("confirmed")
    query = select(*columns, confirmed).join(User, User.user_id == ChannelRow.user_id)
    rows = await session.execute(query.where(ChannelRow.channel_id.in_(ids)))
    return {row.channel_id: row for row in rows}


def _notification(row: Any, channel: Any) -> Notification:
    return Notification(
        notice_id=row.notice_id,
        user_id=row.user_id,
        channel_id=row.channel_id,
        channel_kind=ChannelKind(channel.kind),
        address=channel.address,
        secret=channel.secret,
        strategy_id=row.strategy_id,
        kind=NotificationKind(row.kind),
        text=row.text,
        at=row.at,
        attempts=row.attempts,
        confirmed=channel.confirmed,
    )


_CLAIMED = (
    NotificationRow.notice_id,
    NotificationRow.user_id,
    NotificationRow.channel_id,
    NotificationRow.strategy_id,
    NotificationRow.kind,
    NotificationRow.text,
    NotificationRow.at,
    NotificationRow.attempts,
)
_VANISHED = (
    update(NotificationRow)
    .where(_LOST)
    .values(
        status=NotificationStatus.UNKNOWN,
        ended_at=NOW,
        message="Its sender was ended while sending it: it may or may not have arrived.",
    )
)
_CURSOR = select(NotificationCursor.event_id).scalar_subquery()
_IDLE = select(
    not_(
        or_(
            exists(_new_lines(_CURSOR).where(_LISTENS)),
            exists().where(or_(_DUE, _LOST)),
            exists().where(EventRow.event_id > _CURSOR, EventRow.at < NOW - 3 * BEHIND),
        )
    )
)
