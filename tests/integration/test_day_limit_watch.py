"""The workers' watch over the limits of a day, on a real Postgres: whom it tells, and what it has sold."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import text

from adapters.postgres.account_days import PostgresAccountDays
from adapters.postgres.engine import Store
from adapters.postgres.held_stops import PostgresHeldStops
from adapters.postgres.limits import UserLimits, to_sell
from adapters.postgres.overdue_runs import PostgresOverdueRuns
from domain.limits import KillExits, LimitName, OnBreach
from domain.order import Reason
from execution.account_day_watch import AccountDayWatch
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.manual_clock import ManualClock
from tests.fakes.open_runs import MemoryOpenRuns
from tests.limited_account import Account, barred
from tests.store_rows import TODAY, Desk

MORNING = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
TOMORROW = TODAY + timedelta(days=1)


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
