"""What every trading calendar promises: the exchange's, and the one that knows weekdays alone."""

from datetime import date, timedelta

import pytest

from adapters.calendar.exchange import ExchangeCalendar
from domain.errors import CalendarUnknown
from domain.instrument import Segment
from domain.session import ClosedDay, DaySource, Session, TradingCalendar, exchange_time
from tests.fakes.calendar import Weekdays

FRIDAY = date(2026, 11, 20)


@pytest.fixture(params=[ExchangeCalendar, Weekdays])
def calendar(request: pytest.FixtureRequest) -> TradingCalendar:
    made: TradingCalendar = request.param()
    return made


@pytest.mark.parametrize(
    ("segment", "closes"),
    [
        (Segment.CASH, "15:30"),
        (Segment.CASH_CAS, "15:15"),
        (Segment.DERIVATIVES, "15:40"),
        (Segment.INDEX, "15:30"),
    ],
)
def test_an_ordinary_day_trades_from_a_quarter_past_nine(
    calendar: TradingCalendar, segment: Segment, closes: str
) -> None:
    found = calendar.look_up(FRIDAY, segment)
    assert isinstance(found, Session)
    assert found == calendar.session(FRIDAY, segment)
    hours = [f"{exchange_time(at):%H:%M}" for at in (found.opens_at, found.closes_at)]
    assert (found.day, hours) == (FRIDAY, ["09:15", closes])


@pytest.mark.parametrize(("days", "name"), [(1, "Saturday"), (2, "Sunday")])
def test_a_weekend_is_closed_and_says_so(calendar: TradingCalendar, days: int, name: str) -> None:
    day = FRIDAY + timedelta(days)
    assert calendar.look_up(day, Segment.CASH) == ClosedDay(day, DaySource.EXCHANGE, name)
    assert calendar.session(day, Segment.CASH) is None
    assert calendar.mis_cutoff(day, Segment.CASH) is None


def test_a_day_past_the_data_is_unknown_and_never_a_trading_day(calendar: TradingCalendar) -> None:
    assert calendar.last_day is not None
    day = calendar.last_day + timedelta(days=1)
    for ask in (calendar.look_up, calendar.session):
        with pytest.raises(CalendarUnknown):
            ask(day, Segment.CASH)


def test_estimates_begin_after_what_is_known(calendar: TradingCalendar) -> None:
    assert calendar.known_to is not None
    assert calendar.last_day is not None
    assert FRIDAY <= calendar.known_to <= calendar.last_day


def test_the_calendar_is_named_as_the_setting_is(calendar: TradingCalendar) -> None:
    assert calendar.name == "XNSE"
