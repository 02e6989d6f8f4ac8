"""COMPLETE before its price: the fill is read again until it has one, after its run has ended too."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import update

from adapters.postgres.engine import Store
from adapters.postgres.read_models import TimelineReader
from adapters.postgres.reconciliation import PostgresReconciliation
from adapters.postgres.strategy_view_row import read_strategy_page
from adapters.postgres.tables import OrderRow, StrategyRow
from adapters.process.clock import SystemClock
from api.strategies.view import profit
from domain.notification import NotificationKind, notification_of
from domain.order import Leg, OrderStatus
from domain.session import exchange_time
from domain.strategy import Outcome, Position
from execution.missing_prices import MissingPrices
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.store_rows import TERMS, Desk, just_now, seen

TODAY = exchange_time(just_now()).date()


class Day:
    """One strategy of today whose fills have no price yet, and the broker that will say it."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.broker = MemoryBroker(SystemClock())
        self.rows = PostgresReconciliation(desk.store)

    async def filled(self, leg: Leg, number: str) -> None:
        key = self.desk.key(leg, day=TODAY)
        attempt = await self.desk.accepted(key, number)
        row = seen(attempt, 10, None, broker_order_id=number)
        self.broker.book.append(row)
        await self.desk.log.saw(attempt, row)

    async def round(self) -> int:
        found = MissingPrices(self.desk.log, MemoryBrokers(self.broker, connected=TERMS.account))
        return len(await found.look_for(await self.rows.unpriced_orders(), []))

    def says(self, *prices: str) -> None:
        self.broker.book = [
            replace(row, average_price=Decimal(price))
            for row, price in zip(self.broker.book, prices, strict=True)
        ]

    async def later(self, seconds: float) -> None:
        """Let time pass for the rows."""
        ago = timedelta(seconds=seconds)
        async with self.desk.store.work() as session:
            await session.execute(
                update(OrderRow).values(
                    filled_at=OrderRow.filled_at - ago, looked_up_at=OrderRow.looked_up_at - ago
                )
            )

    async def due(self) -> int:
        return len(await self.rows.unpriced_orders())

    async def profit(self) -> Decimal | None:
        [found] = await read_strategy_page(self.desk.store, self.desk.strategy.user_id, 1, None)
        return profit(found.record, None)


@pytest.fixture
async def day(store: Store) -> Day:
    desk = await Desk.made(store)
    start = desk.start(TODAY)
    plan = replace(start.start.plan, closes_at=just_now() + timedelta(hours=1))
    start = replace(start, start=replace(start.start, plan=plan))
    await desk.runs.activate(start)
    made = Day(desk)
    await made.filled(Leg.ENTRY, "1001")
    await made.filled(Leg.EXIT, "1002")
    await desk.runs.finish(desk.end(start, Outcome.SOLD, Position.SOLD))
    return made


async def test_prices_and_profit_are_known_once_the_broker_says_them_though_the_run_has_ended(
    day: Day,
) -> None:
    assert await day.profit() is None
    assert await day.round() == 0
    day.says("3500", "3510.5")
    await day.later(5)
    assert await day.round() == 2
    row = await day.desk.row()
    assert (row.entry_price, row.exit_price, row.status) == (Decimal(3500), Decimal("3510.5"), "stopped")
    assert (row.bought_quantity, row.sold_quantity) == (10, 10)
    assert await day.profit() == Decimal(105)
    assert [order.message for order in await day.desk.orders()] == ["", ""]
    assert await day.due() == 0


async def test_the_timeline_and_the_notification_say_the_price_when_it_is_known(day: Day) -> None:
    day.says("3500", "3510.5")
    await day.round()
    lines = [line for line in await day.desk.lines() if line.kind == "priced"]
    assert [line.text.removeprefix("The price is known now: ") for line in lines] == [
        "10 TCS bought at 3500.00.",
        "10 TCS sold at 3510.50.",
    ]
    assert {line.data["price"] for line in lines} == {"3500", "3510.5"}
    assert notification_of("priced", lines[0].data) is NotificationKind.FILL
    async with day.desk.store.read(day.desk.strategy.user_id) as session:
        events = await TimelineReader(session, day.desk.strategy.user_id).after(
            day.desk.strategy.strategy_id, 0, 50
        )
    assert sum(event.kind == "priced" for event in events) == 2


async def test_a_fill_is_read_each_round_at_first_and_then_each_minute(day: Day) -> None:
    assert await day.due() == 2
    await day.round()
    assert await day.due() == 0, "not twice in one round"
    for _ in range(3):
        await day.later(5)
        assert await day.due() == 2
        await day.round()
    await day.later(40)
    assert await day.due() == 0
    await day.later(25)
    assert await day.due() == 2


async def test_nothing_is_read_again_after_the_close_or_on_another_day(day: Day) -> None:
    async with day.desk.store.work() as session:
        await session.execute(update(StrategyRow).values(closes_at=just_now() - timedelta(minutes=31)))
    assert await day.due() == 0
    async with day.desk.store.work() as session:
        await session.execute(update(StrategyRow).values(closes_at=just_now() + timedelta(hours=20)))
    assert await day.due() == 2
    await day.later(17 * 3600)
    assert await day.due() == 0


async def test_a_newer_round_of_the_strategy_keeps_its_own_prices(day: Day) -> None:
    """The price of the first round comes when a second one runs: it is the order's, not the new round's."""
    await day.desk.runs.activate(day.desk.start(TODAY))
    async with day.desk.store.work() as session:
        await session.execute(update(StrategyRow).values(closes_at=just_now() + timedelta(hours=1)))
    day.says("3500", "3510.5")
    assert await day.round() == 2
    row = await day.desk.row()
    assert (row.entry_price, row.exit_price) == (None, None)
    assert [order.average_price for order in await day.desk.orders()] == [Decimal(3500), Decimal("3510.5")]


async def test_an_order_that_still_rests_is_its_runs_to_follow(store: Store) -> None:
    desk = await Desk.made(store)
    await desk.runs.activate(desk.start(TODAY))
    attempt = await desk.accepted(desk.key(day=TODAY))
    await desk.log.saw(attempt, seen(attempt, 4, None, OrderStatus.OPEN))
    assert await PostgresReconciliation(store).unpriced_orders() == []
