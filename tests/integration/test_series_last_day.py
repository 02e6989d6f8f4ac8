"""How a series ends whose last day turns out closed."""

from datetime import timedelta

from adapters.postgres.engine import Store
from domain.session import exchange_time
from domain.terms import WEEK, Repeat, Terms
from execution.series_days import SeriesDays
from tests.fakes.calendar import ClosedOn
from tests.fakes.instruments import listing_nothing
from tests.fakes.noted_closes import comparing_nothing
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
