"""The limit of trades a day, on a real Postgres: what is a trade, and who has the last one."""

import asyncio
from dataclasses import replace
from decimal import Decimal

from adapters.postgres.engine import Store
from adapters.postgres.held_stops import PostgresHeldStops
from adapters.postgres.orders import PostgresOrderLog
from domain.order import Reason
from domain.ports import Claimed, NotClaimed
from tests.limited_account import Account, barred
from tests.store_rows import TERMS, TODAY, Desk, just_now


async def test_of_two_strategies_that_race_for_the_last_trade_exactly_one_wins(
    database: str, store: Store, as_listener: PostgresHeldStops
) -> None:
    for _ in range(5):
        account = await Account.made(store, as_listener, trades_a_day=1)
        stores = [Store.open(database), Store.open(database)]  # two workers
        logs = [PostgresOrderLog(one) for one in stores]
        desks = (account.trades, account.asks)
        terms = [replace(TERMS, symbol=desk.strategy.symbol) for desk in desks]
        planned = [
            await log.plan(desk.key(), its, 1, just_now())
            for log, desk, its in zip(logs, desks, terms, strict=True)
        ]
        claims = await asyncio.gather(
            *(
                log.claim(one, 10, Reason.BUY, just_now(), None)
                for log, one in zip(logs, planned, strict=True)
            )
        )
        assert sorted(isinstance(claim, Claimed) for claim in claims) == [False, True]
        (refused,) = [claim for claim in claims if isinstance(claim, NotClaimed)]
        assert "limit of 1 trades" in barred(refused)
        for one in stores:
            await one.close()


async def test_many_entries_of_one_batch_take_what_trades_are_left(
    store: Store, as_listener: PostgresHeldStops
) -> None:
    account = await Account.made(store, as_listener, trades_a_day=3)
    desks = [await Desk.started(store, "TCS", account.user_id) for _ in range(6)]
    log = PostgresOrderLog(store)
    planned = [await log.plan(desk.key(), TERMS, 1, just_now()) for desk in desks]
    claims = await asyncio.gather(*(log.claim(one, 10, Reason.BUY, just_now(), None) for one in planned))
    assert sum(isinstance(claim, Claimed) for claim in claims) == 3
    assert await account.breaches() == [(TODAY, "trades_a_day", Decimal(3), "block")]


async def test_trade_is_a_round_and_not_an_attempt(store: Store, as_listener: PostgresHeldStops) -> None:
    account = await Account.made(store, as_listener, trades_a_day=1)
    for attempt in (1, 2):  # the first one was never placed
        planned = await account.trades.log.plan(account.trades.key(), TERMS, attempt, just_now())
        claim = await account.trades.log.claim(planned, 10, Reason.BUY, just_now(), None)
        assert isinstance(claim, Claimed)
    assert "1 trades" in barred(await account.may_buy())
    await account.limit(trades_a_day=5)
    assert "1 trades" in barred(
        await account.may_buy()
    )  # a breach of the day is not lifted by a higher limit


async def test_entry_that_is_barred_for_another_reason_uses_no_trade_up(
    store: Store, as_listener: PostgresHeldStops
) -> None:
    account = await Account.made(store, as_listener, trades_a_day=1, symbols=("INFY",))
    log = PostgresOrderLog(store)
    planned = [
        await log.plan(desk.key(), replace(TERMS, symbol=desk.strategy.symbol), 1, just_now())
        for desk in (account.trades, account.asks)
    ]
    claims = await asyncio.gather(*(log.claim(one, 10, Reason.BUY, just_now(), None) for one in planned))
    assert [isinstance(claim, Claimed) for claim in claims] == [False, True]
