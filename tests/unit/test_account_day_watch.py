"""The watch over the limits of accounts' days, on a clock that a test moves."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from domain.day_round import DayFill, DayRound
from domain.limits import LimitName, Limits, OnBreach, ToSell
from domain.order import Side
from domain.strategy import Product
from execution.account_day_watch import AccountDayWatch
from tests.fakes.account_days import MemoryAccountDays
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.manual_clock import ManualClock
from tests.fakes.open_runs import MemoryOpenRuns

MORNING = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
LIMITS = Limits(daily_loss=Decimal(1000), daily_profit=Decimal(1000), on_breach=OnBreach.EXIT)


class House:
    """Two workers over one store, and accounts that each hold ten TCS bought at 3500."""

    def __init__(self) -> None:
        self.clock = ManualClock(MORNING)
        self.days = MemoryAccountDays(self.clock)
        self.runs = MemoryOpenRuns(self.clock)
        self.alerts = MemoryAlerts()
        self.workers: dict[str, asyncio.Task[None]] = {}

    def account(self, limits: Limits = LIMITS) -> UUID:
        user_id, strategy_id = uuid4(), uuid4()
        bought = DayFill(Side.BUY, 10, Decimal(3500), timedelta(minutes=1))
        made = DayRound(strategy_id, "NSE", "TCS", Product.CNC, "", (bought,), held=10)
        self.days.limits[user_id] = limits
        self.days.rounds[user_id] = (made,)
        self.days.runs[user_id] = (ToSell(strategy_id, f"strategy-{strategy_id}", "run", held=True),)
        self.runs.open[f"strategy-{strategy_id}"] = MORNING
        self.price(user_id, "3500")
        return user_id

    def price(self, user_id: UUID, price: str | None) -> None:
        (one,) = self.days.rounds[user_id]
        age = timedelta(seconds=1) if price else timedelta(seconds=30)
        known = Decimal(price) if price else Decimal(1)
        self.days.rounds[user_id] = (replace(one, price=known, price_age=age),)

    def start(self, name: str) -> None:
        watch = AccountDayWatch(self.days, self.runs, self.alerts, self.clock, name)
        self.workers[name] = asyncio.create_task(watch.run())

    async def kill(self, name: str) -> None:
        self.workers[name].cancel()
        await asyncio.gather(self.workers[name], return_exceptions=True)

    @property
    def kinds(self) -> list[str]:
        return [alarm.kind for alarm in self.alerts.raised]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    made.start("one")
    await made.clock.settle()
    yield made
    for name in made.workers:
        await made.kill(name)


async def test_open_loss_at_the_limit_sells_within_two_seconds(house: House) -> None:
    user_id = house.account()
    other = house.account()
    await house.clock.advance(5)
    assert house.runs.told_to_sell == []
    house.price(user_id, "3390")
    await house.clock.advance(2)
    assert house.runs.told_to_sell == [house.days.runs[user_id][0].workflow_id]
    assert house.kinds == ["limit_reached"]
    assert set(house.runs.limits.values()) == {LimitName.DAILY_LOSS}
    assert house.alerts.raised[0].user_id == user_id
    assert [key[0] for key in house.days.breaches] == [user_id]
    assert other not in {key[0] for key in house.days.breaches}


async def test_profit_at_its_limit_sells_as_well(house: House) -> None:
    user_id = house.account()
    house.price(user_id, "3700")
    await house.clock.advance(2)
    assert [key[2] for key in house.days.breaches] == [LimitName.DAILY_PROFIT]
    assert len(house.runs.told_to_sell) == 1
    assert set(house.runs.limits.values()) == {LimitName.DAILY_PROFIT}


async def test_nothing_is_told_twice_while_the_loss_stays(house: House) -> None:
    user_id = house.account()
    house.price(user_id, "3300")
    await house.clock.advance(60)
    assert len(house.runs.told_to_sell) == len(house.alerts.raised) == 1
    assert [len(lines) for lines in house.days.lines.values()] == [1]


async def test_breach_is_there_a_minute_later_whatever_prices_and_limits_do(house: House) -> None:
    user_id = house.account()
    house.price(user_id, "3300")
    await house.clock.advance(2)
    written = dict(house.days.breaches)
    house.price(user_id, "3500")
    house.days.limits[user_id] = Limits(daily_loss=Decimal(10**6))
    await house.clock.advance(60)
    assert house.days.breaches == written
    (tomorrow,) = await house.days.days(MORNING.date() + timedelta(days=1))
    assert tomorrow.breached == frozenset()


async def test_missing_price_alerts_once_and_sells_nothing(house: House) -> None:
    user_id = house.account()
    house.price(user_id, None)
    await house.clock.advance(60)
    assert house.kinds == ["limits_unpriced"]
    assert house.runs.told_to_sell == []
    assert house.days.breaches == {}
    house.price(user_id, "3500")
    await house.clock.advance(2)
    house.price(user_id, None)
    await house.clock.advance(60)
    assert house.kinds == ["limits_unpriced"] * 2


async def test_another_worker_goes_on_where_one_died_between_the_row_and_the_sale(house: House) -> None:
    user_id = house.account()
    house.runs.away = True
    house.price(user_id, "3300")
    house.alerts.raise_ = _never_returns  # type: ignore[method-assign]
    await house.clock.advance(1.5)
    await house.kill("one")
    assert list(house.days.breaches)
    assert house.runs.told_to_sell == []
    house.runs.away, house.alerts = False, MemoryAlerts()
    house.price(user_id, "3500")  # the loss is gone, the breach is not
    house.start("two")
    await house.clock.advance(6)
    assert len(house.runs.told_to_sell) == 1
    assert house.kinds == ["limit_reached"]
    assert [len(lines) for lines in house.days.lines.values()] == [1]


async def _never_returns(alarm: object) -> None:
    await asyncio.Event().wait()  # here the worker is killed


async def test_two_workers_judge_one_after_the_other(house: House) -> None:
    user_id = house.account(replace(LIMITS, on_breach=OnBreach.BLOCK))
    house.start("two")
    await house.clock.advance(3)
    house.price(user_id, "3300")
    await house.clock.advance(10)
    assert house.kinds == ["limit_reached"]
    assert house.runs.told_to_sell == []


async def test_run_that_does_not_hear_keeps_nobody_else_from_being_sold(house: House) -> None:
    deaf, hears = house.account(), house.account()
    house.runs.deaf.add(house.days.runs[deaf][0].workflow_id)
    for user_id in (deaf, hears):
        house.price(user_id, "3300")
    await house.clock.advance(2)
    assert house.runs.told_to_sell == [house.days.runs[hears][0].workflow_id]
    assert house.kinds == ["limit_reached"] * 2


async def test_watch_goes_on_when_postgres_is_back(house: House) -> None:
    user_id = house.account()
    house.days.down = True
    house.price(user_id, "3300")
    await house.clock.advance(5)
    assert house.kinds == []
    house.days.down = False
    await house.clock.advance(2)
    assert house.kinds == ["limit_reached"]
