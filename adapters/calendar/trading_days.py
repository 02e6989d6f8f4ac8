"""Looks days up in a thread, for a process whose event loop must not wait for a file."""

import asyncio
from dataclasses import dataclass
from datetime import date

from domain.errors import CalendarUnknown
from domain.instrument import Segment
from domain.ports import Clock
from domain.session import ClosedDay, Session, TradingCalendar

FRESH = 1.0
"""Seconds for which an answer is current: a thousand entries of one second share one look at the file."""
ANSWERS_WITHIN = 1.0
"""Seconds a look may take; a file on a network drive may never answer."""
KEPT = 32

Found = Session | ClosedDay


@dataclass(frozen=True, slots=True)
class _Look:
    begun: float
    answer: "asyncio.Future[Found]"


class CalendarTradingDays:
    """Implements `domain.ports.TradingDays` on a calendar, with look-ups in a thread."""

    def __init__(self, calendar: TradingCalendar, clock: Clock) -> None:
        self._calendar = calendar
        self._clock = clock
        self._looks: dict[tuple[date, Segment], _Look] = {}

    async def look_up(self, day: date, segment: Segment) -> Found:
        """Return what is known of `day`, as of the last second. Raises `CalendarUnknown`."""
        look = self._looks.get((day, segment))
        if look is None or (look.answer.done() and self._clock.monotonic() - look.begun > FRESH):
            look = self._begin(day, segment)
        if look.answer.done():
            return look.answer.result()
        try:
            async with asyncio.timeout(ANSWERS_WITHIN):
                return await asyncio.shield(look.answer)
        except TimeoutError:
            raise CalendarUnknown("the calendar's override file cannot be read: it does not answer") from None

    def _begin(self, day: date, segment: Segment) -> _Look:
        if len(self._looks) >= KEPT:
            self._looks.clear()
        answer = asyncio.ensure_future(asyncio.to_thread(self._calendar.look_up, day, segment))
        answer.add_done_callback(_seen)
        look = self._looks[day, segment] = _Look(self._clock.monotonic(), answer)
        return look


def _seen(answer: "asyncio.Future[Found]") -> None:
    """Retrieve a failure that nothing waited for."""
    if not answer.cancelled():
        answer.exception()
