"""Writes the packaged trading holidays: `python -m local.exchange_days`, after an update of its libraries.

The exchange's own list comes from `exchange_calendars` (it needs pandas: a tool only); the
estimate beyond it, and the names, from `holidays`. A test holds the file against both.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path

TARGET = Path(__file__).parent.parent / "adapters" / "calendar" / "published_days.py"
EXCHANGE = "XBOM"
"""`exchange_calendars` knows the exchanges of Mumbai by one name; NSE and BSE share their holidays."""
MARKET = "XNSE"
FIRST_YEAR = 2025
ESTIMATED_YEARS = 2
"""Computed years after the last published one: nothing is planned further ahead."""
UNNAMED = "announced separately"
"""Elections and the like, which no computation foresees."""
CIRCULARS = "NSE/CMTR/65587 (2025), 71775 and 72260 (2026)"

Days = Mapping[date, str]


def published() -> tuple[Days, int]:
    """Return the weekdays on which the exchange is closed, and the last year of its list."""
    import exchange_calendars

    calendar = exchange_calendars.get_calendar(EXCHANGE, start=f"{FIRST_YEAR}-01-01")
    sessions = {stamp.date() for stamp in calendar.sessions}
    last_year: int = max(sessions).year
    names = estimated(range(FIRST_YEAR, last_year + 1))
    closed = (day for day in _weekdays(FIRST_YEAR, last_year) if day not in sessions)
    return {day: names.get(day, UNNAMED) for day in closed}, last_year


def estimated(years: Sequence[int]) -> Days:
    """Return the weekdays that the computed list calls holidays; a movable one says that it is estimated."""
    import holidays

    found = holidays.financial_holidays(MARKET, years=years, language="en_IN")
    return {day: name for day, name in sorted(found.items()) if day.weekday() < 5}


def module_text() -> str:
    """Return the packaged module."""
    closed, last_year = published()
    until = last_year + ESTIMATED_YEARS
    return f'''"""The exchange's holidays on weekdays: as published, and beyond that as estimated.

Written by `python -m local.exchange_days`; do not edit.
Published: exchange_calendars {version("exchange_calendars")} ({EXCHANGE}); circulars {CIRCULARS}.
Estimated: holidays {version("holidays")} ({MARKET}).
"""

from collections.abc import Mapping
from datetime import date

FIRST_DAY = {_literal(date(FIRST_YEAR, 1, 1))}
PUBLISHED_TO = {_literal(date(last_year, 12, 31))}
ESTIMATED_TO = {_literal(date(until, 12, 31))}
PUBLISHED: Mapping[date, str] = {_table(closed)}
ESTIMATED: Mapping[date, str] = {_table(estimated(range(last_year + 1, until + 1)))}
'''


def _weekdays(first_year: int, last_year: int) -> Iterator[date]:
    day = date(first_year, 1, 1)
    while day.year <= last_year:
        if day.weekday() < 5:
            yield day
        day += timedelta(days=1)


def _table(days: Days) -> str:
    rows = "".join(f'    {_literal(day)}: "{name}",\n' for day, name in sorted(days.items()))
    return f"{{\n{rows}}}"


def _literal(day: date) -> str:
    return f"date({day.year}, {day.month}, {day.day})"


if __name__ == "__main__":
    TARGET.write_text(module_text())
    sys.stdout.write(f"{TARGET} is written anew.\n")
