"""Two weeks of a series over the year's end: each trading day once, and books that are the exchange's.

Postgres, Redis, Temporal, the API, the run and its activities are real; time is moved. The exchange is that
of the simulation, and the charges are those of an oracle that knows the broker's table alone.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.exit_waits import ExitWaitActivities
from activities.run_activities import run_activities
from activities.series import SeriesActivities
from activities.sessions import SessionActivities
from adapters.calendar.exchange import open_calendar
from adapters.calendar.trading_days import CalendarTradingDays
from adapters.postgres.calendar_days import PostgresOperatorDays
from adapters.postgres.engine import Store
from adapters.postgres.orders import PostgresOrderLog
from adapters.postgres.outages import PostgresOutages
from adapters.postgres.resting_stops import PostgresRestingStops
from adapters.postgres.runs import PostgresRunStore
from adapters.postgres.scheduled_orders import PostgresScheduledOrderLog
from adapters.postgres.series import PostgresSeries
from adapters.redis.runtime_cache import RedisRuntimeCache
from domain.leg import Horizons
from domain.operator_days import DayWord, OperatorDay
from domain.order import Side
from domain.reconciler import EVERYTHING
from domain.segment_hours import Hours
from domain.session import EXCHANGE_ZONE
from execution.degraded_exit import DegradedExit
from execution.order_path import OrderPath
from execution.scheduled_orders import ScheduledOrders
from execution.series_days import SeriesDays
from execution.series_rounds import SeriesRounds
from services.auth.passwords import Passwords
from services.market.calendar_changes import add
from tests.api_world import Customer, World, json_of, new_world
from tests.conftest import time_skipping_server
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.edge import KnownLogin
from tests.fakes.instruments import listing_nothing
from tests.fakes.noted_closes import comparing_nothing
from tests.moved_exchange import MovedExchange, exchange_on
from tests.moved_time import MovedTime, moved_database
from tests.postgres import PostgresServer
from tests.simulation.accounts import Accounts
from tests.unit.test_charges_oracle import oracle
from tests.valkey_process import ValkeyProcess
from tests.workflow.conftest import with_attributes
from workflows.client import TemporalOpenRuns, TemporalRuns
from workflows.sandbox import workflow_runner
from workflows.strategy_run import StrategyRun

pytestmark = pytest.mark.timeout(600)
TODAY = datetime.now(EXCHANGE_ZONE).date()
YEAR = TODAY.year if (TODAY.month, TODAY.day) < (12, 26) else TODAY.year + 1
"""The year whose end is next: the server's time is moved on, and never back."""
FIRST, LAST = date(YEAR, 12, 28), date(YEAR + 1, 1, 8)
FORTNIGHT = [FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1)]
WEEKDAYS = [day for day in FORTNIGHT if day.weekday() < 5]
SUNDAY = next(day for day in FORTNIGHT if day.weekday() == 6)
EVENING_BEFORE, SAME_MORNING = WEEKDAYS[2], WEEKDAYS[6]
"""The days that become holidays: one said the evening before, one at nine on the day itself."""
OPEN = sorted({*WEEKDAYS, SUNDAY} - {EVENING_BEFORE, SAME_MORNING})
MONDAY_TO_FRIDAY = ("mon", "tue", "wed", "thu", "fri")
Sums = tuple[Decimal, Decimal]
"""What a day came to at the exchange, and what it costs."""
QUEUE, QUANTITY = "two weeks", 7
STRATEGY = {
    "symbol": "TCS",
    "product": "MIS",
    "buy_time": "09:30",
    "sell_time": "14:00",
    "stop_loss": 3000,
    "quantity": QUANTITY,
}


@dataclass
class Fortnight:
    """One customer with one strategy, and the hands of the operator."""

    env: WorkflowEnvironment
    clock: MovedTime
    store: Store
    exchange: MovedExchange
    rounds: SeriesRounds
    world: World
    customer: Customer
    strategy_id: str = ""

    async def until(self, day: date, at: time) -> None:
        """Let the time pass until then, hour by hour; whatever is under way then comes to rest."""
        instant = datetime.combine(day, at, tzinfo=EXCHANGE_ZONE)
        while (left := instant - await self.env.get_current_time()) > timedelta(0):
            await self.env.sleep(min(left, timedelta(hours=1)))
            await self.clock.follow(await self.env.get_current_time())

    async def says(self, day: date, word: DayWord, hours: Hours | None = None) -> None:
        """Have the operator say something of a day, as `stopwatch calendar add` does."""
        async with self.store.work() as session:
            await add(session, OperatorDay(day, word, "NSE/CMTR/7", hours), "anna", force=False)

    async def round(self) -> None:
        """Let the reconciler look at the series."""
        await self.rounds.begin_unbegun()
        await self.rounds.tell(EVERYTHING)

    async def read(self, path: str) -> Any:
        answer = await self.customer.get(path)
        assert answer.status_code == 200, answer.text
        return json_of(answer)


@pytest.fixture
async def fortnight(
    postgres: PostgresServer, own_valkey: ValkeyProcess, passwords: Passwords
) -> AsyncIterator[Fortnight]:
    url = await moved_database(postgres)
    store, cache = Store.open(url), RedisRuntimeCache.connect(own_valkey.url)
    async with await time_skipping_server() as env, MovedTime.of(url) as clock:
        await with_attributes(env)
        try:
            async with trading(env, clock, store, cache, passwords) as made:
                yield made
        finally:
            await cache.close()
            await store.close()
    await postgres.drop(url)


@asynccontextmanager
async def trading(
    env: WorkflowEnvironment, clock: MovedTime, store: Store, cache: RedisRuntimeCache, passwords: Passwords
) -> AsyncIterator[Fortnight]:
    word = PostgresOperatorDays(store, clock)
    calendar = open_calendar("XNSE", word.said)
    series, runs = PostgresSeries(store), TemporalOpenRuns(env.client, QUEUE)
    days = SeriesDays(
        series, CalendarTradingDays(calendar, word), clock, comparing_nothing(clock), listing_nothing()
    )
    exchange = exchange_on(clock)
    worker = Worker(
        env.client,
        task_queue=QUEUE,
        workflows=[StrategyRun],
        activities=activities(exchange, clock, store, cache, days, runs, CalendarTradingDays(calendar, word)),
        workflow_runner=workflow_runner(),
        interceptors=[clock],
        max_heartbeat_throttle_interval=timedelta(seconds=0.2),
    )
    async with worker:
        await word.fresh(0)
        world = new_world(store, passwords, calendar, clock=clock, runs=TemporalRuns(env.client, QUEUE))
        world.kite.tokens["good-token"] = KnownLogin("OURS")
        rounds = SeriesRounds(series, days, runs, clock)
        yield Fortnight(env, clock, store, exchange, rounds, world, await world.trader())


def activities(
    exchange: MovedExchange,
    clock: MovedTime,
    store: Store,
    cache: RedisRuntimeCache,
    days: SeriesDays,
    runs: TemporalOpenRuns,
    trading_days: CalendarTradingDays,
) -> Sequence[Callable[..., object]]:
    """Wire a worker as `wiring.py` does, on the moved clock and the exchange in memory."""
    log, run_store, alerts = PostgresOrderLog(store), PostgresRunStore(store), MemoryAlerts()
    brokers = Accounts(exchange)
    path = OrderPath.on(log, cache, brokers, clock, trading_days, alerts, PostgresRestingStops(store))
    scheduled = ScheduledOrders(
        PostgresScheduledOrderLog(store, store), path.entries, path.exits, path.sender, clock, "one"
    )
    degraded = DegradedExit(log, brokers, clock, Horizons())
    series = SeriesActivities(days, runs, cache, alerts)
    waits = ExitWaitActivities(path.lifts, path.exits)
    sessions = SessionActivities(trading_days, PostgresOutages(store), run_store, alerts, clock)
    return [
        *run_activities(path, scheduled, degraded, run_store, cache, alerts),
        *(waits.wait_for_lift, waits.look_at_account, sessions.next_session),
        *(series.end_day, series.begin_next, series.plan_anew),
    ]


async def pass_by(fortnight: Fortnight, days: Sequence[str]) -> None:
    """START on the Sunday before, and let the fortnight pass; the operator speaks three times."""
    await fortnight.until(FIRST - timedelta(days=1), time(20))
    repeat = {"days": days, "until": LAST.isoformat()}
    made = await fortnight.customer.running(**STRATEGY, repeat=repeat)
    fortnight.strategy_id = made["strategy_id"]
    assert made["trading_day"] == FIRST.isoformat()
    await fortnight.until(EVENING_BEFORE - timedelta(days=1), time(20))
    await fortnight.says(EVENING_BEFORE, DayWord.CLOSED)
    await fortnight.round()
    await fortnight.until(SUNDAY - timedelta(days=2), time(19))
    await fortnight.says(SUNDAY, DayWord.HOURS, Hours(time(9, 15), time(15, 30)))
    await fortnight.round()
    await fortnight.until(SAME_MORNING, time(9))
    await fortnight.says(SAME_MORNING, DayWord.CLOSED)  # no round: the run asks before it buys
    await fortnight.until(LAST, time(20))


@pytest.mark.parametrize(
    "days", [(*MONDAY_TO_FRIDAY, "sun"), MONDAY_TO_FRIDAY], ids=["sundays too", "weekdays"]
)
async def test_each_trading_day_of_the_fortnight_is_traded_once_and_the_books_are_the_exchanges(
    fortnight: Fortnight, days: Sequence[str]
) -> None:
    await pass_by(fortnight, days)
    stands = await fortnight.read(f"/strategy/{fortnight.strategy_id}")
    assert (stands["status"], stands["position"], stands["next_trading_day"]) == ("stopped", "sold", None)
    ledger = traded_at(fortnight)
    traded = [day for day in OPEN if day != SUNDAY or "sun" in days]
    assert sorted(ledger) == traded
    await judge_days(fortnight, ledger)
    await judge_report(fortnight, ledger)


async def judge_days(fortnight: Fortnight, ledger: dict[date, Sums]) -> None:
    """The books have each day once, and no other."""
    rounds = (await fortnight.read(f"/strategy/{fortnight.strategy_id}/days?limit=50"))["items"]
    found = {date.fromisoformat(one["trading_day"]): one for one in rounds}
    assert (len(rounds), set(found)) == (len(ledger), set(ledger))
    for day, (gross, charges) in ledger.items():
        one = found[day]
        assert (one["outcome"], one["round"], one["quantity"]) == ("sold", 1, QUANTITY)
        assert (one["gross"], one["charges"]["total"], one["net"]) == (gross, charges, gross - charges)


async def judge_report(fortnight: Fortnight, ledger: dict[date, Sums]) -> None:
    report = await fortnight.read(f"/account/report?from={FIRST}&to={LAST}")
    assert_sum(report["total"], ledger.values())
    for month in report["by_month"]:
        assert_sum(month, [sums for day, sums in ledger.items() if f"{day:%Y-%m}" == month["month"]])
    assert [month["month"] for month in report["by_month"]] == [f"{FIRST:%Y-%m}", f"{LAST:%Y-%m}"]


def assert_sum(found: dict[str, Any], days: Iterable[Sums]) -> None:
    days = list(days)
    gross = sum((gross for gross, _ in days), Decimal(0))
    charges = sum((charges for _, charges in days), Decimal(0))
    assert (found["gross"], found["charges"], found["net"]) == (gross, charges, gross - charges)


def traded_at(fortnight: Fortnight) -> dict[date, Sums]:
    """Return gross and charges of each day as the exchange's own orders have them.

    A day that was bought or sold twice, or not whole, is no day of this.
    """
    exchange, found = fortnight.exchange, {}
    orders: dict[date, list[Any]] = {}
    for order in exchange.orders:
        at = exchange.epoch + timedelta(seconds=order.placed_at)
        orders.setdefault(at.astimezone(EXCHANGE_ZONE).date(), []).append(order)
    for day, [bought, sold] in orders.items():
        assert [order.request.side for order in (bought, sold)] == [Side.BUY, Side.SELL]
        assert [order.filled for order in (bought, sold)] == [QUANTITY, QUANTITY]
        prices = [Fraction(order.value) / QUANTITY for order in (bought, sold)]
        paise = sum(oracle("intraday", False, QUANTITY, *prices).values())
        found[day] = sold.value - bought.value, Decimal(paise) / 100
    return found
