"""A user is told once of what happens: which lines become notices, on the real outbox."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select, text, update

from adapters.notifications.alert_notifications import NotificationAlerts
from adapters.postgres.engine import Store
from adapters.postgres.notification_tables import NotificationCursor, NotificationRow
from adapters.postgres.tables import EventRow
from adapters.process.clock import SystemClock
from domain.notification import NotificationKind
from domain.run import Alarm
from tests.fakes.alerts import MemoryAlerts
from tests.notices_house import House, notices_house
from tests.receivers import hook


@pytest.fixture
async def house(store: Store, as_worker: Store) -> AsyncIterator[House]:
    async with notices_house(store, as_worker) as made:
        yield made


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
