"""What the store says when Postgres is away, frozen, or holds what is asked for: `StoreUnavailable`, soon."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from adapters.postgres.engine import Store
from adapters.postgres.notify_listener import STRATEGY_CHANGED, NotifyListener
from adapters.postgres.user_tables import User
from domain.errors import StoreUnavailable
from domain.order import OrderStatus, Reason
from domain.outcome import Accepted
from domain.ports import Claimed
from tests.postgres import PostgresServer
from tests.store_rows import TERMS, Desk, just_now, seen

SOON = 15.0
"""A bound for a hang, not a measure: connecting, asking and giving back each have a shorter one."""


@pytest.fixture(scope="module")
async def own_postgres() -> AsyncIterator[PostgresServer]:
    server = await PostgresServer.started()
    yield server
    await server.close()


@pytest.fixture
async def store(own_postgres: PostgresServer) -> AsyncIterator[Store]:
    opened = Store.open(await own_postgres.new_database())
    yield opened
    await opened.close()


async def test_every_way_in_says_unavailable_when_the_server_is_gone(
    own_postgres: PostgresServer, store: Store
) -> None:
    desk = await Desk.started(store)
    start = desk.start()
    await desk.runs.activate(start)
    attempt = await desk.log.plan(desk.key(), TERMS, 1, just_now())
    await own_postgres.stop()
    calls = (
        lambda: desk.log.leg(desk.key()),
        lambda: desk.log.plan(desk.key(), TERMS, 2, None),
        lambda: desk.log.claim(attempt, 10, Reason.BUY, just_now(), None),
        lambda: desk.log.answer(attempt, Accepted("1001")),
        lambda: desk.log.saw(attempt, seen(attempt, 10)),
        lambda: desk.runs.activate(start),
        lambda: desk.runs.finish(desk.end(start)),
        store.ping,
    )
    try:
        async with asyncio.timeout(SOON):
            for call in calls:
                with pytest.raises(StoreUnavailable):
                    await call()
    finally:
        await own_postgres.start()
    assert (await desk.log.leg(desk.key()))[0].status is OrderStatus.PLANNED


async def test_nothing_hangs_when_the_server_is_frozen(own_postgres: PostgresServer, store: Store) -> None:
    desk = await Desk.started(store)
    attempt = await desk.log.plan(desk.key(), TERMS, 1, just_now())
    own_postgres.freeze()
    try:
        async with asyncio.timeout(SOON):
            results = await asyncio.gather(
                *(desk.log.claim(attempt, 10, Reason.BUY, just_now(), None) for _ in range(5)),
                *(desk.log.leg(desk.key()) for _ in range(20)),
                return_exceptions=True,
            )
    finally:
        own_postgres.thaw()
    assert {type(result) for result in results} == {StoreUnavailable}
    async with asyncio.timeout(SOON):
        assert len(await desk.log.leg(desk.key())) == 1


async def test_a_claim_whose_answer_was_lost_counts_as_sent(
    own_postgres: PostgresServer, store: Store
) -> None:
    desk = await Desk.started(store)
    attempt = await desk.log.plan(desk.key(), TERMS, 1, just_now())
    async with store.work() as session:
        await session.execute(text("SELECT 1 FROM orders FOR UPDATE"))
        claiming = asyncio.create_task(desk.log.claim(attempt, 10, Reason.BUY, just_now(), None))
        await _waits_for_a_lock(store)
        claiming.cancel()
    # The caller left; whether Postgres carried it out is only known by reading: at most one claim wins.
    again = await desk.log.claim(attempt, 10, Reason.BUY, just_now(), None)
    (row,) = await desk.log.leg(desk.key())
    assert row.status is OrderStatus.SENT
    assert again.attempt.sent_at == row.sent_at or not isinstance(again, Claimed)


async def test_a_frozen_workers_lock_is_not_waited_for_longer_than_it_may_last(store: Store) -> None:
    desk = await Desk.started(store)
    start = desk.start()
    await desk.runs.activate(start)
    locked, thawed = asyncio.Event(), asyncio.Event()

    async def frozen_worker() -> None:
        async with store.work() as session:
            await session.execute(text("SELECT 1 FROM strategies FOR UPDATE"))
            locked.set()
            await thawed.wait()
            await session.execute(text("SELECT 1"))

    frozen = asyncio.create_task(frozen_worker())
    await locked.wait()
    async with asyncio.timeout(SOON):
        while (await desk.row()).status == "running":
            with suppress(StoreUnavailable):
                await desk.runs.finish(desk.end(start))
    thawed.set()
    with pytest.raises(StoreUnavailable):
        await frozen


async def test_a_full_pool_is_unavailable_and_not_a_hang(own_postgres: PostgresServer) -> None:
    store = Store.open(await own_postgres.new_database(), pool_size=1)
    try:
        async with store.work() as one, store.work() as other:
            await one.execute(text("SELECT 1"))
            await other.execute(text("SELECT 1"))
            with pytest.raises(StoreUnavailable):
                await store.ping()
    finally:
        await store.close()


async def test_a_constraint_violation_stays_what_it_is(store: Store) -> None:
    desk = await Desk.started(store)
    with pytest.raises(IntegrityError):
        async with store.work() as session:
            session.add(User(user_id=desk.strategy.user_id, email="twice@example.com", password_hash="-"))


async def test_listening_ends_with_unavailable_when_the_server_goes(own_postgres: PostgresServer) -> None:
    changes = NotifyListener(await own_postgres.new_database()).listen(STRATEGY_CHANGED)
    assert await anext(changes) is None
    await own_postgres.stop()
    try:
        async with asyncio.timeout(SOON):
            with pytest.raises(StoreUnavailable):
                await anext(changes)
    finally:
        await own_postgres.start()


async def _waits_for_a_lock(store: Store) -> None:
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    async with asyncio.timeout(SOON):
        while True:
            async with store.read() as session:
                if await session.scalar(waiting):
                    return
            await asyncio.sleep(0.02)
