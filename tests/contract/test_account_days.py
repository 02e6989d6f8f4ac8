"""What the days of accounts promise: those in Postgres and those in memory."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from adapters.postgres.account_days import PostgresAccountDays
from adapters.postgres.engine import Store
from adapters.postgres.limits import UserLimits
from domain.account_day import Breach
from domain.day_round import DayFill, DayRound
from domain.errors import StoreUnavailable
from domain.limits import LimitName, Limits, OnBreach, ToSell
from domain.order import Side
from domain.ports import AccountDays
from domain.strategy import Product
from tests.fakes.account_days import MemoryAccountDays
from tests.fakes.manual_clock import ManualClock
from tests.store_rows import NOWHERE, TODAY, Desk

LIMITS = Limits(daily_loss=Decimal(1000), on_breach=OnBreach.EXIT)
LOST = Breach(LimitName.DAILY_LOSS, Decimal(1000), Decimal("-1020.5"), OnBreach.EXIT)


@dataclass(frozen=True, slots=True)
class Subject:
    """A user with a limit on the day's loss who holds ten TCS, and how to let time pass or lose the store."""

    days: AccountDays
    user_id: UUID
    strategy_id: UUID
    pass_by: Callable[[timedelta], Awaitable[None]]
    lines: Callable[[], Awaitable[list[str]]]
    away: AccountDays


@pytest.fixture
def in_memory() -> Subject:
    clock, user_id, strategy_id = ManualClock(), uuid4(), uuid4()
    days, away = MemoryAccountDays(clock), MemoryAccountDays(clock, down=True)
    bought = DayFill(Side.BUY, 10, Decimal(3500), timedelta(minutes=1))
    held = DayRound(strategy_id, "NSE", "TCS", Product.CNC, "zerodha:AB1234", (bought,), held=10)
    days.limits = {user_id: LIMITS, uuid4(): Limits(order_quantity=5)}
    days.rounds = {user_id: (held,)}
    days.runs = {user_id: (ToSell(strategy_id, "its run", "1", held=True),)}

    async def pass_by(time: timedelta) -> None:
        await clock.advance(time.total_seconds())

    async def lines() -> list[str]:
        return days.lines.get(strategy_id, [])

    return Subject(days, user_id, strategy_id, pass_by, lines, away)


@pytest.fixture
async def in_postgres(store: Store) -> Subject:
    desk, other = await Desk.started(store), await Desk.started(store)
    await desk.bought(10, "3500")
    async with store.work() as session:
        await UserLimits(session, desk.strategy.user_id).set_limits(LIMITS)
        await UserLimits(session, other.strategy.user_id).set_limits(Limits(order_quantity=5))
        await session.execute(text("UPDATE strategies SET closes_at = NULL"))
        await session.execute(text("UPDATE orders SET filled_at = filled_at - interval '1 minute'"))

    async def pass_by(time: timedelta) -> None:
        async with store.work() as session:
            earlier = text("UPDATE limits_watch SET until = until - CAST(:time AS interval)")
            await session.execute(earlier, {"time": time})

    async def lines() -> list[str]:
        return [line.text for line in await desk.lines() if line.kind == "alert"]

    strategy = desk.strategy
    away = PostgresAccountDays(Store.open(NOWHERE))
    days = PostgresAccountDays(store)
    return Subject(days, strategy.user_id, strategy.strategy_id, pass_by, lines, away)


@pytest.fixture(params=["in_memory", "in_postgres"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


async def test_lead_is_one_workers_until_it_is_not_kept(subject: Subject) -> None:
    assert await subject.days.lead("one")
    assert not await subject.days.lead("two")
    assert await subject.days.lead("one")
    await subject.pass_by(timedelta(seconds=5))
    assert await subject.days.lead("two")
    assert not await subject.days.lead("one")


async def test_day_has_the_limits_the_rounds_and_the_breaches_of_its_account(subject: Subject) -> None:
    (day,) = await subject.days.days(TODAY)
    assert (day.user_id, day.day, day.limits, day.gap) == (subject.user_id, TODAY, LIMITS, False)
    (held,) = day.rounds
    assert (held.strategy_id, held.symbol, held.held, held.bought, held.sold) == (
        *(subject.strategy_id, "TCS", 10, 10, 0),
    )
    assert held.lacks_price
    assert day.breached == frozenset()
    await subject.days.breach(subject.user_id, TODAY, LOST)
    (day,) = await subject.days.days(TODAY)
    assert day.breached == {LimitName.DAILY_LOSS}
    (tomorrow,) = await subject.days.days(TODAY + timedelta(days=1))
    assert tomorrow.breached == frozenset()


async def test_breach_is_written_once_as_it_was_first(subject: Subject) -> None:
    assert await subject.days.breach(subject.user_id, TODAY, LOST) is not None
    other = replace(LOST, value=Decimal(5), on_breach=OnBreach.BLOCK)
    assert await subject.days.breach(subject.user_id, TODAY, other) is None
    (written,) = await subject.days.untold()
    assert replace(written.breach, at=None) == LOST
    assert written.breach.at is not None


async def test_breach_is_untold_until_it_is_noted_as_told(subject: Subject) -> None:
    await subject.days.breach(subject.user_id, TODAY, LOST)
    (written,) = await subject.days.untold()
    assert (written.user_id, written.day) == (subject.user_id, TODAY)
    assert [(one.strategy_id, one.held) for one in written.runs] == [(subject.strategy_id, True)]
    for _ in range(2):  # a worker dies between the two, and the next one tells again
        await subject.days.tell(written, "Your limit is reached.")
    assert await subject.lines() == ["Your limit is reached."]
    assert len(await subject.days.untold()) == 1
    await subject.days.told(written)
    assert await subject.days.untold() == []


async def test_gap_is_opened_once_and_seen_by_the_next_worker(subject: Subject) -> None:
    assert await subject.days.open_gap(subject.user_id)
    assert not await subject.days.open_gap(subject.user_id)
    (day,) = await subject.days.days(TODAY)
    assert day.gap
    await subject.days.end_gap(subject.user_id)
    (day,) = await subject.days.days(TODAY)
    assert not day.gap
    assert await subject.days.open_gap(subject.user_id)


async def test_store_that_is_away_is_no_empty_answer(subject: Subject) -> None:
    for question in (subject.away.lead("one"), subject.away.days(TODAY), subject.away.untold()):
        with pytest.raises(StoreUnavailable):
            await question
