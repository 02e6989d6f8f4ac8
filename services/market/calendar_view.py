"""The trading calendar day by day: what each segment does, and how that is known."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from domain.errors import CalendarUnknown
from domain.instrument import Segment
from domain.session import ClosedDay, DaySource, Session, TradingCalendar

SEGMENTS = (Segment.CASH, Segment.CASH_CAS, Segment.DERIVATIVES)
"""Those that can be traded."""


@dataclass(frozen=True, slots=True)
class SegmentHours:
    """Continuous trading of one segment; `mis_cutoff` is when the broker squares intraday positions off."""

    segment: Segment
    opens_at: datetime
    closes_at: datetime
    mis_cutoff: datetime | None


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """One day. `sessions` is empty on a closed day; `source` is None where nothing is known of it."""

    day: date
    source: DaySource | None
    name: str = ""
    sessions: Sequence[SegmentHours] = ()


def days(calendar: TradingCalendar, first: date, last: date) -> Iterator[CalendarDay]:
    """Yield the days from `first` to `last`, both included. Raises `CalendarUnknown`: none can be read."""
    day = first
    while day <= last:
        yield _day(calendar, day)
        day += timedelta(days=1)


def _day(calendar: TradingCalendar, day: date) -> CalendarDay:
    if calendar.last_day is not None and day > calendar.last_day:
        try:
            calendar.look_up(day, Segment.CASH)  # the operator may name one beyond the data
        except CalendarUnknown:
            return CalendarDay(day, None)
    found = {segment: calendar.look_up(day, segment) for segment in SEGMENTS}
    sessions = [
        SegmentHours(segment, one.opens_at, one.closes_at, calendar.mis_cutoff(day, segment))
        for segment, one in found.items()
        if isinstance(one, Session)
    ]
    closed = next((one for one in found.values() if isinstance(one, ClosedDay)), None)
    source = next(iter(found.values())).source
    if any(one.source is DaySource.OPERATOR for one in found.values()):
        source = DaySource.OPERATOR
    return CalendarDay(day, source, closed.name if closed is not None and not sessions else "", sessions)
