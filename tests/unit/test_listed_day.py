"""Lots, ticks and contracts that change between two days of a series, judged by the list of the day."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from domain.entry_price import first_limit
from domain.instrument import Instrument, Segment
from domain.listed_day import as_pressed, with_sizes
from domain.order import Limit
from domain.run import FinishRun, RunRef, StartRun, workflow_id
from domain.series import EndDay, PlanAnew, Planned, SeriesEnd, next_plan
from domain.standing import Fills, standing
from domain.strategy import Outcome, Position, Product, Strategy
from domain.terms import WEEK, Distance, Entry, EntryKind, Repeat, Target, Terms, Unit
from domain.trigger import stop_at
from execution.listed_today import ListedToday
from execution.series_days import SeriesDays
from tests.fakes.calendar import Weekdays
from tests.fakes.instruments import MemoryInstruments, instrument
from tests.fakes.manual_clock import ManualClock
from tests.fakes.noted_closes import comparing_nothing
from tests.fakes.series import MemorySeries, SeriesOf
from tests.fakes.trading_days import MemoryTradingDays

EVENING, MORNING = datetime(2026, 12, 1, 12, tzinfo=UTC), datetime(2026, 12, 2, 3, 59, 40, tzinfo=UTC)
"""Tuesday after the close, and Wednesday twenty seconds before 09:30."""
FUTURE = "NIFTY26DECFUT"
EVERY_DAY = Terms(repeat=Repeat(WEEK))


def future(lot: int = 75, tick: str = "0.1") -> Instrument:
    return instrument(FUTURE, "NFO", tick, lot, Segment.DERIVATIVES)


def a_future(quantity: int = 150, terms: Terms = EVERY_DAY) -> Strategy:
    times = time(9, 30), time(15, 0)
    return Strategy(
        uuid4(), uuid4(), FUTURE, *times, Decimal("23000.1"), quantity, "NFO", Product.NRML, terms=terms
    )


@dataclass
class Overnight:
    """A series whose next day waits, planned in the evening by the list of that day."""

    strategy: Strategy = field(default_factory=a_future)
    before: Instrument = field(default_factory=future)
    clock: ManualClock = field(default_factory=lambda: ManualClock(EVENING))
    series: MemorySeries = field(default_factory=MemorySeries)
    listed: MemoryInstruments = field(default_factory=MemoryInstruments)

    def __post_init__(self) -> None:
        segment = self.before.segment
        plan = next_plan(self.strategy, Weekdays(), segment, None, (), self.clock.now())
        assert plan is not None
        plan = with_sizes(plan, self.before)
        self.start = StartRun(uuid4(), self.strategy, plan, series_id=uuid4())
        self.series.started(self.start)
        self.days = SeriesDays(
            self.series,
            MemoryTradingDays(trades=Weekdays()),
            self.clock,
            comparing_nothing(self.clock),
            ListedToday(self.listed, self.clock),
        )

    @property
    def row(self) -> SeriesOf:
        return self.series.rows[self.strategy.strategy_id]

    def ref(self, start: StartRun) -> RunRef:
        id_ = workflow_id(self.strategy.strategy_id, start.plan.trading_day)
        return RunRef(self.strategy.strategy_id, self.strategy.user_id, id_, "a run", start.start_id)

    async def morning(self, *listed: Instrument) -> Planned:
        """Be about to buy, by the list of the day."""
        self.listed.listed = list(listed)
        await self.clock.advance((MORNING - self.clock.now()).total_seconds())
        return await self.asked(self.start)

    async def asked(self, start: StartRun) -> Planned:
        return await self.days.plan_anew(PlanAnew(self.ref(start), start, binding=True))

    async def end(self, start: StartRun) -> StartRun | None:
        detail = "nothing was bought"
        finish = FinishRun(self.ref(start), self.strategy, Outcome.SKIPPED, detail, Position.NONE)
        return await self.days.end_day(EndDay(finish, start, asked=False))


async def test_a_day_of_the_same_lot_and_tick_is_bought_as_it_was_planned() -> None:
    overnight = Overnight()
    assert await overnight.morning(future()) == Planned()
    assert not overnight.row.waits


async def test_a_quantity_that_is_no_multiple_of_the_new_lot_skips_the_day_and_says_what_would_do() -> None:
    overnight = Overnight()
    planned = await overnight.morning(future(lot=65))
    assert planned.skipped == (
        f"nothing was bought: the lot of {FUTURE} is 65 today, and 150 is no multiple of it. Edit the "
        "quantity to 130 or 195; the next day is then traded"
    )
    following = await overnight.end(overnight.start)
    assert following is not None
    assert following.plan.trading_day == overnight.start.plan.trading_day + timedelta(days=1)
    assert overnight.row.ended_by is None


async def test_a_quantity_below_the_new_lot_is_told_the_lot() -> None:
    planned = await Overnight(a_future(75)).morning(future(lot=100))
    assert "Edit the quantity to 100;" in planned.skipped


async def test_an_edit_that_fits_the_new_lot_is_bought_by_it() -> None:
    overnight = Overnight()
    overnight.row.strategy = replace(overnight.strategy, quantity=130)
    planned = await overnight.morning(future(lot=65))
    assert planned.start is not None
    assert (planned.start.strategy.quantity, planned.start.plan.lot) == (130, 65)


async def test_a_new_lot_and_tick_that_the_terms_fit_are_those_of_the_day() -> None:
    overnight = Overnight()
    planned = await overnight.morning(future(lot=50, tick="0.5"))
    assert planned.start is not None
    plan = planned.start.plan
    assert (plan.lot, plan.tick, plan.most, plan.listed) == (50, Decimal("0.5"), 1800, True)
    assert plan.trading_day == overnight.start.plan.trading_day


async def test_another_worker_with_an_older_list_does_not_plan_it_back() -> None:
    overnight = Overnight()
    planned = await overnight.morning(future(lot=50))
    overnight.listed.listed = [future()]
    assert planned.start is not None
    assert await overnight.asked(planned.start) == Planned()


async def test_a_day_that_is_put_off_is_judged_again_by_its_own_list() -> None:
    overnight = Overnight()
    overnight.row.left_out.add(overnight.start.plan.trading_day)
    planned = await overnight.morning(future())
    assert planned.start is not None
    assert not planned.start.plan.listed


async def test_a_start_on_an_open_day_is_not_judged_again_and_one_of_the_evening_before_is() -> None:
    overnight = Overnight()
    plan = overnight.start.plan
    assert not as_pressed(plan, EVENING).listed
    assert not as_pressed(plan, plan.opens_at - timedelta(minutes=1)).listed
    pressed = replace(overnight.start, plan=as_pressed(plan, plan.opens_at))
    overnight.row.start = pressed
    await overnight.morning()
    assert await overnight.asked(pressed) == Planned()


async def test_an_expired_contract_ends_the_series() -> None:
    overnight = Overnight()
    planned = await overnight.morning()
    assert planned.skipped == (
        f"nothing was bought: {FUTURE} is not traded any more, its contract has expired"
    )
    assert await overnight.end(overnight.start) is None
    assert (overnight.row.running, overnight.row.ended_by) == (False, SeriesEnd.COMPLETED)


async def test_a_share_that_is_listed_no_more_skips_the_day_and_the_series_goes_on() -> None:
    share = Strategy(uuid4(), uuid4(), "TCS", time(9, 30), time(15, 0), Decimal(3400), 10, terms=EVERY_DAY)
    overnight = Overnight(share, instrument("TCS"))
    planned = await overnight.morning(future())
    assert "TCS is not traded on NSE any more. Edit the symbol" in planned.skipped
    assert await overnight.end(overnight.start) is not None


@pytest.mark.parametrize("unreadable", [False, True])
async def test_a_list_that_cannot_be_read_changes_nothing(unreadable: bool) -> None:
    overnight = Overnight()
    overnight.listed.away = not unreadable
    overnight.listed.unreadable.add(FUTURE)
    assert await overnight.morning() == Planned()
    assert await overnight.end(overnight.start) is not None


async def test_hours_that_changed_with_the_segment_are_those_of_the_day() -> None:
    late = replace(a_future(), symbol="TCS", exchange="NSE", product=Product.CNC, sell_time=time(15, 29))
    overnight = Overnight(late, instrument("TCS"))
    planned = await overnight.morning(instrument("TCS", segment=Segment.CASH_CAS))
    assert planned.start is not None
    assert planned.start.plan.sell_at < overnight.start.plan.sell_at


class Counted(MemoryInstruments):
    """A list that counts how often it is asked."""

    asked = 0

    async def find(self, exchange: str, symbol: str) -> Instrument | None:
        self.asked += 1
        return await super().find(exchange, symbol)


async def test_the_list_of_a_morning_is_read_before_the_open_by_who_was_ever_asked() -> None:
    clock, listed = ManualClock(EVENING), Counted(future())
    today = ListedToday(listed, clock)
    looking = asyncio.ensure_future(today.run())
    await clock.advance(600)
    assert listed.asked == 0
    await today.of(a_future())
    await clock.advance(600)
    looking.cancel()
    assert listed.asked >= 10


def test_prices_off_the_new_tick_are_rounded_so_that_the_user_is_never_worse_off() -> None:
    target = Terms(target=Target(price=Decimal("110.05")))
    stands = standing(Decimal("100.05"), target, Fills(tick=Decimal("0.1")))
    held = standing(Decimal("100.05"), target, Fills(Decimal(105), Decimal(106), Decimal("0.1")))
    assert (stands.stop, stands.target) == (held.stop, held.target) == (Decimal("100.1"), Decimal("110.0"))
    assert stands.stop is not None
    assert stop_at(stands.stop).is_hit(Decimal("100.1"))


def test_a_limit_off_the_new_tick_is_rounded_down() -> None:
    entry = Entry(EntryKind.LIMIT, price=Decimal("100.05"))
    limit = first_limit(entry, Decimal(101), Decimal("0.1"))
    assert limit == Limit(Decimal("100.0"), Decimal("100.0"))
    assert first_limit(entry, Decimal(101), Decimal(500)) is None


def test_a_stop_from_the_fill_is_measured_as_ever() -> None:
    terms = Terms(stop=Distance(Decimal(10), Unit.POINTS))
    assert standing(None, terms, Fills(Decimal(1000), tick=Decimal("0.05"))).stop == Decimal(990)
