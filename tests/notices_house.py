"""A user with channels, a timeline that grows, and the worker's part: the outbox and what delivers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from uuid import UUID, uuid4

from sqlalchemy import insert, update

from activities.notifications import NotificationActivities
from adapters.notifications.courier import ChannelCourier
from adapters.notifications.mail import Mailer
from adapters.notifications.services import Services
from adapters.notifications.vapid import PushKey
from adapters.notifications.web_push import WebPushes
from adapters.notifications.webhook import Webhooks
from adapters.postgres.channels import Channels, NewChannel, SentNotification, SentNotifications
from adapters.postgres.engine import Store
from adapters.postgres.notification_tables import NotificationRow
from adapters.postgres.outbox import PostgresOutbox
from adapters.postgres.tables import EventRow, StrategyRow
from adapters.postgres.user_tables import User
from adapters.process.clock import SystemClock
from adapters.secrets.vault import Opener
from domain.notification import CHOICES, ChannelKind, NotificationKind, sealed_name
from local.keys import fresh

OPENER = Opener.local(fresh()["STOPWATCH_ENCRYPTION_KEYS"])
PUSH_KEY = PushKey(fresh()["STOPWATCH_PUSH_PRIVATE_KEY"], "mailto:ops@example.com")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LATER = timedelta(hours=1)


@dataclass
class House:
    """One user with channels, a strategy whose timeline grows, and the worker's part of it."""

    store: Store
    outbox: PostgresOutbox
    webhooks: Webhooks
    pushes: WebPushes
    activities: NotificationActivities
    user_id: UUID
    strategy_id: UUID

    async def channel(
        self,
        address: str,
        kind: ChannelKind = ChannelKind.WEBHOOK,
        tells: tuple[NotificationKind, ...] = CHOICES,
    ) -> UUID:
        channel_id, sealer = uuid4(), OPENER.sealer()

        def sealed(words: str, column: str) -> bytes:
            return sealer.seal(words, user_id=self.user_id, field=sealed_name(channel_id, column))

        secret = sealed(SECRET, "secret") if kind is ChannelKind.WEBHOOK else None
        new = NewChannel(channel_id, kind, "shown", sealed(address, "address"), secret, tells)
        async with self.store.work() as session:
            assert await Channels(session, self.user_id).add(new, 5) is not None
        return channel_id

    async def happens(self, kind: str = "bought", words: str = "Bought 10 TCS.", **data: str) -> int:
        line = {
            "user_id": self.user_id,
            "strategy_id": self.strategy_id,
            "kind": kind,
            "text": words,
            "data": data,
            "once": uuid4().hex,
        }
        async with self.store.work() as session:
            added = await session.execute(insert(EventRow).values(line).returning(EventRow.event_id))
        return added.scalar_one()

    async def deliver(
        self,
        services: Services | None = None,
        webhooks: Webhooks | None = None,
        mailer: Mailer | None = None,
        pushes: WebPushes | None = None,
    ) -> None:
        """Go round until nothing is due any more."""
        activities = self.activities
        if services or webhooks or mailer or pushes:
            courier = ChannelCourier(
                OPENER,
                webhooks or self.webhooks,
                services or Services(),
                mailer or Mailer(None),
                pushes or self.pushes,
            )
            activities = NotificationActivities(self.outbox, courier, SystemClock())
        await self.outbox.gather()
        while claimed := await self.outbox.claim(100):
            await asyncio.gather(*(activities._send(notice) for notice in claimed))

    async def confirmed(self) -> str:
        """Confirm the user's e-mail address, and return it."""
        async with self.store.work() as session:
            change = update(User).where(User.user_id == self.user_id).values(verified_at=datetime.now(UTC))
            return (await session.execute(change.returning(User.email))).scalar_one()

    async def notices(self) -> list[SentNotification]:
        async with self.store.read() as session:
            return list(reversed(await SentNotifications(session, self.user_id).page(100, None)))

    async def time_passes(self, by: timedelta = LATER) -> None:
        """Make what waits due, and what is on its way long on its way."""
        async with self.store.work() as session:
            await session.execute(
                update(NotificationRow).values(
                    due_at=NotificationRow.due_at - by, claimed_at=NotificationRow.claimed_at - by
                )
            )


@asynccontextmanager
async def notices_house(store: Store, worker: Store) -> AsyncIterator[House]:
    """Give a new user; `worker` is the same database as the worker's role sees it."""
    user_id, strategy_id = uuid4(), uuid4()
    async with store.work() as session:
        session.add(User(user_id=user_id, email=f"{user_id}@example.com", password_hash="-"))
        await session.flush()
        session.add(a_strategy(user_id, strategy_id))
    services = Services()
    clock = SystemClock()
    async with (
        Webhooks(clock, anywhere=True) as webhooks,
        WebPushes(clock, PUSH_KEY, anywhere=True) as pushes,
    ):
        outbox = PostgresOutbox(worker)
        courier = ChannelCourier(OPENER, webhooks, services, Mailer(None), pushes)
        activities = NotificationActivities(outbox, courier, clock)
        yield House(store, outbox, webhooks, pushes, activities, user_id, strategy_id)
    services.close()


def a_strategy(user_id: UUID, strategy_id: UUID) -> StrategyRow:
    return StrategyRow(
        strategy_id=strategy_id,
        user_id=user_id,
        symbol="TCS",
        exchange="NSE",
        product="CNC",
        buy_time=time(9, 15),
        sell_time=time(15),
        stop_loss=3500,
        quantity=10,
        on_stop="exit",
    )
