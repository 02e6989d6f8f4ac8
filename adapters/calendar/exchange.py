"""The exchange's calendar: its days in layers, its hours by segment with the date each came into force."""

import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path

from adapters.calendar import published_days as exchange_days
from adapters.calendar.overrides import OverrideFile
from adapters.calendar.published_hours import RULES
from domain.errors import CalendarUnknown
from domain.instrument import Segment
from domain.operator_days import NO_WORD, OperatorDays
from domain.segment_hours import rule_of
from domain.session import SATURDAY, ClosedDay, DaySource, Session, TradingCalendar, at

_MIS_MARGIN = timedelta(minutes=15)
"""Before the end of a special session: the widest distance the broker keeps on ordinary days."""

Found = Session | ClosedDay


class ExchangeCalendar:
    """NSE and BSE. A day past `last_day` is unknown, never a trading day.

    Three layers, and the first that covers a day decides: the operator's word, the exchange's published list,
    the estimate for the years it has not published yet.
    """

    def __init__(self, said: Callable[[], OperatorDays] = lambda: NO_WORD) -> None:
        """`said` returns the operator's word as it is known now. Raises `CalendarUnknown` where it is not."""
        self._said = said

    @property
    def name(self) -> str:
        return "XNSE"

    @property
    def known_to(self) -> date:
        """Return the last day that is no estimate. Raises `CalendarUnknown`."""
        return max(exchange_days.PUBLISHED_TO, self._said().last_day or date.min)

    @property
    def last_day(self) -> date:
        """Return the last day it covers. Raises `CalendarUnknown`."""
        return max(exchange_days.ESTIMATED_TO, self._said().last_day or date.min)

    def look_up(self, day: date, segment: Segment) -> Found:
        """Return what is known of `day` now. Raises `CalendarUnknown` outside the data."""
        return _look_up(day, segment, self._said())

    def session(self, day: date, segment: Segment) -> Session | None:
        """Return the session of `day`, None on a holiday. Raises `CalendarUnknown` outside the data."""
        found = self.look_up(day, segment)
        return found if isinstance(found, Session) else None

    def mis_cutoff(self, day: date, segment: Segment) -> datetime | None:
        """Return when the broker squares MIS positions off; None on a holiday."""
        said = self._said()
        found = _look_up(day, segment, said)
        if isinstance(found, ClosedDay):
            return None
        if (day, segment) in said.sessions:
            return found.closes_at - _MIS_MARGIN
        return at(day, rule_of(day, segment, RULES, said.rules).mis_cutoff)


def _look_up(day: date, segment: Segment, said: OperatorDays) -> Found:
    layers = (_by_operator, _published, _estimated)
    found = next((found for layer in layers if (found := layer(day, segment, said)) is not None), None)
    if found is None:
        last = max(exchange_days.ESTIMATED_TO, said.last_day or date.min)
        raise CalendarUnknown(
            f"the exchange's days are known or estimated from {exchange_days.FIRST_DAY} to {last}, "
            f"not for {day}; update the product, or name the day: `stopwatch calendar add`"
        )
    return found


def _by_operator(day: date, segment: Segment, said: OperatorDays) -> Found | None:
    if hours := said.sessions.get((day, segment)):
        return Session(day, at(day, hours.opens), at(day, hours.closes), DaySource.OPERATOR)
    if day in said.closed:
        return ClosedDay(day, DaySource.OPERATOR)
    if day in said.open:
        return _ordinary(day, segment, DaySource.OPERATOR, said)
    if said.last_day is not None and exchange_days.PUBLISHED_TO < day <= said.last_day:
        # The file is complete to there, so what it does not name is an ordinary day.
        return _weekday(day, segment, {}, DaySource.OPERATOR, said)
    return None


def _published(day: date, segment: Segment, said: OperatorDays) -> Found | None:
    if not exchange_days.FIRST_DAY <= day <= exchange_days.PUBLISHED_TO:
        return None
    return _weekday(day, segment, exchange_days.PUBLISHED, DaySource.EXCHANGE, said)


def _estimated(day: date, segment: Segment, said: OperatorDays) -> Found | None:
    if not exchange_days.PUBLISHED_TO < day <= exchange_days.ESTIMATED_TO:
        return None
    return _weekday(day, segment, exchange_days.ESTIMATED, DaySource.PROVISIONAL, said)


def _weekday(
    day: date, segment: Segment, closed: Mapping[date, str], source: DaySource, said: OperatorDays
) -> Found:
    if day.weekday() >= SATURDAY:
        return ClosedDay(day, source, f"{day:%A}")
    if day in closed:
        return ClosedDay(day, source, closed[day])
    return _ordinary(day, segment, source, said)


def _ordinary(day: date, segment: Segment, source: DaySource, said: OperatorDays) -> Session:
    rule = rule_of(day, segment, RULES, said.rules)
    if source is DaySource.EXCHANGE and rule in said.rules:
        source = DaySource.OPERATOR  # an estimate stays one: that the day trades is still not known
    return Session(day, at(day, rule.hours.opens), at(day, rule.hours.closes), source)


class AlwaysOpen:
    """Every second of every day is trading time: the paper exchange's calendar."""

    @property
    def name(self) -> str:
        return "always-open"

    @property
    def known_to(self) -> None:
        return None

    @property
    def last_day(self) -> None:
        return None

    def look_up(self, day: date, segment: Segment) -> Session:
        return self.session(day, segment)

    def session(self, day: date, segment: Segment) -> Session:
        return Session(day, at(day, time(0, 0, 0)), at(day, time(23, 59, 59)))

    def mis_cutoff(self, day: date, segment: Segment) -> None:
        return None


def open_calendar(name: str, said: Callable[[], OperatorDays] = lambda: NO_WORD) -> TradingCalendar:
    """Return the calendar of the setting `CALENDAR`: `XNSE` or `always-open`."""
    return AlwaysOpen() if name == "always-open" else ExchangeCalendar(said)


def main(words: list[str]) -> int:
    """Print what a calendar knows: `python -m adapters.calendar.exchange XNSE [override file]`."""
    calendar = open_calendar(words[0], OverrideFile(Path(words[1]) if len(words) > 1 else None).read)
    try:
        known_to, last_day = calendar.known_to, calendar.last_day
    except CalendarUnknown as unreadable:
        sys.stderr.write(f"{unreadable}\n")
        return 1
    sys.stdout.write(f"{calendar.name} {_known_text(known_to, last_day)}\n")
    return 0


def _known_text(known_to: date | None, last_day: date | None) -> str:
    if known_to is None:
        return "trades every second of every day"
    estimated = f", and estimates them to {last_day}" if last_day and last_day > known_to else ""
    return f"knows its holidays to {known_to}{estimated}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
