"""Reads days of a query string."""

from datetime import date

from services.errors import FieldError, Invalid

LENGTH_OF_DAY = 10
EARLIEST, LATEST = date(2000, 1, 1), date(2099, 12, 31)


def day_of(name: str, text: str | None) -> date | None:
    """Return the day that `?name=` gives, None without one. Raises `Invalid`."""
    if text is None:
        return None
    try:
        day = date.fromisoformat(text) if len(text) == LENGTH_OF_DAY else None
    except ValueError:
        day = None
    if day is None or not EARLIEST <= day <= LATEST:
        raise Invalid([FieldError(name, "bad_day", f"must be a day from {EARLIEST} to {LATEST}: 2027-01-26")])
    return day
