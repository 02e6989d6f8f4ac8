"""What every calendar of a worker promises: the exchange's own and the one in memory."""

from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.calendar.exchange import ExchangeCalendar
from adapters.calendar.trading_days import CalendarTradingDays
from adapters.process.clock import SystemClock
from domain.errors import CalendarUnknown
from domain.instrument import Segment
from domain.ports import TradingDays
from domain.session import ClosedDay, DaySource, Session
from tests.fakes.trading_days import MemoryTradingDays
from tests.store_rows import TODAY

Days = Callable[[str], TradingDays]
"""Returns the days of a calendar whose operator wrote this into the override file."""
CLOSED = f"closed = [{TODAY}]"
UNREADABLE = "closed = ["


@pytest.fixture
def in_memory() -> Days:
    says = {
        "": None,
        CLOSED: ClosedDay(TODAY, DaySource.OPERATOR),
        UNREADABLE: CalendarUnknown("the override file cannot be read"),
    }
    return lambda words: MemoryTradingDays(says[words])


@pytest.fixture
def on_a_file(tmp_path: Path) -> Days:
    def days(words: str) -> TradingDays:
        file = tmp_path / "days.toml"
        file.write_text(words)
        return CalendarTradingDays(ExchangeCalendar(file), SystemClock())

    return days


@pytest.fixture(params=["in_memory", "on_a_file"])
def days(request: pytest.FixtureRequest) -> Days:
    found: Days = request.getfixturevalue(request.param)
    return found


async def test_a_trading_day_has_its_hours(days: Days) -> None:
    found = await days("").look_up(TODAY, Segment.CASH)
    assert isinstance(found, Session)
    assert found.day == TODAY
    assert found.opens_at < found.closes_at


async def test_a_closed_day_says_who_closed_it(days: Days) -> None:
    assert await days(CLOSED).look_up(TODAY, Segment.CASH) == ClosedDay(TODAY, DaySource.OPERATOR)


async def test_a_day_that_cannot_be_read_is_neither_open_nor_closed(days: Days) -> None:
    unknown = days(UNREADABLE)
    for _ in range(2):
        with pytest.raises(CalendarUnknown):
            await unknown.look_up(TODAY, Segment.CASH)
