"""A user is told once of what happens: the real outbox, over real webhooks and real mail."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.engine import make_url
from temporalio.testing import ActivityEnvironment

from activities.notifications import NotificationActivities
from adapters.notifications.alert_notifications import NotificationAlerts
from adapters.notifications.courier import ChannelCourier
from adapters.notifications.mail import Mailer
from adapters.notifications.services import Service, Services
from adapters.notifications.vapid import PushKey
from adapters.notifications.web_push import TTL_SECONDS, WebPushes
from adapters.notifications.webhook import Webhooks
from adapters.postgres.channels import Channels, NewChannel, SentNotification, SentNotifications
from adapters.postgres.engine import Store
from adapters.postgres.notification_tables import ChannelRow, NotificationCursor, NotificationRow
from adapters.postgres.outbox import PostgresOutbox
from adapters.postgres.tables import EventRow, StrategyRow
from adapters.postgres.user_tables import User
from adapters.process.clock import SystemClock
from adapters.secrets.vault import Opener
from domain.notification import CHOICES, ChannelKind, NotificationKind, sealed_name
from domain.run import Alarm
from local.keys import fresh
from migrations.roles import Role, make_roles
from tests.browsers import Browser, push_service, senders
from tests.fakes.alerts import MemoryAlerts
from tests.receivers import hook, mailbox

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


@pytest.fixture
async def worker(database: str) -> AsyncIterator[Store]:
    """The same database as the worker's role sees it."""
    url = make_url(database).set(username=f"worker_{uuid4().hex[:8]}", password="worker's")
    await make_roles(database, [Role.of("worker", url.render_as_string(hide_password=False))])
    opened = Store.open(url.render_as_string(hide_password=False))
    yield opened
    await opened.close()


@pytest.fixture
async def house(store: Store, worker: Store) -> AsyncIterator[House]:
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


async def test_a_fill_arrives_signed_and_names_its_strategy(house: House) -> None:
    async with hook() as receiver:
        await house.channel(receiver.url)
        await house.happens("phase", "Waiting.")
        await house.happens()
        await house.deliver()
    receiver.verify(SECRET)
    (told,) = receiver.notices
    assert told["type"] == "fill"
    assert told["data"]["text"] == "Bought 10 TCS."
    assert told["data"]["strategy_id"] == str(house.strategy_id)
    (notice,) = await house.notices()
    assert (notice.status, notice.attempts, receiver.ids) == ("sent", 1, [str(notice.notice_id)])


async def test_nobody_is_told_twice_however_often_and_by_how_many_it_is_gathered(house: House) -> None:
    async with hook() as receiver:
        await house.channel(receiver.url)
        for number in range(20):
            await house.happens(words=f"Bought {number}.")
        await asyncio.gather(*(house.deliver() for _ in range(4)))
        await house.deliver()
    assert [one["data"]["text"] for one in receiver.notices] == [f"Bought {number}." for number in range(20)]
    assert {notice.status for notice in await house.notices()} == {"sent"}


async def test_channel_is_told_what_it_asked_for_and_nothing_from_before_it(house: House) -> None:
    async with hook() as receiver:
        await house.happens(words="Before.")
        await house.channel(receiver.url, tells=(NotificationKind.STOP_LOSS, NotificationKind.MISSED))
        await house.happens("bought")
        await house.happens("stop_loss", "Stop hit.")
        await house.happens("stopped", "Stopped: too late.", outcome="missed")
        await house.happens("stopped", "Stopped.", outcome="sold")
        await house.deliver()
    assert [one["data"]["text"] for one in receiver.notices] == ["Stop hit.", "Stopped: too late."]


async def test_receiver_that_is_away_hears_of_it_later_and_once(house: House) -> None:
    async with hook() as receiver:
        await house.channel(receiver.url)
        await house.happens()

        async def behave(before: int) -> int:
            return (500, 503, 204)[before]

        receiver.behave = behave
        await house.deliver()
        (notice,) = await house.notices()
        assert (notice.status, notice.attempts) == ("waiting", 1)
        assert notice.message == "The receiver answered 500."
        for _ in range(3):
            await house.time_passes()
            await house.deliver()
    (notice,) = await house.notices()
    assert (notice.status, notice.attempts) == ("sent", 3)
    assert len(set(receiver.ids)) == 1


async def test_receiver_nobody_listens_at_is_tried_again(house: House) -> None:
    async with hook() as receiver:
        address = receiver.url
    await house.channel(address)
    await house.happens()
    await house.deliver()
    (notice,) = await house.notices()
    assert (notice.status, notice.message) == ("waiting", "The receiver could not be reached.")


async def test_what_may_have_arrived_is_not_sent_again(house: House) -> None:
    async with hook() as receiver:

        async def gateway(_: int) -> int:
            return 504

        await house.channel(receiver.url)
        receiver.behave = gateway
        await house.happens()
        await house.deliver()
        for _ in range(2):
            await house.time_passes()
            await house.deliver()
    (notice,) = await house.notices()
    assert (notice.status, len(receiver.requests)) == ("unknown", 1)


async def test_notice_whose_sender_vanished_is_unknown_and_never_sent_again(house: House) -> None:
    async with hook() as receiver:
        await house.channel(receiver.url)
        await house.happens()
        await house.outbox.gather()
        assert len(await house.outbox.claim(10)) == 1  # and the process dies
        await house.deliver()
        assert [one.status for one in await house.notices()] == ["sending"]
        await house.time_passes()
        await house.deliver()
    (notice,) = await house.notices()
    assert (notice.status, receiver.requests) == ("unknown", [])
    assert "may or may not have arrived" in notice.message


async def test_redirect_is_not_followed(house: House) -> None:
    async with hook() as receiver:

        async def elsewhere(_: int) -> int:
            return 307

        receiver.behave = elsewhere
        await house.channel(receiver.url)
        await house.happens()
        await house.deliver()
    (notice,) = await house.notices()
    assert (notice.status, len(receiver.requests)) == ("failed", 1)


async def test_receiver_that_says_gone_is_left_in_peace(house: House) -> None:
    async with hook() as receiver:

        async def gone(_: int) -> int:
            return 410

        receiver.behave = gone
        await house.channel(receiver.url)
        await house.happens()
        await house.deliver()
        await house.happens()
        await house.deliver()
    assert len(receiver.requests) == 1
    async with house.store.read() as session:
        assert await session.scalar(select(ChannelRow.gone_at)) is not None


@pytest.mark.parametrize("address", ["https://127.0.0.1:1/", "https://localhost:1/", "http://[::1]:1/"])
async def test_private_network_is_never_called_whatever_the_channel_says(house: House, address: str) -> None:
    async with Webhooks(SystemClock()) as strict:
        await house.channel(address)
        await house.happens()
        await house.deliver(webhooks=strict)
    (notice,) = await house.notices()
    assert notice.status == "failed"
    assert notice.message == "The address is in a private network: nothing is sent there."


async def test_slow_channel_keeps_no_other_waiting(house: House) -> None:
    free = asyncio.Event()

    async def slow(_: int) -> int:
        await free.wait()
        return 204

    async with hook() as lame, hook() as quick:
        lame.behave = slow
        await house.channel(lame.url)
        await house.channel(quick.url)
        for _ in range(3):
            await house.happens()
        sending = asyncio.create_task(ActivityEnvironment().run(house.activities.deliver_notices))
        await quick.until(3)
        assert len(lame.requests) == 1
        free.set()
        await lame.until(3)
        sending.cancel()
        await asyncio.wait([sending])


async def test_mail_goes_to_the_accounts_address(house: House) -> None:
    async with mailbox() as server:
        mailer = Mailer(f"mailto://127.0.0.1:{server.port}?from=stopwatch@example.com&mode=insecure")
        address = await house.confirmed()
        await house.channel(address, ChannelKind.EMAIL)
        await house.happens("stop_loss", "Stop hit: sold 10 TCS.")
        await house.deliver(mailer=mailer)
        mailer.close()
    ((receivers, message),) = server.mails
    assert receivers == [address]
    assert "Stop hit" in message
    (notice,) = await house.notices()
    assert notice.status == "sent", notice.message


async def test_mail_without_a_server_of_the_operator_says_so(house: House) -> None:
    await house.channel("asha@example.com", ChannelKind.EMAIL)
    await house.happens()
    await house.deliver()
    (notice,) = await house.notices()
    assert notice.status == "failed"
    assert "STOPWATCH_MAIL_URL" in notice.message


async def test_service_is_told_by_apprise_and_a_service_that_is_away_later(house: House) -> None:
    async with hook() as receiver:
        known = {"json": Service("Somebody", "json://", "127.0.0.1", receiver.port)}
        services = Services(known, anywhere=True)
        await house.channel(f"json://127.0.0.1:{receiver.port}/hook", ChannelKind.SERVICE)
        await house.happens()
        await house.deliver(services)
    assert "Bought 10 TCS." in receiver.notices[0]["message"]
    await house.happens()
    await house.deliver(services)
    services.close()
    assert [one.status for one in await house.notices()] == ["sent", "waiting"]


async def test_browser_is_told_encrypted_and_its_push_service_knows_the_sender(house: House) -> None:
    async with push_service() as (browser, service):
        await house.channel(browser.stored, ChannelKind.PUSH)
        await house.happens("bought", "Bought 10 TCS at 3561.10.")
        await house.happens("stop_loss", "Stop hit.")
        await house.deliver()
    first, second = browser.shown(service)
    assert (first["title"], first["place"]) == ("Stopwatch: Filled", f"#/s/{house.strategy_id}")
    assert first["body"].startswith("Bought 10 TCS at 3561.10.\n")
    assert second["title"] == "Stopwatch: Stop hit"
    assert {claims["sub"] for claims in senders(service, PUSH_KEY.public_key)} == {"mailto:ops@example.com"}
    headers = [headers for headers, _ in service.requests]
    assert [one["urgency"] for one in headers] == ["normal", "high"]
    assert {(one["ttl"], one["content-encoding"]) for one in headers} == {(str(TTL_SECONDS), "aes128gcm")}
    assert not [body for _, body in service.requests if b"TCS" in body]
    notices = await house.notices()
    assert [notice.status for notice in notices] == ["sent", "sent"]
    assert [first["tag"], second["tag"]] == [str(notice.notice_id) for notice in notices]


@pytest.mark.parametrize("status", [404, 410])
async def test_browser_that_its_push_service_no_longer_knows_is_left_in_peace(
    house: House, status: int
) -> None:
    async def gone(_: int) -> int:
        return status

    async with push_service() as (browser, service):
        service.behave = gone
        await house.channel(browser.stored, ChannelKind.PUSH)
        for _ in range(2):
            await house.happens()
            await house.deliver()
    assert len(service.requests) == 1
    async with house.store.read() as session:
        assert await session.scalar(select(ChannelRow.gone_at)) is not None


async def test_push_service_that_is_busy_hears_of_it_later_and_once(house: House) -> None:
    async def behave(before: int) -> int:
        return (503, 429, 201)[before]

    async with push_service() as (browser, service):
        service.behave = behave
        await house.channel(browser.stored, ChannelKind.PUSH)
        await house.happens()
        for _ in range(3):
            await house.deliver()
            await house.time_passes()
    (notice,) = await house.notices()
    assert (notice.status, notice.attempts) == ("sent", 3)
    assert {shown["tag"] for shown in browser.shown(service)} == {str(notice.notice_id)}


async def test_push_that_is_not_answered_may_have_arrived_and_is_not_sent_again(house: House) -> None:
    heard = 0

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        heard += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    await house.channel(Browser(f"http://127.0.0.1:{port}/push").stored, ChannelKind.PUSH)
    await house.happens()
    for _ in range(2):
        await house.deliver()
        await house.time_passes()
    server.close()
    (notice,) = await house.notices()
    assert (notice.status, heard) == ("unknown", 1)


async def test_browser_is_told_where_the_servers_key_is_not_known(house: House) -> None:
    async def refused(_: int) -> int:
        return 403

    async with push_service() as (browser, service):
        service.behave = refused
        await house.channel(browser.stored, ChannelKind.PUSH)
        await house.happens()
        await house.deliver()
    (notice,) = await house.notices()
    assert notice.status == "failed"
    assert "off and on again" in notice.message


async def test_browser_without_a_key_of_the_operator_says_so(house: House) -> None:
    async with push_service() as (browser, service), WebPushes(SystemClock(), None, anywhere=True) as keyless:
        await house.channel(browser.stored, ChannelKind.PUSH)
        await house.happens()
        await house.deliver(pushes=keyless)
    (notice,) = await house.notices()
    assert (notice.status, service.requests) == ("failed", [])
    assert "STOPWATCH_PUSH_PRIVATE_KEY" in notice.message


@pytest.mark.parametrize("stored", ["https://fcm.googleapis.com/", '{"endpoint": "https://x/", "keys": {}}'])
async def test_stored_subscription_that_is_none_is_not_called(house: House, stored: str) -> None:
    await house.channel(stored, ChannelKind.PUSH)
    await house.happens()
    await house.deliver()
    (notice,) = await house.notices()
    assert (notice.status, notice.attempts) == ("failed", 1)
    assert stored not in notice.message


async def test_push_into_a_private_network_is_never_called_whatever_the_channel_says(house: House) -> None:
    async with WebPushes(SystemClock(), PUSH_KEY) as strict:
        await house.channel(Browser("https://127.0.0.1:1/").stored, ChannelKind.PUSH)
        await house.happens()
        await house.deliver(pushes=strict)
    (notice,) = await house.notices()
    assert notice.status == "failed"
    assert notice.message == "The address is in a private network: nothing is sent there."


async def test_alarm_for_a_user_reaches_his_channels_once(house: House) -> None:
    alerts = NotificationAlerts(MemoryAlerts(), house.outbox, SystemClock())
    async with hook() as receiver:
        await house.channel(receiver.url)
        for _ in range(2):
            await alerts.raise_(Alarm("login_needed", "Log in.", house.user_id, house.strategy_id))
        await alerts.raise_(Alarm("redis_down", "Redis is away."))
        await asyncio.gather(*alerts._telling)
        await house.deliver()
    assert [one["data"]["text"] for one in receiver.notices] == ["Log in."]


async def test_cursor_stays_behind_lines_that_are_not_committed_yet(house: House) -> None:
    async with hook() as receiver:
        await house.channel(receiver.url)
        async with house.store.work() as slow:
            await slow.execute(text("SELECT 1"))
            line = {"user_id": house.user_id, "strategy_id": house.strategy_id, "kind": "bought"}
            words = {"text": "Late.", "data": {}, "once": "late"}
            await slow.execute(insert(EventRow).values(line | words))
            await house.happens(words="Quick.")
            await house.deliver()
        await house.deliver()
    assert [one["data"]["text"] for one in receiver.notices] == ["Quick.", "Late."]


async def test_cursor_moves_past_what_is_a_minute_old(house: House) -> None:
    first = await house.happens()
    async with house.store.work() as session:
        await session.execute(update(EventRow).values(at=datetime.now(UTC) - timedelta(minutes=2)))
    await house.happens()
    await house.outbox.gather()
    async with house.store.read() as session:
        assert await session.scalar(select(NotificationCursor.event_id)) == first


async def test_old_notices_are_forgotten(house: House) -> None:
    await house.channel("http://127.0.0.1:1/")
    await house.happens()
    await house.deliver()
    async with house.store.work() as session:
        await session.execute(update(NotificationRow).values(at=datetime.now(UTC) - timedelta(days=31)))
    await house.outbox.forget()
    assert await house.notices() == []


async def test_house_is_idle_only_while_nothing_is_to_be_told_or_sent(house: House) -> None:
    outbox = house.outbox
    await house.happens()
    assert await outbox.is_idle()  # nobody listens
    await house.channel("http://127.0.0.1:1/")
    assert await outbox.is_idle()  # it was before the channel
    await house.happens(kind="started")
    assert await outbox.is_idle()  # nobody is told of that
    await house.happens()
    assert not await outbox.is_idle()
    await outbox.gather()
    assert not await outbox.is_idle()  # a notice is due
    await outbox.claim(1)
    assert await outbox.is_idle()  # it is on its way
    await house.time_passes()
    assert not await outbox.is_idle()  # and for too long
    await outbox.gather()
    assert await outbox.is_idle()


async def test_cursor_that_is_minutes_behind_is_something_to_do(house: House) -> None:
    await house.happens()
    async with house.store.work() as session:
        await session.execute(update(EventRow).values(at=datetime.now(UTC) - timedelta(minutes=4)))
    assert not await house.outbox.is_idle()
    await house.outbox.gather()
    assert await house.outbox.is_idle()
