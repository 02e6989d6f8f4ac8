"""The turns to read an account are shared by all processes, in Postgres itself."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from uuid import uuid4

import pytest
from sqlalchemy import text

from adapters.kite.shared_reads import TurnPace
from adapters.postgres.engine import Store
from adapters.postgres.quote_turns import PostgresQuoteTurns
from adapters.postgres.read_turns import PostgresReadTurns
from adapters.process.clock import SystemClock
from domain.quote_turns import Asker, Turn
from domain.read_turns import APART, TURNS_AT_ONCE, WITHIN

MOST_A_SECOND = 10
"""Kite's limit for everything but orders and prices."""
WORKERS = 4


@pytest.fixture
async def stores(database: str) -> AsyncIterator[Sequence[Store]]:
    opened = [Store.open(database) for _ in range(WORKERS)]
    yield opened
    for store in opened:
        await store.close()


async def test_four_workers_that_read_one_account_as_often_as_they_may_stay_below_the_limit(
    stores: Sequence[Store],
) -> None:
    clock, account, reads = SystemClock(), uuid4().hex, list[float]()

    async def reading(store: Store, own: bool) -> None:
        pace = TurnPace(clock, PostgresReadTurns(store), account, own=own)
        while True:
            await pace.turn()
            reads.append(clock.monotonic())

    # Each has its orders' reads, three lists of them, and an account watch.
    paces = [asyncio.ensure_future(reading(store, own)) for store in stores for own in (True, False)]
    await asyncio.sleep(4)
    for pace in paces:
        pace.cancel()
    await asyncio.gather(*paces, return_exceptions=True)
    most = max(sum(at <= other < at + 1 for other in reads) for at in reads)
    assert WORKERS < most <= MOST_A_SECOND
    assert len(reads) > 3 * WORKERS


async def test_a_turn_is_granted_at_once_or_soon_and_else_not(stores: Sequence[Store]) -> None:
    turns, account = [PostgresReadTurns(store) for store in stores], uuid4().hex
    waits = [await turns[number % WORKERS].take(account) for number in range(TURNS_AT_ONCE + 3)]
    assert waits[:TURNS_AT_ONCE] == [0] * TURNS_AT_ONCE
    soon = [wait for wait in waits if wait]
    assert all(wait <= WITHIN.total_seconds() for wait in soon)
    assert None in waits
    await asyncio.sleep(TURNS_AT_ONCE * APART.total_seconds())
    assert await turns[0].take(account) is not None


async def test_two_who_ask_in_one_moment_have_one_turn_and_other_accounts_have_theirs(
    stores: Sequence[Store],
) -> None:
    turns, account, other = PostgresReadTurns(stores[0]), uuid4().hex, uuid4().hex
    granted = await asyncio.gather(*(turns.take(name) for name in (account, other, account, account)))
    assert granted[:2] == [0, 0]
    assert granted.count(None) >= 1


async def test_a_turn_of_before_the_clock_was_set_back_delays_no_read(stores: Sequence[Store]) -> None:
    turns, account = PostgresReadTurns(stores[0]), uuid4().hex
    await turns.take(account)
    ahead = "UPDATE quote_turns SET reads_from = reads_from + interval '1 hour' WHERE account = :account"
    async with stores[0].work() as session:
        await session.execute(text(ahead), {"account": account})
    assert await turns.take(account) == 0


async def test_the_turns_to_ask_for_prices_are_counted_apart(stores: Sequence[Store]) -> None:
    account, clock = uuid4().hex, SystemClock()
    await PostgresReadTurns(stores[0]).take(account)
    found = await PostgresQuoteTurns(stores[0], clock).take(Asker(uuid4(), account, "monday"))
    assert isinstance(found, Turn)
    assert await PostgresReadTurns(stores[1]).take(account) == 0
