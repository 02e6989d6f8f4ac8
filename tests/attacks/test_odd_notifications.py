"""Any role of the database may notify any channel with any text: nobody stops listening because of it."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import UUID, uuid4

import asyncpg
import pytest

from adapters.postgres.engine import Store
from adapters.postgres.notify_listener import EVENT_ADDED, STRATEGY_CHANGED, NotifyListener
from adapters.postgres.watch_list import PostgresWatchList
from api.http import event_notifier
from api.http.event_notifier import PostgresEventNotifier
from tests.postgres import PostgresServer
from tests.store_rows import Desk

A_STRATEGY = UUID("0198a7c2-3f5e-7d44-8c61-5b1f2a9e4c10")
ODD = (
    "x",
    "",
    "null",
    str(A_STRATEGY).upper(),
    f"{{{A_STRATEGY}}}",
    f"urn:uuid:{A_STRATEGY}",
    A_STRATEGY.hex,
    f"{A_STRATEGY} ",
    "٣" * 36,
    "9" * 7_900,
)
"""None of them is an id as Postgres writes one."""


@pytest.fixture
async def stranger(postgres: PostgresServer, database: str) -> AsyncIterator[asyncpg.Connection]:
    """The API's role, which has no right to any channel: Postgres knows no such rights."""
    connection = await asyncpg.connect(postgres.api_url(database))
    yield connection
    await connection.close()


async def say(stranger: asyncpg.Connection, channel: str, payload: str) -> None:
    await stranger.execute("SELECT pg_notify($1, $2)", channel, payload)


@pytest.fixture
async def notifier(database: str) -> AsyncIterator[PostgresEventNotifier]:
    made = PostgresEventNotifier(NotifyListener(database), EVENT_ADDED)
    listening = asyncio.create_task(made.listen())
    yield made
    listening.cancel()
    with suppress(asyncio.CancelledError):
        await listening


async def woken(notifier: PostgresEventNotifier, stranger: asyncpg.Connection) -> None:
    """Return when a stream wakes at the news of its strategy, and only at that."""
    strategy_id, heard = uuid4(), set[UUID | None]()
    async with asyncio.timeout(20):
        with notifier.subscribed(heard.add):
            while strategy_id not in heard:
                await say(stranger, EVENT_ADDED, str(strategy_id))
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
async def test_streams_are_woken_after_an_odd_notification(
    notifier: PostgresEventNotifier, stranger: asyncpg.Connection, odd: str
) -> None:
    await woken(notifier, stranger)
    await say(stranger, EVENT_ADDED, odd)
    await woken(notifier, stranger)
    assert notifier.dropped == 1


async def test_odd_notifications_are_counted_and_told_once_without_their_text(
    notifier: PostgresEventNotifier, stranger: asyncpg.Connection, lines: io.StringIO
) -> None:
    await woken(notifier, stranger)
    for _ in range(30):
        await say(stranger, EVENT_ADDED, "a secret of somebody's")
    await woken(notifier, stranger)
    assert notifier.dropped == 30
    told = [json.loads(line) for line in lines.getvalue().splitlines() if "dropped" in line]
    assert [(line["channel"], line["length"]) for line in told] == [(EVENT_ADDED, 22)]
    assert "a secret" not in lines.getvalue()


async def test_a_flood_of_notifications_is_survived(
    notifier: PostgresEventNotifier, stranger: asyncpg.Connection
) -> None:
    await woken(notifier, stranger)
    await stranger.execute("SELECT pg_notify($1, 'x' || n) FROM generate_series(1, 30000) AS n", EVENT_ADDED)
    await woken(notifier, stranger)


class Failing:
    """A source that fails in a way that nobody has foreseen, and then works."""

    def __init__(self) -> None:
        self.dropped = 0
        self.begun = 0

    async def listen_for_ids(self, channel: str) -> AsyncIterator[UUID | None]:
        self.begun += 1
        yield None
        if self.begun < 3:
            raise ValueError("nobody has foreseen this")
        await asyncio.Event().wait()


async def test_listening_begins_again_whatever_ended_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_notifier, "RECONNECT_SECONDS", 0.01)
    source = Failing()
    listening = asyncio.create_task(PostgresEventNotifier(source, EVENT_ADDED).listen())
    async with asyncio.timeout(10):
        while source.begun < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert not listening.done()
    listening.cancel()
    with suppress(asyncio.CancelledError):
        await listening


async def test_the_listener_hears_of_a_change_after_odd_notifications_on_the_same_connection(
    database: str, store: Store, stranger: asyncpg.Connection
) -> None:
    """A dropped payload costs nothing: it neither ends the listening nor has everything read anew."""
    desk = await Desk.made(store)
    source = NotifyListener(database)
    changes = PostgresWatchList(store, source).changes()
    assert await anext(changes) is None
    for odd in ODD:
        await say(stranger, STRATEGY_CHANGED, odd)
    await desk.runs.activate(desk.start())
    assert await asyncio.wait_for(anext(changes), 10) == desk.strategy.strategy_id
    assert source.dropped == len(ODD)
