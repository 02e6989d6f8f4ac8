"""Before an entry the calendar is asked again; what it says decides whether anything is bought."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, time, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from domain.errors import CalendarUnknown
from domain.instrument import Segment
from domain.order import Leg, LegKey, OrderTerms, Reason
from domain.run import Entered, EnterOrder, ExitOrder
from domain.session import ClosedDay, DaySource, Session, at
from domain.strategy import Outcome, Product
from execution.order_path import OrderPath
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.armed import MemoryScheduledOrderLog
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.house import MemoryCache, MemoryOrderLog
from tests.fakes.manual_clock import ManualClock
from tests.fakes.resting_stops import MemoryRestingStops
from tests.fakes.trading_days import MemoryTradingDays

DAY = date(2027, 1, 26)
BUY_AT = at(DAY, time(9, 30)).astimezone(UTC)
KEY = LegKey(uuid4(), uuid4(), DAY, 1, Leg.ENTRY)
ORDER = EnterOrder(
    KEY,
    OrderTerms("NSE", "TCS", Product.CNC),
    10,
    Decimal(900),
    BUY_AT,
    at(DAY, time(15, 15)),
    Segment.CASH_CAS,
    at(DAY, time(15, 14)),
)
CLOSED = ClosedDay(DAY, DaySource.OPERATOR, "Republic Day")
UNREADABLE = CalendarUnknown("the override file cannot be read")


def session(opens: time, closes: time) -> Session:
    return Session(DAY, at(DAY, opens), at(DAY, closes), DaySource.OPERATOR)


class House:
    """The order path half a minute before an entry, and the calendar that it asks."""

    def __init__(self) -> None:
        self.clock = ManualClock(BUY_AT - timedelta(seconds=30))
        self.days = MemoryTradingDays()
        self.broker = MemoryBroker(self.clock)
        self.brokers = MemoryBrokers(self.broker)
        self.log = MemoryOrderLog(self.clock)
        cache, alerts = MemoryCache(), MemoryAlerts()
        self.path = OrderPath.on(
            self.log, cache, self.brokers, self.clock, self.days, alerts, MemoryRestingStops()
        )

    def begin(self, order: EnterOrder = ORDER) -> "asyncio.Task[Entered]":
        return asyncio.ensure_future(self.path.entries.enter(order, asyncio.Event(), "worker"))

    async def entered(self, order: EnterOrder = ORDER) -> Entered:
        work = self.begin(order)
        await self.clock.settle()
        await self.clock.advance(60)
        return await work


async def test_a_day_that_trades_is_bought() -> None:
    house = House()
    house.days.says = session(time(9, 15), time(15, 15))
    assert (await house.entered()).filled == 10
    assert set(house.days.asked) == {(DAY, Segment.CASH_CAS)}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (DaySource.OPERATOR, "by the operator's calendar"),
        (DaySource.EXCHANGE, "by the exchange's own list"),
        (DaySource.PROVISIONAL, "by an estimate"),
    ],
)
async def test_a_closed_day_is_not_bought_and_says_by_which_source(source: DaySource, words: str) -> None:
    house = House()
    house.days.says = replace(CLOSED, source=source)
    work = house.begin()
    await house.clock.settle()
    await house.clock.advance(1)
    entered = await work
    assert house.clock.now() < BUY_AT, "known half a minute ahead, said then"
    assert (entered.outcome, house.broker.sent) == (Outcome.SKIPPED, [])
    assert f"the exchange is closed on 2027-01-26 (Republic Day), {words}" in entered.detail


async def test_a_day_that_is_closed_after_the_entry_was_armed_is_not_bought() -> None:
    house = House()
    held = await MemoryScheduledOrderLog(house.log).arm(ORDER, "worker")
    assert held is not None
    work = asyncio.ensure_future(house.path.entries.enter(ORDER, asyncio.Event(), "worker", held.attempt))
    await house.clock.settle()
    await house.clock.advance(25)
    assert not work.done()
    house.days.says = CLOSED
    await house.clock.advance(30)
    entered = await work
    assert (entered.outcome, house.broker.sent) == (Outcome.SKIPPED, [])


async def test_the_run_ends_although_nobody_logged_in_on_the_holiday() -> None:
    house = House()
    held = await MemoryScheduledOrderLog(house.log).arm(ORDER, "worker")
    assert held is not None
    house.days.says = CLOSED
    await house.path.entries.enter(ORDER, asyncio.Event(), "worker", held.attempt)
    house.brokers.logged_in = False
    assert (await house.entered()).outcome is Outcome.SKIPPED


@pytest.mark.parametrize(
    ("opens", "closes", "words"),
    [
        (time(18, 15), time(19, 15), "its buy time 09:30 is outside of that"),
        (time(10, 0), time(15, 15), "its buy time 09:30 is outside of that"),
        (time(9, 15), time(12, 0), "it was planned to be sold by 15:14"),
    ],
)
async def test_a_session_that_does_not_hold_the_plan_any_more_is_not_bought(
    opens: time, closes: time, words: str
) -> None:
    house = House()
    house.days.says = session(opens, closes)
    entered = await house.entered()
    assert (entered.outcome, house.broker.sent) == (Outcome.SKIPPED, [])
    assert words in entered.detail


async def test_an_order_of_an_older_build_asks_for_the_hours_of_its_exchange() -> None:
    house = House()
    house.days.says = session(time(9, 15), time(15, 30))
    assert (await house.entered(replace(ORDER, segment=None, sell_at=None))).filled == 10
    assert {segment for _, segment in house.days.asked} == {Segment.CASH}


async def test_nothing_is_bought_while_the_calendar_cannot_be_read() -> None:
    house = House()
    house.days.says = UNREADABLE
    entered = await house.entered()
    assert (entered.outcome, house.broker.sent) == (Outcome.SKIPPED, [])
    assert "the override file cannot be read" in entered.detail
    assert "not known to be a trading day" in entered.detail


async def test_a_calendar_that_can_be_read_again_in_time_lets_the_entry_pass() -> None:
    house = House()
    house.days.says = UNREADABLE
    work = house.begin()
    await house.clock.settle()
    await house.clock.advance(32)
    assert house.broker.sent == []
    house.days.says = None
    await house.clock.advance(10)
    assert (await work).filled == 10


@pytest.mark.parametrize("says", [CLOSED, UNREADABLE])
async def test_a_sale_does_not_ask_the_calendar(says: ClosedDay | CalendarUnknown) -> None:
    house = House()
    assert (await house.entered()).filled == 10
    house.days.says = says
    asked = len(house.days.asked)
    sale = ExitOrder(replace(KEY, leg=Leg.EXIT), ORDER.terms, 10, Reason.STOPLOSS, house.clock.now())
    work = asyncio.ensure_future(house.path.exits.exit(sale, asyncio.Event(), "worker"))
    await house.clock.settle()
    await house.clock.advance(30)
    assert (await work).sold == 10
    assert len(house.days.asked) == asked
