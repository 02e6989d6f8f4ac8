"""A notice reaches a browser once, encrypted, from the real outbox, through a real push service."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from adapters.notifications.web_push import TTL_SECONDS, WebPushes
from adapters.postgres.engine import Store
from adapters.postgres.notification_tables import ChannelRow
from adapters.process.clock import SystemClock
from domain.notification import ChannelKind
from tests.browsers import Browser, push_service, senders
from tests.notices_house import PUSH_KEY, House, notices_house


@pytest.fixture
async def house(store: Store, as_worker: Store) -> AsyncIterator[House]:
    async with notices_house(store, as_worker) as made:
        yield made


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
