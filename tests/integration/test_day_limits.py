"""The limits of an account's day, on a real Postgres: what a claim refuses, and what a worker judges."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ProgrammingError

from adapters.postgres.account_days import PostgresAccountDays
from adapters.postgres.engine import Store
from adapters.postgres.held_stops import PostgresHeldStops
from adapters.postgres.limits import UserLimits, to_sell
from adapters.postgres.orders import PostgresOrderLog
from adapters.postgres.overdue_runs import PostgresOverdueRuns
from domain.errors import StoreUnavailable
from domain.held_stop import HeldPrice
from domain.limits import KillExits, LimitName, Limits, OnBreach
from domain.order import Leg, Reason
from domain.ports import Claimed, NotClaimed
from execution.account_day_watch import AccountDayWatch
from migrations.roles import Role, make_roles
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.manual_clock import ManualClock
from tests.fakes.open_runs import MemoryOpenRuns
from tests.store_rows import TERMS, TODAY, Desk, just_now, seen

MORNING = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
TOMORROW = TODAY + timedelta(days=1)


@pytest.fixture
async def as_listener(database: str) -> AsyncIterator[PostgresHeldStops]:
    """Held stops as the listener's role says them."""
    url = make_url(database).set(username=f"listener_{uuid4().hex[:8]}", password="listener's")
    await make_roles(database, [Role.of("listener", url.render_as_string(hide_password=False))])
    opened = Store.open(url.render_as_string(hide_password=False))
    yield PostgresHeldStops(opened)
    await opened.close()


@pytest.fixture
async def as_worker(database: str) -> AsyncIterator[Store]:
    """The store as the worker's role sees it."""
    url = make_url(database).set(username=f"worker_{uuid4().hex[:8]}", password="worker's")
    await make_roles(database, [Role.of("worker", url.render_as_string(hide_password=False))])
    opened = Store.open(url.render_as_string(hide_password=False))
    yield opened
    await opened.close()


@dataclass
class Account:
    """A user with two strategies: one that trades, one that asks whether it may buy."""

    store: Store
    trades: Desk
    asks: Desk
    listener: PostgresHeldStops

    @classmethod
    async def made(cls, store: Store, listener: PostgresHeldStops, **limits: Any) -> "Account":
        trades = await Desk.started(store)
        asks = await Desk.started(store, "INFY", trades.strategy.user_id)
        account = cls(store, trades, asks, listener)
        await account.limit(**limits)
        return account

    @property
    def user_id(self) -> UUID:
        return self.trades.strategy.user_id

    async def limit(self, **limits: Any) -> None:
        async with self.store.work() as session:
            await UserLimits(session, self.user_id).set_limits(Limits(**limits))

    async def holds(self, price: str = "3500", ago: float = 60) -> None:
        """Buy ten TCS at a price, in a market that is open."""
        await self.trades.bought(10, price)
        await self.sql("UPDATE strategies SET closes_at = NULL WHERE strategy_id = :id")
        await self.sql(
            "UPDATE orders SET filled_at = now() - make_interval(secs => :ago) WHERE strategy_id = :id",
            ago=ago,
        )

    async def sells(self, price: str) -> None:
        attempt = await self.trades.sent(self.trades.key(Leg.EXIT))
        row = seen(attempt, 10, price, broker_order_id="sold")
        await self.trades.log.saw(attempt, replace(row, average_price=Decimal(price)))

    async def priced(self, price: str, age: float = 0) -> None:
        """Have a listener say the price of TCS."""
        said = HeldPrice(Decimal(price), timedelta(seconds=age))
        await self.listener.say_prices({self.trades.strategy.strategy_id: said})

    async def may_buy(self, day: date = TODAY, desk: Desk | None = None) -> Claimed | NotClaimed:
        """Ask whether the other strategy may buy; where it may, the intent is called off again."""
        desk = desk or self.asks
        log = PostgresOrderLog(self.store)  # nothing is kept in a process
        row = await desk.row()
        key = desk.key(day=day, round_=row.round)
        attempts = await log.leg(key)
        planned = await log.plan(
            key, replace(TERMS, symbol=desk.strategy.symbol), len(attempts) + 1, just_now()
        )
        return await log.claim(planned, 10, Reason.BUY, just_now(), None, Decimal(1500))

    async def breaches(self) -> list[tuple[date, str, Decimal, str]]:
        async with self.store.read() as session:
            query = "SELECT trading_day, limit_name, value, on_breach FROM breaches ORDER BY at"
            return [tuple(row) for row in await session.execute(text(query))]

    async def sql(self, statement: str, **words: Any) -> None:
        async with self.store.work() as session:
            await session.execute(text(statement), {"id": self.trades.strategy.strategy_id, **words})


def barred(claim: Claimed | NotClaimed) -> str:
    assert isinstance(claim, NotClaimed)
    assert claim.barred is not None
    return claim.barred


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


# --- trades a day ----------------------------------------------------------------------------------------


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


# --- the watch ------------------------------------------------------------------------------------------


@dataclass
class Worker:
    """A worker's watch: what it told people and runs."""

    watch: AccountDayWatch
    runs: MemoryOpenRuns
    alerts: MemoryAlerts
    days: PostgresAccountDays

    @classmethod
    def on(cls, store: Store, name: str = "one") -> "Worker":
        clock = ManualClock(MORNING)
        days, runs, alerts = PostgresAccountDays(store), MemoryOpenRuns(clock), MemoryAlerts()
        return cls(AccountDayWatch(days, runs, alerts, clock, name), runs, alerts, days)

    def knows(self, *desks: Desk) -> None:
        for desk in desks:
            self.runs.open[f"strategy-{desk.strategy.strategy_id}-{TODAY}"] = MORNING

    @property
    def kinds(self) -> list[str]:
        return [alarm.kind for alarm in self.alerts.raised]


async def hand_over(store: Store) -> None:
    """Have the lead of a worker that died run out."""
    async with store.work() as session:
        await session.execute(text("UPDATE limits_watch SET until = now() - interval '1 second'"))


async def test_breach_that_sells_tells_every_run_of_the_day_and_each_person_once(
    store: Store, as_worker: Store, as_listener: PostgresHeldStops
) -> None:
    account = await Account.made(store, as_listener, daily_loss=Decimal(1000), on_breach=OnBreach.EXIT)
    stranger = await Desk.started(store)
    await account.holds("3500")
    await account.priced("3400")
    worker = Worker.on(as_worker)
    worker.knows(account.trades, account.asks, stranger)
    for _ in range(3):
        await worker.watch.look()
    told = {f"strategy-{desk.strategy.strategy_id}-{TODAY}" for desk in (account.trades, account.asks)}
    assert sorted(worker.runs.told_to_sell) == sorted(told)
    assert worker.kinds == ["limit_reached"]
    assert "-10" in worker.alerts.raised[0].text
    lines = [line.text for line in await account.trades.lines() if line.kind == "alert"]
    assert len(lines) == 1
    assert "1000.00" in lines[0]
    async with store.read() as session:
        audit = await session.execute(text("SELECT object, role FROM audit WHERE action = 'limit_reached'"))
        assert [tuple(row) for row in audit] == [("daily_loss 1000", "worker")]


async def test_breach_that_blocks_sells_nothing(
    store: Store, as_worker: Store, as_listener: PostgresHeldStops
) -> None:
    account = await Account.made(store, as_listener, daily_loss=Decimal(1000))
    await account.holds("3500")
    await account.priced("3400")
    worker = Worker.on(as_worker)
    worker.knows(account.trades, account.asks)
    await worker.watch.look()
    assert worker.kinds == ["limit_reached"]
    assert worker.runs.told_to_sell == []
    async with store.read() as session:
        assert await to_sell(session) == []


async def test_worker_that_died_after_the_row_leaves_the_sales_to_the_others(
    store: Store, as_worker: Store, as_listener: PostgresHeldStops
) -> None:
    account = await Account.made(store, as_listener, daily_loss=Decimal(1000), on_breach=OnBreach.EXIT)
    await account.holds("3500")
    await account.priced("3400")
    barred(await account.may_buy())  # the row is there; the process that wrote it is gone
    await account.priced("3600")  # the loss is gone as well: the word to sell stands
    async with store.read() as session:
        found = {one.strategy_id for one in await to_sell(session)}
    assert found == {account.trades.strategy.strategy_id, account.asks.strategy.strategy_id}
    await account.sql("UPDATE breaches SET at = at - interval '3 seconds'")
    await account.sql("UPDATE strategies SET started_at = started_at - interval '1 minute'")
    hours = "sell_at = now() + interval '1 hour', closes_at = now() + interval '2 hours'"
    await account.sql(f"UPDATE strategies SET {hours}")  # noqa: S608 - words of the test
    (standing,) = await PostgresOverdueRuns(as_worker).standing("two")
    assert standing.sale is not None
    assert (standing.sale.bought, standing.sale.reason) == (10, Reason.STOP)
    assert standing.strategy_id == account.trades.strategy.strategy_id
    worker = Worker.on(as_worker, "two")
    worker.knows(account.trades, account.asks)
    await worker.watch.look()
    assert len(worker.runs.told_to_sell) == 2


async def test_sale_that_is_refused_is_told_again_until_nothing_runs(
    store: Store, as_listener: PostgresHeldStops
) -> None:
    account = await Account.made(store, as_listener, daily_loss=Decimal(1000), on_breach=OnBreach.EXIT)
    await account.holds("3500")
    await account.priced("3400")
    barred(await account.may_buy())
    await account.limit(daily_loss=Decimal(9_000))
    for _ in range(3):
        async with store.read() as session:
            assert account.trades.strategy.strategy_id in {one.strategy_id for one in await to_sell(session)}
    await account.sql("UPDATE strategies SET status = 'stopped'")
    async with store.read() as session:
        assert await to_sell(session) == []


async def test_strategy_that_is_started_after_the_breach_is_left_alone(
    store: Store, as_listener: PostgresHeldStops
) -> None:
    account = await Account.made(store, as_listener, daily_loss=Decimal(1000), on_breach=OnBreach.EXIT)
    await account.holds("3500")
    await account.priced("3400")
    barred(await account.may_buy())
    later = await Desk.started(store, "SBIN", account.user_id)
    waiting = await Desk.made(store, "ITC", account.user_id)
    await waiting.runs.activate(waiting.start(TOMORROW))
    async with store.read() as session:
        found = {one.strategy_id for one in await to_sell(session)}
    assert found.isdisjoint({later.strategy.strategy_id, waiting.strategy.strategy_id})
    assert "1000.00" in barred(await account.may_buy(desk=later))


async def test_missing_price_alerts_once_and_sells_nothing(
    store: Store, as_worker: Store, as_listener: PostgresHeldStops
) -> None:
    account = await Account.made(store, as_listener, daily_loss=Decimal(1000), on_breach=OnBreach.EXIT)
    await account.holds("3500")
    await account.priced("3000", age=20)
    one, two = Worker.on(as_worker, "one"), Worker.on(as_worker, "two")
    for worker in (one, one, two):
        worker.knows(account.trades, account.asks)
        await worker.watch.look()
        await hand_over(store)
    assert one.kinds + two.kinds == ["limits_unpriced"]
    assert "NSE:TCS" in one.alerts.raised[0].text
    assert one.runs.told_to_sell == two.runs.told_to_sell == []
    assert await account.breaches() == []
    await account.priced("3495")
    await two.watch.look()
    await account.priced("3495", age=0)
    await account.sql("UPDATE held_prices SET seen_at = seen_at - interval '20 seconds'")
    await two.watch.look()
    assert two.kinds == ["limits_unpriced"]  # another gap, another alert


async def test_one_worker_at_a_time_judges_and_another_follows_it(as_worker: Store, store: Store) -> None:
    days = PostgresAccountDays(as_worker)
    assert await days.lead("one")
    assert not await days.lead("two")
    assert await days.lead("one")
    await hand_over(store)
    assert await days.lead("two")
    assert not await days.lead("one")


async def test_account_that_is_flat_and_settled_is_judged_with_its_next_entry(
    store: Store, as_worker: Store, as_listener: PostgresHeldStops
) -> None:
    account = await Account.made(store, as_listener, daily_loss=Decimal(1000))
    await account.holds("3500")
    await account.sells("3300")
    days = PostgresAccountDays(as_worker)
    assert [day.user_id for day in await days.days(TODAY)] == [account.user_id]
    await account.sql("UPDATE strategies SET updated_at = updated_at - interval '10 minutes'")
    assert await days.days(TODAY) == []
    assert "1000.00" in barred(await account.may_buy())


async def test_day_that_was_slept_through_counts_on_the_day_it_goes_on(
    store: Store, as_worker: Store, as_listener: PostgresHeldStops
) -> None:
    account = await Account.made(store, as_listener, daily_loss=Decimal(1000))
    await account.holds("3500")
    await account.priced("3300")
    (day,) = await PostgresAccountDays(as_worker).days(TOMORROW)
    assert [one.held for one in day.rounds] == [10]
    next_day = await Desk.made(store, "SBIN", account.user_id)
    await next_day.runs.activate(next_day.start(TOMORROW))
    assert "1000.00" in barred(await account.may_buy(TOMORROW, next_day))


async def test_claim_of_the_workers_role_judges_and_counts(
    store: Store, as_worker: Store, as_listener: PostgresHeldStops
) -> None:
    account = await Account.made(store, as_listener, daily_loss=Decimal(1000), trades_a_day=1)
    await account.holds("3500")
    await account.priced("3490")
    as_it_is = replace(account, store=as_worker)
    assert "1 trades" in barred(await as_it_is.may_buy())
    await account.priced("3300")
    assert "1 trades" in barred(await as_it_is.may_buy())
    assert [one[1] for one in await account.breaches()] == ["trades_a_day"]
    watch = Worker.on(as_worker)
    await watch.watch.look()
    assert "1000.00" in barred(await as_it_is.may_buy())  # of two breaches the day's loss is named
    assert [one[1] for one in await account.breaches()] == ["trades_a_day", "daily_loss"]


async def test_kill_switch_and_breach_ask_for_one_sale_each(
    store: Store, as_listener: PostgresHeldStops
) -> None:
    account = await Account.made(store, as_listener, daily_loss=Decimal(1000), on_breach=OnBreach.EXIT)
    await account.holds("3500")
    await account.priced("3400")
    barred(await account.may_buy())
    async with store.work() as session:
        await UserLimits(session, account.user_id).set_switch(KillExits.EXIT, "enough")
    async with store.read() as session:
        words = await session.execute(text("SELECT strategy_id, on_stop FROM stops_due"))
        assert [tuple(row) for row in words] == [(account.trades.strategy.strategy_id, "exit")]
        found = [one.strategy_id for one in await to_sell(session)]
    assert len(found) == len(set(found)) == 2


async def test_count_of_trades_is_told_and_sells_nothing(
    store: Store, as_worker: Store, as_listener: PostgresHeldStops
) -> None:
    account = await Account.made(store, as_listener, trades_a_day=1, on_breach=OnBreach.EXIT)
    await account.holds("3500")
    assert "1 trades" in barred(await account.may_buy())
    worker = Worker.on(as_worker)
    worker.knows(account.trades, account.asks)
    await worker.watch.look()
    await worker.watch.look()
    assert [alarm.data["limit"] for alarm in worker.alerts.raised] == [LimitName.TRADES_A_DAY]
    assert worker.runs.told_to_sell == []


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
