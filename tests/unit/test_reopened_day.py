"""A day that was closed by mistake comes back: a series that waits trades it after all."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from uuid import uuid4

import pytest

from domain.instrument import Segment
from domain.run import RunRef, StartRun, workflow_id
from domain.series import PlanAnew, Planned, moved_words, next_plan, shut_last_day
from domain.strategy import Strategy
from domain.terms import WEEK, Repeat, Terms
from execution.series_days import SeriesDays
from tests.fakes.calendar import ClosedOn, Weekdays
from tests.fakes.instruments import listing_nothing
from tests.fakes.manual_clock import ManualClock
from tests.fakes.noted_closes import comparing_nothing
from tests.fakes.series import MemorySeries
from tests.fakes.trading_days import MemoryTradingDays

TUESDAY, WEDNESDAY, THURSDAY = date(2026, 12, 1), date(2026, 12, 2), date(2026, 12, 3)
EVENING = datetime(2026, 12, 1, 12, tzinfo=UTC)


@dataclass
class Waiting:
    """A series that has traded Tuesday and waits for Wednesday, 09:30."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(EVENING))
    calendar: ClosedOn = field(default_factory=lambda: ClosedOn(Weekdays()))
    series: MemorySeries = field(default_factory=MemorySeries)
    until: date | None = None

    def __post_init__(self) -> None:
        times = time(9, 30), time(15, 0)
        strategy = Strategy(
            uuid4(), uuid4(), "TCS", *times, Decimal(3400), 10, terms=Terms(repeat=Repeat(WEEK, self.until))
        )
        plan = next_plan(strategy, self.calendar, Segment.CASH, TUESDAY, (), self.clock.now())
        assert plan is not None
        row = self.series.started(StartRun(uuid4(), strategy, plan, series_id=uuid4()))
        row.last_day = TUESDAY
        self.row = row
        days = MemoryTradingDays(trades=self.calendar)
        self.days = SeriesDays(
            self.series, days, self.clock, comparing_nothing(self.clock), listing_nothing()
        )

    async def told(self) -> Planned:
        """Tell the run that waits, as the reconciler does where its plan no longer stands."""
        start = self.row.start
        state = await self.series.state(start)
        assert state is not None
        if await self.days.stands(start, state):
            return Planned()
        id_ = workflow_id(start.strategy.strategy_id, start.plan.trading_day)
        ref = RunRef(start.strategy.strategy_id, start.strategy.user_id, id_, "a run", start.start_id)
        return await self.days.plan_anew(PlanAnew(ref, start))

    async def at(self, instant: datetime) -> None:
        await self.clock.advance((instant - self.clock.now()).total_seconds())


async def test_a_day_that_is_opened_again_is_the_next_one() -> None:
    waiting = Waiting()
    waiting.calendar.closed.add(WEDNESDAY)
    moved = await waiting.told()
    waiting.calendar.closed.clear()
    back = await waiting.told()
    assert moved.start is not None
    assert back.start is not None
    assert (moved.start.plan.trading_day, back.start.plan.trading_day) == (THURSDAY, WEDNESDAY)
    assert moved_words(moved.start, back.start) == (
        "An earlier day fits by the terms and the calendar of now. The next day is Wednesday 2 Dec, "
        "bought at 09:30."
    )


async def test_a_day_that_is_opened_again_on_its_morning_is_traded_while_buy_time_is_ahead() -> None:
    waiting = Waiting()
    waiting.calendar.closed.add(WEDNESDAY)
    await waiting.told()
    waiting.calendar.closed.clear()
    await waiting.at(datetime(2026, 12, 2, 3, 59, tzinfo=UTC))
    back = await waiting.told()
    assert back.start is not None
    assert back.start.plan.trading_day == WEDNESDAY


async def test_a_day_whose_buy_time_is_over_does_not_come_back() -> None:
    waiting = Waiting()
    waiting.calendar.closed.add(WEDNESDAY)
    await waiting.told()
    waiting.calendar.closed.clear()
    await waiting.at(datetime(2026, 12, 2, 4, 1, tzinfo=UTC))
    assert await waiting.told() == Planned()


async def test_a_last_day_that_is_closed_while_it_waits_is_traded_when_it_opens_again() -> None:
    """No day takes its place, so it goes on waiting, and nothing of it is planned anew."""
    waiting = Waiting(until=WEDNESDAY)
    waiting.calendar.closed.add(WEDNESDAY)
    assert await waiting.told() == Planned()
    waiting.calendar.closed.clear()
    assert await waiting.told() == Planned()
    assert waiting.row.running
    assert waiting.row.start.plan.trading_day == WEDNESDAY


@pytest.mark.parametrize(
    ("until", "closed", "left_out", "shut"),
    [
        (THURSDAY, {WEDNESDAY, THURSDAY}, set(), THURSDAY),
        (THURSDAY, {WEDNESDAY}, {THURSDAY}, WEDNESDAY),
        (TUESDAY, set(), set(), None),
        (WEDNESDAY, set(), {WEDNESDAY}, None),
    ],
)
async def test_a_series_that_ends_knows_whether_its_last_day_was_closed(
    until: date, closed: set[date], left_out: set[date], shut: date | None
) -> None:
    strategy = Waiting(until=max(until, WEDNESDAY)).row.start.strategy
    strategy = replace(strategy, terms=Terms(repeat=Repeat(WEEK, until)))
    calendar = ClosedOn(Weekdays(), closed)
    assert next_plan(strategy, calendar, Segment.CASH, TUESDAY, left_out, EVENING) is None
    assert shut_last_day(strategy, calendar, TUESDAY, left_out, EVENING) == shut
