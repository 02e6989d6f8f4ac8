"""What every calendar of a worker promises: the exchange's own by the operator's word, and one in memory."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from adapters.calendar.exchange import ExchangeCalendar
from adapters.calendar.trading_days import CalendarTradingDays
from adapters.postgres.calendar_days import PostgresOperatorDays, write_entries
from adapters.postgres.engine import Store
from adapters.process.clock import SystemClock
from domain.errors import CalendarUnknown
from domain.instrument import Segment
from domain.operator_days import DayWord, OperatorDay
from domain.ports import TradingDays
from domain.session import ClosedDay, DaySource, Session
from tests.fakes.trading_days import MemoryTradingDays
from tests.store_rows import TODAY

Days = Callable[[str], Awaitable[TradingDays]]
"""Returns the days of a calendar of which the operator says this."""
CLOSED, UNREADABLE = "closed", "unreadable"


@pytest.fixture
def in_memory() -> Days:
    says = {
        "": None,
        CLOSED: ClosedDay(TODAY, DaySource.OPERATOR),
        UNREADABLE: CalendarUnknown("the operator's trading days cannot be read"),
    }

    async def days(words: str) -> TradingDays:
        return MemoryTradingDays(says[words])

    return days


@pytest.fixture
async def in_postgres(store: Store) -> AsyncIterator[Days]:
    away = Store.open("postgresql+asyncpg://nobody@127.0.0.1:1/none")

    async def days(words: str) -> TradingDays:
        if words == CLOSED:
            async with store.work() as session:
                await write_entries(session, [OperatorDay(TODAY, DayWord.CLOSED, "a test")], "a test")
        word = PostgresOperatorDays(away if words == UNREADABLE else store, SystemClock())
        return CalendarTradingDays(ExchangeCalendar(word.said), word)

    yield days
    await away.close()


@pytest.fixture(params=["in_memory", "in_postgres"])
def days(request: pytest.FixtureRequest) -> Days:
    found: Days = request.getfixturevalue(request.param)
    return found


async def test_a_trading_day_has_its_hours(days: Days) -> None:
    found = await (await days("")).look_up(TODAY, Segment.CASH)
    assert isinstance(found, Session)
    assert found.day == TODAY
    assert found.opens_at < found.closes_at


async def test_a_closed_day_says_who_closed_it(days: Days) -> None:
    assert await (await days(CLOSED)).look_up(TODAY, Segment.CASH) == ClosedDay(TODAY, DaySource.OPERATOR)


async def test_a_day_that_cannot_be_read_is_neither_open_nor_closed(days: Days) -> None:
    unknown = await days(UNREADABLE)
    for _ in range(2):
        with pytest.raises(CalendarUnknown):
            await unknown.look_up(TODAY, Segment.CASH)
