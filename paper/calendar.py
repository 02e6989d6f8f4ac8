"""The exchange's trading hours."""

from datetime import date, datetime, time, timedelta
from typing import Protocol

from paper.clock import IST, ist
from paper.instruments import Instrument

OPEN = time(9, 15)
SHARE_CLOSE = time(15, 30)
# SEBI's closing auction (2026-08-03): shares with derivatives leave continuous trading at 15:15.
AUCTION_SHARE_CLOSE = time(15, 15)
AUCTION_END = time(15, 35)
DERIVATIVE_CLOSE = time(15, 40)
# Holidays announced at short notice, which no computation knows: elections, mourning, a feast that was moved.
AD_HOC = frozenset(
    {
        *(date(2019, 4, 29), date(2019, 10, 21), date(2023, 6, 29)),
        *(date(2024, 1, 22), date(2024, 5, 20), date(2024, 11, 20), date(2026, 1, 15)),
    }
)


class Calendar(Protocol):
    """Trading hours by instrument; instants are epoch seconds of the exchange's clock."""

    always: bool

    def is_open(self, now: float, instrument: Instrument) -> bool: ...

    def in_auction(self, now: float, instrument: Instrument) -> bool: ...

    def next_open(self, now: float) -> float: ...


class AlwaysOpen:
    """Every second of every day is trading time."""

    always = True

    def is_open(self, now: float, instrument: Instrument) -> bool:
        return True

    def in_auction(self, now: float, instrument: Instrument) -> bool:
        return False

    def next_open(self, now: float) -> float:
        """The next midnight: a trading day runs from 00:00:00 to 23:59:59."""
        tomorrow = ist(now).date() + timedelta(days=1)
        return datetime.combine(tomorrow, time(0), IST).timestamp()


class Xnse:
    """NSE's trading days and hours."""

    always = False

    def __init__(self) -> None:
        # 0.1 s and 18 MB: only an exchange with holidays imports it.
        from holidays import financial_holidays

        # A year is computed when a day of it is asked for, so there is no last one.
        self._holidays = financial_holidays("XNSE")

    def is_open(self, now: float, instrument: Instrument) -> bool:
        moment = ist(now)
        return self.is_session(moment.date()) and OPEN <= moment.time() < closing_time(instrument)

    def in_auction(self, now: float, instrument: Instrument) -> bool:
        """Tell whether the share is in its closing auction."""
        moment = ist(now)
        return (
            instrument.has_derivatives
            and not instrument.is_derivative
            and AUCTION_SHARE_CLOSE <= moment.time() < AUCTION_END
            and self.is_session(moment.date())
        )

    def is_session(self, day: date) -> bool:
        """Tell whether a day trades; by an estimate in years without a published list."""
        return day.weekday() < 5 and day not in self._holidays and day not in AD_HOC

    def next_open(self, now: float) -> float:
        moment = ist(now)
        day = moment.date() if moment.time() < OPEN else moment.date() + timedelta(days=1)
        while not self.is_session(day):
            day += timedelta(days=1)
        return datetime.combine(day, OPEN, IST).timestamp()


def closing_time(instrument: Instrument) -> time:
    """Return the end of continuous trading."""
    if instrument.is_derivative:
        return DERIVATIVE_CLOSE
    return AUCTION_SHARE_CLOSE if instrument.has_derivatives else SHARE_CLOSE


def calendar_named(name: str) -> Calendar:
    """Return the calendar `always-open` or `XNSE`."""
    return Xnse() if name == "XNSE" else AlwaysOpen()
