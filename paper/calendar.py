"""When the exchange trades."""

from datetime import date, datetime, time, timedelta
from typing import Any, Protocol

from paper.clock import IST, ist
from paper.instruments import Instrument

OPEN = time(9, 15)
SHARE_CLOSE = time(15, 30)
# SEBI's closing auction (2026-08-03): shares with derivatives leave continuous trading at 15:15.
AUCTION_SHARE_CLOSE = time(15, 15)
DERIVATIVE_CLOSE = time(15, 40)


class Calendar(Protocol):
    """Trading hours by instrument; instants are epoch seconds of the exchange's clock."""

    always: bool

    def is_open(self, now: float, instrument: Instrument) -> bool: ...

    def next_open(self, now: float) -> float: ...


class AlwaysOpen:
    """Every second of every day is trading time."""

    always = True

    def is_open(self, now: float, instrument: Instrument) -> bool:
        return True

    def next_open(self, now: float) -> float:
        """The next midnight: a trading day runs from 00:00:00 to 23:59:59."""
        tomorrow = ist(now).date() + timedelta(days=1)
        return datetime.combine(tomorrow, time(0), IST).timestamp()


class Xnse:
    """NSE's trading days and hours."""

    always = False

    def __init__(self) -> None:
        # Pandas and the calendars take a second to import: only who asked for XNSE pays.
        import exchange_calendars

        # The library knows Mumbai's holidays under Bombay's exchange code.
        calendar: Any = exchange_calendars.get_calendar("XBOM")
        self._days = {day.date() for day in calendar.sessions}
        self._known_until: date = max(self._days)

    def is_open(self, now: float, instrument: Instrument) -> bool:
        moment = ist(now)
        return self.is_session(moment.date()) and OPEN <= moment.time() < closing_time(instrument)

    def is_session(self, day: date) -> bool:
        """A trading day; beyond the last known holiday list every weekday is one."""
        return day in self._days if day <= self._known_until else day.weekday() < 5

    def next_open(self, now: float) -> float:
        moment = ist(now)
        day = moment.date() if moment.time() < OPEN else moment.date() + timedelta(days=1)
        while not self.is_session(day):
            day += timedelta(days=1)
        return datetime.combine(day, OPEN, IST).timestamp()


def closing_time(instrument: Instrument) -> time:
    """The end of continuous trading."""
    if instrument.is_derivative:
        return DERIVATIVE_CLOSE
    return AUCTION_SHARE_CLOSE if instrument.has_derivatives else SHARE_CLOSE


def calendar_named(name: str) -> Calendar:
    """`always-open` or `XNSE`."""
    return Xnse() if name == "XNSE" else AlwaysOpen()
