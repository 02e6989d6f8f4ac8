"""A notice reaches its webhook, mailbox or service once, from the real outbox, over real connections."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select
from temporalio.testing import ActivityEnvironment

from adapters.notifications.mail import Mailer
from adapters.notifications.services import Service, Services
from adapters.notifications.webhook import Webhooks
from adapters.postgres.engine import Store
from adapters.postgres.notification_tables import ChannelRow
from adapters.process.clock import SystemClock
from domain.notification import ChannelKind
from tests.notices_house import SECRET, House, notices_house
from tests.receivers import hook, mailbox


@pytest.fixture
async def house(store: Store, as_worker: Store) -> AsyncIterator[House]:
    async with notices_house(store, as_worker) as made:
        yield made


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
