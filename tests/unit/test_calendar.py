"""Which days trade, and when; what an override file changes; what is not known."""

import os
import subprocess
import sys
from datetime import date, time, timedelta
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.calendar.exchange import ExchangeCalendar, main, open_calendar
from adapters.calendar.overrides import OverrideFile, OverridesUnreadable
from domain.errors import CalendarUnknown
from domain.instrument import Segment
from domain.operator_days import OperatorDays
from domain.segment_hours import Hours, HoursRule
from domain.session import ClosedDay, DaySource, Session, TradingCalendar, exchange_time
from local import exchange_days as exchange_days_tool
from local.endpoints import Endpoints, calendar_of
from services.market.calendar_changes import NO_EFFECT, _meaning
from services.market.calendar_view import days

FRIDAY = date(2026, 11, 20)
NSE_HOLIDAYS_2026 = (
    "01-15 01-26 03-03 03-26 03-31 04-03 04-14 05-01 05-28 06-26 09-14 10-02 10-20 11-10 11-24 12-25"
)
"""The exchange's circulars NSE/CMTR/71775 and 72260."""


@pytest.fixture(scope="module")
def exchange() -> ExchangeCalendar:
    return ExchangeCalendar()


def on_file(path: Path) -> ExchangeCalendar:
    """Return the calendar with the word of a file."""
    return ExchangeCalendar(OverrideFile(path).read)


def hours(calendar: TradingCalendar, day: date, segment: Segment) -> tuple[str, str] | None:
    session = calendar.session(day, segment)
    if session is None:
        return None
    return (f"{exchange_time(session.opens_at):%H:%M}", f"{exchange_time(session.closes_at):%H:%M}")


@pytest.mark.parametrize(
    ("segment", "closes"),
    [
        (Segment.CASH, "15:30"),
        (Segment.CASH_CAS, "15:15"),
        (Segment.DERIVATIVES, "15:40"),
        (Segment.INDEX, "15:30"),
    ],
)
def test_segment_closes_at_its_own_time_since_the_closing_auction(
    exchange: ExchangeCalendar, segment: Segment, closes: str
) -> None:
    assert hours(exchange, date(2026, 8, 3), segment) == ("09:15", closes)
    assert hours(exchange, FRIDAY, segment) == ("09:15", closes)


@pytest.mark.parametrize("segment", list(Segment))
def test_every_segment_closed_at_half_past_three_before_the_closing_auction(
    exchange: ExchangeCalendar, segment: Segment
) -> None:
    assert hours(exchange, date(2026, 7, 31), segment) == ("09:15", "15:30")


def test_weekdays_off_are_the_exchanges_own_list_in_2026(exchange: ExchangeCalendar) -> None:
    days = (date.fromordinal(n) for n in range(date(2026, 1, 1).toordinal(), date(2027, 1, 1).toordinal()))
    off = [f"{day:%m-%d}" for day in days if day.weekday() < 5 and not exchange.session(day, Segment.CASH)]
    assert " ".join(off) == NSE_HOLIDAYS_2026


@pytest.mark.parametrize("day", [date(2029, 1, 1), date(2030, 6, 3), date(1999, 1, 4)])
def test_day_outside_the_data_is_unknown(exchange: ExchangeCalendar, day: date) -> None:
    with pytest.raises(CalendarUnknown, match=str(day)):
        exchange.session(day, Segment.CASH)


def test_the_published_list_and_the_estimate_each_have_their_last_day(exchange: ExchangeCalendar) -> None:
    assert (exchange.known_to, exchange.last_day) == (date(2026, 12, 31), date(2028, 12, 31))


def test_the_packaged_days_are_those_of_the_libraries() -> None:
    """Fails when a library that was updated knows more: run `python -m local.exchange_days`."""
    assert exchange_days_tool.TARGET.read_text() == exchange_days_tool.module_text()


def test_days_of_a_published_year_are_the_exchanges_own(exchange: ExchangeCalendar) -> None:
    found = exchange.look_up(FRIDAY, Segment.CASH)
    assert isinstance(found, Session)
    assert found.source is DaySource.EXCHANGE
    closed = exchange.look_up(date(2026, 11, 24), Segment.CASH)
    assert closed == ClosedDay(date(2026, 11, 24), DaySource.EXCHANGE, "Guru Nanak Jayanti")


ESTIMATED_2027 = "01-26 03-10 03-22 03-26 04-14 04-15 05-17 06-16 10-29"


def test_weekdays_off_in_a_year_without_a_list_are_estimates(exchange: ExchangeCalendar) -> None:
    days = (date(2027, 1, 1) + timedelta(days=n) for n in range(365))
    found = [exchange.look_up(day, Segment.CASH) for day in days]
    assert {one.source for one in found} == {DaySource.PROVISIONAL}
    off = [one.day for one in found if isinstance(one, ClosedDay)]
    assert " ".join(f"{day:%m-%d}" for day in off if day.weekday() < 5) == ESTIMATED_2027
    assert len([day for day in off if day.weekday() >= 5]) == 104


def test_a_movable_feast_is_closed_and_says_that_it_is_estimated(exchange: ExchangeCalendar) -> None:
    found = exchange.look_up(date(2027, 3, 10), Segment.CASH)
    assert isinstance(found, ClosedDay)
    assert found.name.endswith("(estimated)")


@pytest.mark.parametrize(
    ("segment", "closes", "cutoff"),
    [
        (Segment.CASH, "15:30", "15:20"),
        (Segment.CASH_CAS, "15:15", "15:10"),
        (Segment.DERIVATIVES, "15:40", "15:25"),
    ],
)
def test_estimated_days_keep_the_hours_of_the_closing_auction(
    exchange: ExchangeCalendar, segment: Segment, closes: str, cutoff: str
) -> None:
    monday = date(2027, 1, 4)
    assert hours(exchange, monday, segment) == ("09:15", closes)
    at = exchange.mis_cutoff(monday, segment)
    assert at is not None
    assert f"{exchange_time(at):%H:%M}" == cutoff


@pytest.mark.parametrize(
    ("segment", "cutoff"),
    [(Segment.CASH, "15:20"), (Segment.CASH_CAS, "15:10"), (Segment.DERIVATIVES, "15:25")],
)
def test_mis_is_squared_off_before_the_close(
    exchange: ExchangeCalendar, segment: Segment, cutoff: str
) -> None:
    at = exchange.mis_cutoff(FRIDAY, segment)
    session = exchange.session(FRIDAY, segment)
    assert at is not None
    assert session is not None
    assert f"{exchange_time(at):%H:%M}" == cutoff
    assert at < session.closes_at


def test_mis_cutoff_of_shares_with_derivatives_was_the_ordinary_one_before_the_auction(
    exchange: ExchangeCalendar,
) -> None:
    at = exchange.mis_cutoff(date(2026, 7, 31), Segment.CASH_CAS)
    assert at is not None
    assert exchange_time(at).time() == time(15, 20)


TOML = """
last_day = 2027-01-31
closed = ["2026-11-23", 2027-01-26]
open = [2026-12-25, "2027-03-10"]

[[session]]
day = "2026-11-23"
opens = "18:15"
closes = 19:15:00

[[session]]
day = 2026-11-28
opens = 10:00:00
closes = 11:00:00
segment = "derivatives"
"""
JSON = """{"last_day": "2027-01-31", "closed": ["2026-11-23", "2027-01-26"],
  "open": ["2026-12-25", "2027-03-10"], "session": [
  {"day": "2026-11-23", "opens": "18:15", "closes": "19:15"},
  {"day": "2026-11-28", "opens": "10:00", "closes": "11:00", "segment": "derivatives"}]}"""


@pytest.mark.parametrize(("name", "text"), [("days.toml", TOML), ("days.json", JSON)])
def test_override_file_adds_what_the_data_does_not_know(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    calendar = on_file(tmp_path / name)

    assert hours(calendar, date(2026, 11, 23), Segment.CASH) == ("18:15", "19:15")
    assert hours(calendar, date(2026, 11, 28), Segment.DERIVATIVES) == ("10:00", "11:00")
    assert hours(calendar, date(2026, 11, 28), Segment.CASH) is None
    assert (calendar.known_to, calendar.last_day) == (date(2027, 1, 31), date(2028, 12, 31))
    assert hours(calendar, date(2027, 1, 25), Segment.CASH) == ("09:15", "15:30")
    assert hours(calendar, date(2027, 1, 26), Segment.CASH) is None
    assert hours(calendar, date(2027, 1, 30), Segment.CASH) is None
    assert hours(calendar, date(2026, 12, 25), Segment.CASH) == ("09:15", "15:30")
    assert hours(calendar, date(2027, 3, 10), Segment.CASH_CAS) == ("09:15", "15:15")
    cutoff = calendar.mis_cutoff(date(2026, 11, 23), Segment.CASH)
    assert cutoff is not None
    assert exchange_time(cutoff).time() == time(19, 0)


def test_what_the_override_file_names_is_no_estimate_and_what_it_does_not_name_stays_one(
    tmp_path: Path,
) -> None:
    (tmp_path / "days.toml").write_text("closed = [2027-02-08]\nopen = [2027-03-10]")
    calendar = on_file(tmp_path / "days.toml")
    sources = {
        day: calendar.look_up(date(2027, *day), Segment.CASH).source for day in ((2, 8), (3, 10), (3, 11))
    }
    assert sources == {
        (2, 8): DaySource.OPERATOR,
        (3, 10): DaySource.OPERATOR,
        (3, 11): DaySource.PROVISIONAL,
    }
    assert calendar.known_to == date(2026, 12, 31)


def test_a_year_that_the_override_file_completes_has_no_estimate_left(tmp_path: Path) -> None:
    (tmp_path / "days.toml").write_text("last_day = 2027-12-31\nclosed = [2027-01-26]")
    calendar = on_file(tmp_path / "days.toml")
    holi = calendar.look_up(date(2027, 3, 22), Segment.CASH)
    assert isinstance(holi, Session), "the operator named every holiday, and not this one"
    assert holi.source is DaySource.OPERATOR
    assert calendar.look_up(date(2028, 1, 3), Segment.CASH).source is DaySource.PROVISIONAL


def test_override_file_is_read_again_when_it_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "days.toml"
    path.write_text("closed = []")
    calendar = on_file(path)
    assert calendar.session(FRIDAY, Segment.CASH) is not None

    aside = tmp_path / "aside"
    aside.write_text("closed = [2026-11-20]")
    os.replace(aside, path)

    assert calendar.session(FRIDAY, Segment.CASH) is None


@pytest.mark.parametrize(
    "text",
    [
        "closed = [",
        'closed = ["someday"]',
        "holidays = [2026-11-20]",
        "[[session]]\nday = 2026-11-20\nopens = 10:00:00",
        "[[session]]\nday = 2026-11-20\nopens = 10:00:00\ncloses = 09:00:00",
        '[[session]]\nday = 2026-11-20\nopens = 10:00:00\ncloses = 11:00:00\nsegment = "shares"',
        "closed = 3",
        "open = 3",
        "closed = [2027-01-26]\nopen = [2027-01-26]",
        "session = 3",
    ],
)
def test_malformed_override_file_makes_every_day_unknown_until_it_is_mended(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "days.toml"
    path.write_text(text)
    calendar = on_file(path)
    for _ in range(2):
        with pytest.raises(OverridesUnreadable, match="STOPWATCH_CALENDAR_OVERRIDES") as refusal:
            calendar.session(FRIDAY, Segment.CASH)
        assert "\n" not in str(refusal.value)

    path.write_text("")
    assert calendar.session(FRIDAY, Segment.CASH) is not None


def test_missing_override_file_is_said_by_name(tmp_path: Path) -> None:
    with pytest.raises(OverridesUnreadable, match=r"gone\.toml"):
        _ = on_file(tmp_path / "gone.toml").last_day


RULE = HoursRule(date(2026, 12, 1), Segment.CASH, Hours(time(9), time(16)), time(15, 45), "SEBI/2026/1")


@pytest.mark.parametrize(
    ("day", "segment", "source"),
    [
        (date(2026, 12, 1), Segment.CASH, DaySource.OPERATOR),
        (date(2026, 12, 1), Segment.DERIVATIVES, DaySource.EXCHANGE),
        (date(2026, 11, 30), Segment.CASH, DaySource.EXCHANGE),
        (date(2026, 12, 25), Segment.CASH, DaySource.EXCHANGE),  # a holiday has no hours
        (date(2027, 2, 1), Segment.CASH, DaySource.PROVISIONAL),  # that it trades is an estimate still
    ],
)
def test_hours_that_the_operator_entered_are_the_operators(
    day: date, segment: Segment, source: DaySource
) -> None:
    said = OperatorDays.of((), [RULE])
    assert ExchangeCalendar(lambda: said).look_up(day, segment).source is source
    shown = next(days(ExchangeCalendar(lambda: said), day, day))
    assert shown.source is (source if segment is Segment.CASH else DaySource.OPERATOR)


def test_a_product_says_by_which_calendar_it_trades(tmp_path: Path) -> None:
    assert calendar_of(tmp_path) is None
    urls = ("http://api", "t", None, "postgres", "redis", None, None)
    Endpoints(*urls, calendar="always-open").write(tmp_path / "endpoints.json", {})
    assert calendar_of(tmp_path) == "always-open"


async def test_under_the_calendar_that_is_always_open_nothing_is_judged() -> None:
    session = AsyncSession()  # that of no database: it is not asked
    words = await _meaning(session, ExchangeCalendar(), [FRIDAY], force=False, counts=False)
    assert words == NO_EFFECT


def test_always_open_trades_from_midnight_to_midnight() -> None:
    calendar = open_calendar("always-open")
    session = calendar.session(date(2026, 11, 22), Segment.CASH)  # a Sunday
    assert session is not None
    assert exchange_time(session.opens_at).time() == time(0, 0)
    assert exchange_time(session.closes_at).time() == time(23, 59, 59)
    assert calendar.mis_cutoff(date(2026, 11, 22), Segment.CASH) is None
    assert (calendar.known_to, calendar.last_day) == (None, None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "XNSE knows its holidays to 2026-12-31, and estimates them to 2028-12-31"),
        ("last_day = 2027-12-31", "XNSE knows its holidays to 2027-12-31, and estimates them to 2028-12-31"),
        ("last_day = 2029-12-31", "XNSE knows its holidays to 2029-12-31"),
    ],
)
def test_doctors_line_says_how_far_the_list_goes_and_how_far_the_estimate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    (tmp_path / "days.toml").write_text(text)
    assert main(["XNSE", str(tmp_path / "days.toml")]) == 0
    assert capsys.readouterr().out.strip() == said


def test_the_calendar_loads_neither_pandas_nor_a_holiday_library() -> None:
    words = (
        "import sys; from adapters.calendar.exchange import ExchangeCalendar; "
        "ExchangeCalendar().last_day; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert {"pandas", "exchange_calendars", "holidays", "numpy"} & set(done.stdout.split()) == set()
