"""A worker asks its calendar in a thread, once a second for all entries, and waits a second at the most."""

import asyncio
import threading
from datetime import date
from pathlib import Path

import pytest

from adapters.calendar.exchange import ExchangeCalendar
from adapters.calendar.trading_days import CalendarTradingDays
from domain.errors import CalendarUnknown
from domain.instrument import Segment
from domain.session import ClosedDay, DaySource, Session
from tests.fakes.calendar import Weekdays
from tests.fakes.manual_clock import ManualClock

FRIDAY = date(2026, 11, 20)


class SlowCalendar(Weekdays):
    """Counts its questions; answers when it is let."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.let = threading.Event()
        self.let.set()

    def look_up(self, day: date, segment: Segment) -> Session | ClosedDay:
        self.asked.append(threading.current_thread().name)
        self.let.wait(10)
        return super().look_up(day, segment)


async def test_entries_of_one_second_share_a_look_that_holds_no_event_loop_up() -> None:
    calendar, clock = SlowCalendar(), ManualClock()
    days = CalendarTradingDays(calendar, clock)
    found = await asyncio.gather(*(days.look_up(FRIDAY, Segment.CASH) for _ in range(100)))
    assert {one.day for one in found} == {FRIDAY}
    assert len(calendar.asked) == 1
    assert calendar.asked[0] != threading.current_thread().name

    await clock.advance(1.5)
    await days.look_up(FRIDAY, Segment.CASH)
    assert len(calendar.asked) == 2


async def test_a_file_that_is_replaced_is_known_a_second_later(tmp_path: Path) -> None:
    file, clock = tmp_path / "days.toml", ManualClock()
    file.write_text("")
    days = CalendarTradingDays(ExchangeCalendar(file), clock)
    assert isinstance(await days.look_up(FRIDAY, Segment.CASH), Session)
    file.write_text("closed = [2026-11-20]")
    await clock.advance(1.5)
    assert await days.look_up(FRIDAY, Segment.CASH) == ClosedDay(FRIDAY, DaySource.OPERATOR)
    file.write_text("closed = [")
    await clock.advance(1.5)
    with pytest.raises(CalendarUnknown):
        await days.look_up(FRIDAY, Segment.CASH)


async def test_a_file_that_does_not_answer_leaves_the_day_unknown_and_takes_one_thread() -> None:
    calendar, clock = SlowCalendar(), ManualClock()
    calendar.let.clear()
    days = CalendarTradingDays(calendar, clock)
    for _ in range(2):
        with pytest.raises(CalendarUnknown, match="does not answer"):
            await days.look_up(FRIDAY, Segment.CASH)
        await clock.advance(5)
    assert len(calendar.asked) == 1
    calendar.let.set()
