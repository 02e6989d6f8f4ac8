"""The calendar as known now."""

from datetime import date
from typing import Protocol

from domain.instrument import Segment
from domain.session import ClosedDay, Session, TradingCalendar


class TradingDays(Protocol):
    """The calendar as known now, without blocking the event loop."""

    async def look_up(self, day: date, segment: Segment) -> Session | ClosedDay:
        """Return what is known of `day`. Raises `CalendarUnknown` when nothing is, or it cannot be read."""
        ...

    async def calendar(self) -> TradingCalendar:
        """Return the calendar as known now. Raises `CalendarUnknown` when it cannot be read."""
        ...
