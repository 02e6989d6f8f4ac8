"""From times of day to instants: the next trading day on which buy_time is still ahead."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from adapters.calendar.exchange import AlwaysOpen, ExchangeCalendar
from domain.errors import CalendarUnknown, InvalidStrategy
from domain.instrument import Segment
from domain.operator_days import DayWord, OperatorDay, OperatorDays
from domain.segment_hours import Hours
from domain.session import at, check_times, plan_day, plan_sale
from domain.strategy import Product, Strategy

SEED = Strategy(UUID(int=1), UUID(int=2), "TCS", time(9, 30), time(15, 30), Decimal(3500), 10)
FRIDAY = date(2026, 11, 20)
MONDAY = date(2026, 11, 23)
XNSE = ExchangeCalendar()


def on(day: date, hour: int, minute: int = 0, second: int = 0) -> datetime:
    return at(day, time(hour, minute, second)).astimezone(UTC)


def test_starts_today_while_buy_time_is_ahead() -> None:
    plan = plan_day(SEED, XNSE, Segment.CASH_CAS, on(MONDAY, 9, 29, 59))
    assert (plan.trading_day, plan.buy_at) == (MONDAY, on(MONDAY, 9, 30))


@pytest.mark.parametrize("now", [on(FRIDAY, 9, 30), on(FRIDAY, 16), on(FRIDAY + timedelta(days=1), 12)])
def test_starts_on_the_next_trading_day_after_buy_time(now: datetime) -> None:
    assert plan_day(SEED, XNSE, Segment.CASH_CAS, now).trading_day == MONDAY


def test_seeds_sell_time_is_carried_out_before_continuous_trading_ends() -> None:
    plan = plan_day(SEED, XNSE, Segment.CASH_CAS, on(MONDAY, 9))
    assert plan.sell_at == on(MONDAY, 15, 14)
    assert "15:15" in plan.warnings[0]


def test_share_without_derivatives_trades_to_half_past_three() -> None:
    plan = plan_day(SEED, XNSE, Segment.CASH, on(MONDAY, 9))
    assert plan.sell_at == on(MONDAY, 15, 29)


def test_intraday_position_is_sold_before_the_broker_squares_it_off() -> None:
    intraday = replace(SEED, product=Product.MIS)
    assert plan_day(intraday, XNSE, Segment.CASH, on(MONDAY, 9)).sell_at == on(MONDAY, 15, 19)


def test_no_plan_beyond_the_calendars_last_day() -> None:
    with pytest.raises(CalendarUnknown):
        plan_day(SEED, XNSE, Segment.CASH, on(date(2029, 6, 1), 9))


def test_a_day_of_a_year_without_a_published_list_is_planned_and_called_an_estimate() -> None:
    plan = plan_day(SEED, XNSE, Segment.CASH, on(date(2027, 1, 2), 12))
    assert plan.trading_day == date(2027, 1, 4)
    assert "has not published its holidays for 2027" in plan.warnings[-1]
    assert "2027-01-04 is an estimate" in plan.warnings[-1]


def test_a_published_day_is_not_called_an_estimate() -> None:
    plan = plan_day(replace(SEED, sell_time=time(15, 0)), XNSE, Segment.CASH, on(MONDAY, 9))
    assert plan.warnings == ()


def test_left_over_shares_are_sold_although_nothing_is_known_of_the_day() -> None:
    friday = date(2029, 6, 1)
    assert plan_sale(SEED, XNSE, Segment.CASH, on(friday, 11)).sell_at == on(friday, 11)
    assert plan_sale(SEED, XNSE, Segment.CASH, on(friday, 16)).sell_at == on(
        friday + timedelta(days=3), 9, 15
    )


def test_always_open_trades_every_day_to_the_last_second() -> None:
    late = replace(SEED, buy_time=time(23, 59, 50), sell_time=time(23, 59, 58))
    plan = plan_day(late, AlwaysOpen(), Segment.CASH, on(FRIDAY + timedelta(days=1), 12))
    assert (plan.trading_day, plan.warnings) == (FRIDAY + timedelta(days=1), ())
    assert plan.sell_at == on(FRIDAY + timedelta(days=1), 23, 59, 58)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"buy_time": time(15, 30)}, "sell_time"),
        ({"buy_time": time(9, 0)}, "buy_time"),
        ({"buy_time": time(15, 15), "sell_time": time(15, 20)}, "buy_time"),
    ],
)
def test_times_that_do_not_fit_are_refused_by_name(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidStrategy) as refused:
        check_times(replace(SEED, **changes), XNSE, Segment.CASH_CAS, on(MONDAY, 8))
    assert refused.value.field == field


EVENING = replace(SEED, buy_time=time(18, 30), sell_time=time(19, 10))
SATURDAY = date(2026, 11, 28)


def knowing(day: date) -> ExchangeCalendar:
    """Return the calendar with an evening's session, as an operator has named it."""
    session = OperatorDay(day, DayWord.HOURS, "NSE/CMTR/9", Hours(time(18, 15), time(19, 15)))
    return ExchangeCalendar(lambda: OperatorDays.of([session]))


@pytest.mark.parametrize("ahead", [0, 5, 29])
def test_times_of_a_special_session_that_is_known_ahead_are_taken(ahead: int) -> None:
    calendar = knowing(SATURDAY)
    now = on(SATURDAY - timedelta(days=ahead), 8)
    check_times(EVENING, calendar, Segment.CASH_CAS, now)
    check_times(SEED, calendar, Segment.CASH_CAS, now)


def test_times_that_no_known_session_takes_are_refused() -> None:
    """One that is over, or is farther ahead than the calendar shows to users, takes none."""
    calendar = knowing(SATURDAY)
    late = replace(EVENING, buy_time=time(19, 20), sell_time=time(19, 30))
    for strategy, day in (
        (EVENING, SATURDAY + timedelta(days=1)),
        (EVENING, SATURDAY - timedelta(days=40)),
        (late, MONDAY),
    ):
        with pytest.raises(InvalidStrategy, match="can be bought from 09:15"):
            check_times(strategy, calendar, Segment.CASH_CAS, on(day, 8))


def test_a_start_before_the_special_session_says_which_day_takes_its_times() -> None:
    calendar = knowing(SATURDAY)
    with pytest.raises(InvalidStrategy) as refused:
        plan_day(EVENING, calendar, Segment.CASH_CAS, on(MONDAY, 8))
    assert str(refused.value) == (
        "on 2026-11-23 TCS can be bought from 09:15 and before 15:14; 2026-11-28 takes these times: "
        "START on that day"
    )
    plan = plan_day(EVENING, calendar, Segment.CASH_CAS, on(SATURDAY, 8))
    assert (plan.buy_at, plan.sell_at) == (on(SATURDAY, 18, 30), on(SATURDAY, 19, 10))
    with pytest.raises(InvalidStrategy, match="2026-11-30 takes these times"):
        plan_day(SEED, calendar, Segment.CASH_CAS, on(SATURDAY, 8))


def test_left_over_shares_are_sold_at_the_next_opening_when_the_market_is_closed() -> None:
    assert plan_sale(SEED, XNSE, Segment.CASH, on(FRIDAY, 17)).sell_at == on(MONDAY, 9, 15)
    assert plan_sale(SEED, XNSE, Segment.CASH, on(MONDAY, 11)).sell_at == on(MONDAY, 11)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
def test_instants_do_not_depend_on_the_zone_they_are_asked_in(zone: str) -> None:
    from zoneinfo import ZoneInfo

    now = on(MONDAY, 9).astimezone(ZoneInfo(zone))
    assert plan_day(SEED, XNSE, Segment.CASH, now).buy_at == on(MONDAY, 9, 30)
