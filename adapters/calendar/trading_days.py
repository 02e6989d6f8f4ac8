"""Looks days up for a worker, with the operator's word as of the last second."""

import asyncio
from datetime import date
from typing import Protocol

from domain.errors import CalendarUnknown, StoreUnavailable
from domain.instrument import Segment
from domain.session import ClosedDay, Session, TradingCalendar

FRESH = 1.0
"""Seconds for which a reading is current: a thousand entries of one second share one."""
ANSWERS_WITHIN = 1.0
"""Seconds a reading may take."""

Found = Session | ClosedDay


class OperatorsWord(Protocol):
    """The operator's word, by which the calendar answers."""

    async def fresh(self, seconds: float) -> None:
        """Have it read within so many seconds. Raises `StoreUnavailable`."""
        ...


class NoWord:
    """Nothing is said of a calendar on which every day trades."""

    async def fresh(self, seconds: float) -> None:
        """Read nothing."""


class CalendarTradingDays:
    """Implements `domain.ports.TradingDays` on a calendar and the word that it goes by."""

    def __init__(
        self, calendar: TradingCalendar, word: OperatorsWord, answers_within: float = ANSWERS_WITHIN
    ) -> None:
        self._calendar = calendar
        self._word = word
        self._answers_within = answers_within

    async def look_up(self, day: date, segment: Segment) -> Found:
        """Return what is known of `day`, as of the last second. Raises `CalendarUnknown`."""
        return (await self.calendar()).look_up(day, segment)

    async def calendar(self) -> TradingCalendar:
        """Return the calendar, as of the last second. Raises `CalendarUnknown`."""
        try:
            async with asyncio.timeout(self._answers_within):
                await self._word.fresh(FRESH)
        except (TimeoutError, StoreUnavailable):
            raise CalendarUnknown(
                "the operator's trading days cannot be read: Postgres does not answer"
            ) from None
        return self._calendar
