"""How a series ends whose last day turns out closed, and one that was deleted since."""

from datetime import timedelta

from temporalio.testing import ActivityEnvironment

from activities.series import SeriesActivities
from adapters.postgres.engine import Store
from adapters.postgres.tables import StrategyRow
from adapters.process.clock import SystemClock
from domain.session import exchange_time
from domain.strategy import Outcome
from domain.terms import WEEK, Repeat, Terms
from execution.series_days import SeriesDays
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.calendar import ClosedOn
from tests.fakes.house import MemoryCache
from tests.fakes.instruments import listing_nothing
from tests.fakes.noted_closes import comparing_nothing
from tests.fakes.open_runs import MemoryOpenRuns
from tests.fakes.trading_days import MemoryTradingDays, SameEveryDay
from tests.integration.test_series import CLOCK, Seam
from tests.store_rows import just_now


async def test_a_series_whose_last_day_is_closed_says_that_it_may_be_started_again(store: Store) -> None:
    """Its operator may take the closure back: then nothing of the series is left that would trade it."""
    today = exchange_time(just_now()).date()
    last = today + timedelta(days=2)
    seam = await Seam.begun(store, Terms(repeat=Repeat(WEEK, last)))
    closed = ClosedOn(SameEveryDay(), {today + timedelta(days=1), last})
    trades = MemoryTradingDays(trades=closed)
    days = SeriesDays(seam.store, trades, CLOCK, comparing_nothing(CLOCK), listing_nothing())
    assert await days.end_day(seam.ending()) is None
    assert ((await seam.desk.row()).status, await seam.ended_by()) == ("stopped", "completed")
    said = (await seam.desk.lines())[-1].text
    assert f"the exchange is closed on {last:%A} {last.day} {last:%b}, its last day" in said
    assert "START again" in said
    assert "this was the last one" not in said


async def test_the_end_of_a_day_that_was_deleted_since_is_no_fault(store: Store) -> None:
    """A worker dies with the answer, and the user deletes the strategy before another repeats the end."""
    seam = await Seam.begun(store)
    clock = SystemClock()
    ends = SeriesActivities(seam.days, MemoryOpenRuns(clock), MemoryCache(), MemoryAlerts())
    request = seam.ending(Outcome.STOPPED, asked=True)
    assert (await ActivityEnvironment().run(ends.end_day, request)).following is None
    async with store.work() as session:
        await session.delete(await session.get_one(StrategyRow, seam.desk.strategy.strategy_id))
    assert (await ActivityEnvironment().run(ends.end_day, request)).following is None
