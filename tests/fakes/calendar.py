"""The exchange's hours without its holidays, and without the library that knows them."""

from datetime import date, datetime, time

from domain.errors import CalendarUnknown
from domain.instrument import Segment
from domain.session import Session, at


class Weekdays:
    """Implements `domain.session.TradingCalendar` up to the last day of 2026."""

    @property
    def name(self) -> str:
        return "XNSE"

    @property
    def last_day(self) -> date:
        return date(2026, 12, 31)

    def session(self, day: date, segment: Segment) -> Session | None:
        if day > self.last_day:
            raise CalendarUnknown(f"known to {self.last_day}")
        if day.weekday() >= 5:
            return None
        closes = time(15, 15) if segment is Segment.CASH_CAS else time(15, 30)
        return Session(day, at(day, time(9, 15)), at(day, closes))

    def mis_cutoff(self, day: date, segment: Segment) -> datetime | None:
        return None
