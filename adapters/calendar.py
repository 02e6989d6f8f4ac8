"""The exchange's calendar: holidays from a kept library, hours by segment, corrections from a file."""

import sys
from datetime import date, datetime, time, timedelta
from pathlib import Path

from adapters.calendar_overrides import Hours, OverrideFile, Overrides
from domain.errors import CalendarUnknown
from domain.instrument import Segment
from domain.session import Session, TradingCalendar, at

EXCHANGE = "XBOM"
"""The library knows the exchanges of Mumbai by one name; NSE and BSE share their holidays."""
FIRST_DAY = date(2025, 1, 1)
AUCTION_FROM = date(2026, 8, 3)
"""SEBI's closing auction: shares with derivatives stop at 15:15 from here on, derivatives run to 15:40."""

_OPENS = time(9, 15)
_CLOSES = time(15, 30)
_CLOSES_WITH_AUCTION = {Segment.CASH_CAS: time(15, 15), Segment.DERIVATIVES: time(15, 40)}
_MIS_CUTOFF = {Segment.CASH: time(15, 20), Segment.INDEX: time(15, 20), Segment.DERIVATIVES: time(15, 25)}
"""When Zerodha squares intraday positions off (support article, older than the closing auction)."""
_MIS_CUTOFF_WITH_AUCTION = time(15, 10)
"""Shares with derivatives: the new time is not published; be flat before continuous trading ends at 15:15."""
_MIS_MARGIN = timedelta(minutes=15)
"""Before the end of a special session: the widest distance the broker keeps on ordinary days."""


class ExchangeCalendar:
    """NSE and BSE. Knows the days to `last_day`; a day past it is unknown, never a trading day.

    Making one imports pandas (0.7 s, 66 MB): make it once, at the entry point, and only where it is needed.
    """

    def __init__(self, overrides: Path | None = None) -> None:
        self._sessions, self._last_day = _library_days()
        self._file = OverrideFile(overrides)

    @property
    def name(self) -> str:
        return "XNSE"

    @property
    def last_day(self) -> date:
        """Return the last day known. Raises `OverridesUnreadable` while the override file is malformed."""
        return self._last(self._file.read())

    def session(self, day: date, segment: Segment) -> Session | None:
        """Return the session of `day`, None on a holiday. Raises `CalendarUnknown` outside the data."""
        hours = self._hours(day, segment, self._file.read())
        return None if hours is None else Session(day, at(day, hours.opens), at(day, hours.closes))

    def mis_cutoff(self, day: date, segment: Segment) -> datetime | None:
        """Return when the broker squares MIS positions off; None on a holiday."""
        overrides = self._file.read()
        hours = self._hours(day, segment, overrides)
        if hours is None:
            return None
        if (day, segment) in overrides.sessions:
            return at(day, hours.closes) - _MIS_MARGIN
        if segment is Segment.CASH_CAS:
            return at(day, _MIS_CUTOFF_WITH_AUCTION if day >= AUCTION_FROM else _MIS_CUTOFF[Segment.CASH])
        return at(day, _MIS_CUTOFF[segment])

    def _last(self, overrides: Overrides) -> date:
        return max(self._last_day, overrides.last_day or self._last_day)

    def _hours(self, day: date, segment: Segment, overrides: Overrides) -> Hours | None:
        if not FIRST_DAY <= day <= self._last(overrides):
            raise CalendarUnknown(
                f"the exchange's holidays are known from {FIRST_DAY} to {self._last(overrides)}, "
                f"not for {day}; "
                "update the product, or name the days in the file of STOPWATCH_CALENDAR_OVERRIDES"
            )
        if special := overrides.sessions.get((day, segment)):
            return special
        if day in overrides.closed or not self._trades(day):
            return None
        after = day >= AUCTION_FROM
        return Hours(_OPENS, _CLOSES_WITH_AUCTION.get(segment, _CLOSES) if after else _CLOSES)

    def _trades(self, day: date) -> bool:
        if day <= self._last_day:
            return day in self._sessions
        return day.weekday() < 5  # past the library's data the override file alone names the holidays


class AlwaysOpen:
    """Every second of every day is trading time: the paper exchange's calendar."""

    @property
    def name(self) -> str:
        return "always-open"

    @property
    def last_day(self) -> None:
        return None

    def session(self, day: date, segment: Segment) -> Session:
        return Session(day, at(day, time(0, 0, 0)), at(day, time(23, 59, 59)))

    def mis_cutoff(self, day: date, segment: Segment) -> None:
        return None


def open_calendar(name: str, overrides: Path | None = None) -> TradingCalendar:
    """Return the calendar of the setting `CALENDAR`: `XNSE` or `always-open`."""
    return AlwaysOpen() if name == "always-open" else ExchangeCalendar(overrides)


def _library_days() -> tuple[frozenset[date], date]:
    import exchange_calendars  # pandas is heavy: only whoever needs holidays pays for it

    calendar = exchange_calendars.get_calendar(EXCHANGE, start=FIRST_DAY.isoformat())
    last: date = calendar.last_session.date()
    return frozenset(stamp.date() for stamp in calendar.sessions), last


def main(words: list[str]) -> int:
    """Say what a calendar knows: `python -m adapters.calendar XNSE [override file]`."""
    overrides = Path(words[1]) if len(words) > 1 else None
    try:
        last_day = open_calendar(words[0], overrides).last_day
    except CalendarUnknown as unreadable:
        sys.stderr.write(f"{unreadable}\n")
        return 1
    known = f"knows its holidays to {last_day}" if last_day else "trades every second of every day"
    sys.stdout.write(f"{words[0]} {known}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
