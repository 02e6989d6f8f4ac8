"""A split or a bonus is found before a series buys at prices of before; a market that moves is none."""

import asyncio
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from domain.adjusted_price import NotedClose, is_adjusted
from domain.session import ClosedDay, DaySource, Session, at
from execution.closing_prices import ClosingPrices
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.calendar import Weekdays
from tests.fakes.manual_clock import ManualClock
from tests.fakes.noted_closes import Closes, MemoryNotedCloses
from tests.fakes.starts import a_strategy
from tests.fakes.trading_days import MemoryTradingDays

FRIDAY, MONDAY = date(2026, 12, 11), date(2026, 12, 14)


@pytest.mark.parametrize(
    ("noted", "stated", "adjusted"),
    [
        ("3500", "3500", False),
        ("3500", "3462.15", False),  # the official close is a mean of the last half hour
        ("100", "105", False),
        ("100", "105.05", True),
        ("3500", "3181.8", True),  # bonus 1:10
        ("3500", "1750", True),  # split 1:2
        ("90", "900", True),  # consolidation 10:1
        ("2.35", "2.30", False),
    ],
)
def test_a_close_that_is_stated_otherwise_was_adjusted(noted: str, stated: str, adjusted: bool) -> None:
    assert is_adjusted(Decimal(noted), Decimal(stated)) is adjusted


@dataclass
class House:
    """One series with a stop at 3,500, its broker, and the clock."""

    clock: ManualClock = field(default_factory=ManualClock)
    store: MemoryNotedCloses = field(default_factory=MemoryNotedCloses)
    alerts: MemoryAlerts = field(default_factory=MemoryAlerts)
    series_id: UUID = field(default_factory=uuid4)
    days: MemoryTradingDays = field(default_factory=lambda: MemoryTradingDays(trades=Weekdays()))

    def __post_init__(self) -> None:
        self.broker = MemoryBroker(self.clock)
        self.brokers = MemoryBrokers(self.broker)
        self.row: Closes = self.store.opened(self.series_id, a_strategy())
        self.closes = ClosingPrices(self.store, self.brokers, self.days, self.alerts, self.clock)

    async def look(self, day: date, hour: int, minute: int = 0) -> None:
        await self.clock.advance((at(day, time(hour, minute)) - self.clock.now()).total_seconds())
        self.store.a_minute_later()
        await self.closes.look()

    @property
    def noted(self) -> NotedClose | None:
        return self.row.series.noted


@pytest.fixture
def house() -> House:
    return House()


async def test_the_close_is_read_when_the_day_is_over_and_not_before(house: House) -> None:
    for hour in (9, 12, 15):
        await house.look(FRIDAY, hour, 45)
    assert house.noted is None
    await house.look(FRIDAY, 16)
    assert house.noted == NotedClose(FRIDAY, house.broker.price)


async def test_over_a_weekend_the_close_of_friday_is_compared_on_monday(house: House) -> None:
    await house.look(FRIDAY, 16)
    for day in (1, 2):
        await house.look(FRIDAY + timedelta(days=day), 16)  # no trading day, and no new close
    house.broker.previous_close = house.broker.price / 2
    await house.look(MONDAY, 8, 30)
    assert house.alerts.raised == [], "before nine the broker may state the close of the day before"
    await house.look(MONDAY, 9)
    assert (house.row.compared_on, house.row.asked_on) == (MONDAY, MONDAY)
    [alarm] = house.alerts.raised
    assert (alarm.kind, alarm.data) == ("prices_adjusted", {"noted": "3500", "stated": "1750"})


async def test_a_market_that_falls_asks_nothing(house: House) -> None:
    await house.look(FRIDAY, 16)
    house.broker.previous_close = house.broker.price
    house.broker.price *= Decimal("0.81")
    await house.look(MONDAY, 9, 30)
    assert (house.row.compared_on, house.row.asked_on, house.alerts.raised) == (MONDAY, None, [])


async def test_an_old_close_is_compared_with_nothing(house: House) -> None:
    await house.look(FRIDAY, 16)
    house.broker.previous_close = house.broker.price / 2
    await house.look(MONDAY + timedelta(days=1), 9)  # the account could not be read on Monday
    assert house.row.compared_on is None


@pytest.mark.parametrize("trouble", ["login", "no close"])
async def test_what_cannot_be_read_is_read_a_minute_later(house: House, trouble: str) -> None:
    await house.look(FRIDAY, 16)
    house.broker.previous_close = None if trouble == "no close" else house.broker.price
    house.brokers.logged_in = trouble != "login"
    await house.look(MONDAY, 9)
    assert house.row.compared_on is None
    house.brokers.logged_in, house.broker.previous_close = True, house.broker.price
    await house.look(MONDAY, 9, 1)
    assert house.row.compared_on == MONDAY


async def test_on_a_day_without_a_session_nothing_is_read(house: House) -> None:
    house.days.says, house.days.trades = ClosedDay(FRIDAY, DaySource.EXCHANGE), None
    await house.look(FRIDAY, 16)
    assert house.noted is None


async def test_a_special_session_in_the_evening_is_over_before_its_close_is_read(house: House) -> None:
    house.days.trades = None
    house.days.says = Session(FRIDAY, at(FRIDAY, time(18)), at(FRIDAY, time(19)))
    await house.look(FRIDAY, 19, 29)
    assert house.noted is None
    await house.look(FRIDAY, 19, 30)
    assert house.noted is not None


async def about_to_buy(house: House, when: datetime) -> None:
    await house.clock.advance((when - house.clock.now()).total_seconds())
    comparing = asyncio.ensure_future(house.closes.compare_one(house.series_id))
    await house.clock.advance(6)
    assert comparing.done(), "a run wakes eight seconds before it buys"
    await comparing


async def test_a_day_that_is_about_to_buy_is_compared_though_no_look_came_to_it(house: House) -> None:
    await house.look(FRIDAY, 16)
    house.broker.previous_close = house.broker.price / 10
    await about_to_buy(house, at(MONDAY, time(9, 20)))
    assert house.row.asked_on == MONDAY


async def test_a_purchase_is_not_held_up_where_no_close_is_stated(house: House) -> None:
    await house.look(FRIDAY, 16)
    await about_to_buy(house, at(MONDAY, time(9, 20)))
    assert house.row.compared_on is None
