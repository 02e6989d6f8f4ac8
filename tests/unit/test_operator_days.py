"""What the operator says of days: what replaces what, and what outranks what."""

from datetime import date, time

import pytest

from adapters.calendar.exchange import ExchangeCalendar
from domain.instrument import Segment
from domain.operator_days import DayWord, OperatorDay, OperatorDays
from domain.segment_hours import Hours
from domain.session import ClosedDay, DaySource, Session, exchange_time

FRIDAY, SUNDAY = date(2026, 11, 20), date(2026, 11, 22)
EVENING, MORNING = Hours(time(18, 15), time(19, 15)), Hours(time(10), time(11))


def said(word: DayWord, hours: Hours | None = None, segment: Segment | None = None) -> OperatorDay:
    return OperatorDay(FRIDAY, word, "a circular", hours, segment)


CLOSED, OPEN = said(DayWord.CLOSED), said(DayWord.OPEN)
ALL, ONE = said(DayWord.HOURS, EVENING), said(DayWord.HOURS, MORNING, Segment.DERIVATIVES)


@pytest.mark.parametrize(
    ("new", "old", "replaces"),
    [
        (CLOSED, OPEN, True),
        (OPEN, CLOSED, True),
        (OPEN, ALL, True),
        (ALL, OPEN, True),
        (CLOSED, CLOSED, True),
        (CLOSED, ALL, False),
        (ALL, CLOSED, False),
        (ALL, ONE, True),
        (ONE, ALL, False),
        (ONE, ONE, True),
        (ONE, said(DayWord.HOURS, EVENING, Segment.CASH), False),
        (CLOSED, OperatorDay(SUNDAY, DayWord.OPEN, "a circular"), False),
    ],
)
def test_an_entry_takes_the_place_of_what_cannot_be_true_beside_it(
    new: OperatorDay, old: OperatorDay, replaces: bool
) -> None:
    assert new.replaces(old) is replaces


@pytest.mark.parametrize("entries", [(ALL, ONE), (ONE, ALL)])
def test_hours_of_one_segment_outrank_those_of_all(entries: tuple[OperatorDay, ...]) -> None:
    sessions = OperatorDays.of(entries).sessions
    assert sessions[FRIDAY, Segment.DERIVATIVES] == MORNING
    assert sessions[FRIDAY, Segment.CASH] == EVENING


def test_a_holiday_may_have_a_special_session_of_one_segment() -> None:
    days = OperatorDays.of([CLOSED, ONE])
    calendar = ExchangeCalendar(lambda: days)
    assert calendar.look_up(FRIDAY, Segment.CASH) == ClosedDay(FRIDAY, DaySource.OPERATOR)
    found = calendar.look_up(FRIDAY, Segment.DERIVATIVES)
    assert isinstance(found, Session)
    assert (found.source, exchange_time(found.opens_at).time()) == (DaySource.OPERATOR, MORNING.opens)


def test_a_sunday_is_a_trading_day_where_the_operator_says_so() -> None:
    days = OperatorDays.of([OperatorDay(SUNDAY, DayWord.OPEN, "the budget")])
    found = ExchangeCalendar(lambda: days).look_up(SUNDAY, Segment.CASH)
    assert isinstance(found, Session)
    assert f"{exchange_time(found.opens_at):%H:%M}" == "09:15"
