"""The exchange's hours without its holidays, and without the data that knows them."""

from dataclasses import dataclass, field
from datetime import date, datetime, time

from domain.errors import CalendarUnknown
from domain.instrument import Segment
from domain.session import ClosedDay, DaySource, Session, TradingCalendar, at

_CLOSES = {Segment.CASH_CAS: time(15, 15), Segment.DERIVATIVES: time(15, 40)}


class Weekdays:
    """Implements `domain.session.TradingCalendar` up to the last day of 2026."""

    @property
    def name(self) -> str:
        return "XNSE"

    @property
    def known_to(self) -> date:
        return date(2026, 12, 31)

    @property
    def last_day(self) -> date:
        return self.known_to

    def look_up(self, day: date, segment: Segment) -> Session | ClosedDay:
        if day > self.last_day:
            raise CalendarUnknown(f"known to {self.last_day}")
        if day.weekday() >= 5:
            return ClosedDay(day, DaySource.EXCHANGE, f"{day:%A}")
        return Session(day, at(day, time(9, 15)), at(day, _CLOSES.get(segment, time(15, 30))))

    def session(self, day: date, segment: Segment) -> Session | None:
        found = self.look_up(day, segment)
        return found if isinstance(found, Session) else None

    def mis_cutoff(self, day: date, segment: Segment) -> datetime | None:
        return None


@dataclass
class ClosedOn:
    """A calendar some days of which the operator has closed, until a test opens them again."""

    calendar: TradingCalendar
    closed: set[date] = field(default_factory=set)

    @property
    def name(self) -> str:
        return self.calendar.name

    @property
    def known_to(self) -> date | None:
        return self.calendar.known_to

    @property
    def last_day(self) -> date | None:
        return self.calendar.last_day

    def look_up(self, day: date, segment: Segment) -> Session | ClosedDay:
        if day in self.closed:
            return ClosedDay(day, DaySource.OPERATOR)
        return self.calendar.look_up(day, segment)

    def session(self, day: date, segment: Segment) -> Session | None:
        return None if day in self.closed else self.calendar.session(day, segment)

    def mis_cutoff(self, day: date, segment: Segment) -> datetime | None:
        return self.calendar.mis_cutoff(day, segment)
