"""The limits of an account's day, on a real Postgres: which loss or profit bars an entry, and until when."""

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from adapters.postgres.engine import Store
from adapters.postgres.held_stops import PostgresHeldStops
from adapters.postgres.orders import PostgresOrderLog
from domain.errors import StoreUnavailable
from domain.limits import OnBreach
from domain.order import Leg, Reason
from domain.ports import Claimed, NotClaimed
from tests.limited_account import Account, barred
from tests.store_rows import TERMS, TODAY, Desk, just_now

TOMORROW = TODAY + timedelta(days=1)


async def test_open_loss_of_another_strategy_bars_an_entry_and_is_written_once(
    store: Store, as_listener: PostgresHeldStops
) -> None:
    account = await Account.made(store, as_listener, daily_loss=Decimal(1000))
    await account.holds("3500")
    await account.priced("3400")
    refused = await account.may_buy()
    assert "1000.00" in barred(refused)
    assert "next trading day" in barred(refused)
    assert isinstance(refused, NotClaimed)
    assert not refused.may_pass
    assert await account.breaches() == [(TODAY, "daily_loss", Decimal(1000), "block")]


async def test_breach_stands_whatever_follows_until_the_next_trading_day(
    store: Store, as_listener: PostgresHeldStops
) -> None:
    account = await Account.made(store, as_listener, daily_loss=Decimal(1000))
    await account.holds("3500")
    await account.priced("3400")
    barred(await account.may_buy())
    await account.priced("3700")
    assert "1000.00" in barred(await account.may_buy())
    await account.limit(daily_loss=Decimal(50_000))
    assert "1000.00" in barred(await account.may_buy())
    await account.limit()
    assert "1000.00" in barred(await account.may_buy())
    next_day = await Desk.made(store, "SBIN", account.user_id)
    await next_day.runs.activate(next_day.start(TOMORROW))
    assert isinstance(await account.may_buy(TOMORROW, next_day), Claimed)


async def test_charges_count(store: Store, as_listener: PostgresHeldStops) -> None:
    account = await Account.made(store, as_listener, daily_loss=Decimal(1000))
    await account.holds("3500")
    await account.sells("3400.50")  # 995 rupees lost, and 20 more for what the sale and the purchase cost
    assert "1000.00" in barred(await account.may_buy())


async def test_day_s_profit_bars_as_well(store: Store, as_listener: PostgresHeldStops) -> None:
    account = await Account.made(store, as_listener, daily_profit=Decimal(900))
    await account.holds("3500")
    await account.priced("3600")
    assert "profits" in barred(await account.may_buy())
    assert await account.breaches() == [(TODAY, "daily_profit", Decimal(900), "block")]


async def test_missing_price_makes_an_entry_wait_and_breaches_nothing(
    store: Store, as_listener: PostgresHeldStops
) -> None:
    account = await Account.made(store, as_listener, daily_loss=Decimal(1000), on_breach=OnBreach.EXIT)
    await account.holds("3500")
    for age in (None, 6.0):
        if age is not None:
            await account.priced("3000", age)
        waits = await account.may_buy()
        assert "not known" in barred(waits)
        assert isinstance(waits, NotClaimed)
        assert waits.may_pass
    assert await account.breaches() == []
    await account.priced("3490")
    assert isinstance(await account.may_buy(), Claimed)


async def test_what_was_bought_a_moment_ago_has_the_price_of_its_fill(
    store: Store, as_listener: PostgresHeldStops
) -> None:
    account = await Account.made(store, as_listener, daily_loss=Decimal(1000))
    await account.holds("3500", ago=1)
    assert isinstance(await account.may_buy(), Claimed)


async def test_limits_of_one_account_are_not_anothers(store: Store, as_listener: PostgresHeldStops) -> None:
    account = await Account.made(store, as_listener, daily_loss=Decimal(1000))
    other = await Account.made(store, as_listener, daily_loss=Decimal(1000))
    await account.holds("3500")
    await account.priced("3300")
    barred(await account.may_buy())
    assert isinstance(await other.may_buy(), Claimed)


class Broken:
    """Judges no day: the store has gone, or there is a fault."""

    async def judge(self, day: date, users: object) -> dict[UUID, object]:
        raise StoreUnavailable("Postgres did not answer")


async def test_day_that_cannot_be_judged_holds_up_no_exit(
    store: Store, as_listener: PostgresHeldStops
) -> None:
    account = await Account.made(store, as_listener, daily_loss=Decimal(1000))
    await account.holds("3500")
    log = PostgresOrderLog(store)
    log._claims._days = Broken()  # type: ignore[assignment]
    entry = await log.plan(account.asks.key(), replace(TERMS, symbol="INFY"), 1, just_now())
    sale = await log.plan(account.trades.key(Leg.EXIT), TERMS, 1, just_now())
    bought, sold = await asyncio.gather(
        log.claim(entry, 10, Reason.BUY, just_now(), None),
        log.claim(sale, 10, Reason.STOPLOSS, just_now(), None),
        return_exceptions=True,
    )
    assert isinstance(sold, Claimed)
    assert isinstance(bought, StoreUnavailable)


# --- prices ---------------------------------------------------------------------------------------------


async def test_listener_prices_what_accounts_with_a_limit_hold_and_nothing_else(
    store: Store, as_listener: PostgresHeldStops
) -> None:
    account = await Account.made(store, as_listener, daily_loss=Decimal(1000))
    free = await Account.made(store, as_listener)
    await account.holds("3500")
    await free.holds("3500")
    assert await as_listener.prices_wanted() == {account.trades.strategy.strategy_id}
    await free.priced("3400")
    await account.priced("3400", age=2)
    await account.priced("3300", age=4)  # older than what is known
    await account.priced("-1")
    async with store.read() as session:
        rows = (await session.execute(text("SELECT strategy_id, price FROM held_prices"))).all()
    assert [tuple(row) for row in rows] == [(account.trades.strategy.strategy_id, Decimal(3400))]


async def test_price_of_the_future_counts_as_one_of_now(store: Store, as_listener: PostgresHeldStops) -> None:
    account = await Account.made(store, as_listener, daily_loss=Decimal(1000))
    await account.holds("3500")
    await account.priced("3400", age=-3600)
    async with store.read() as session:
        assert await session.scalar(text("SELECT max(seen_at) <= clock_timestamp() FROM held_prices"))


async def test_worker_lifts_no_breach(store: Store, as_worker: Store, as_listener: PostgresHeldStops) -> None:
    account = await Account.made(store, as_listener, daily_loss=Decimal(1000))
    await account.holds("3500")
    await account.priced("3400")
    barred(await account.may_buy())
    for statement in ("DELETE FROM breaches", "UPDATE breaches SET value = 10 * value"):
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with as_worker.work() as session:
                await session.execute(text(statement))
