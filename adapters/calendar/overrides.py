"""Reads the operator's corrections of the calendar from a file, to be moved into the database once.

    last_day = 2027-12-31            # the file names every holiday to this day: none of them is an estimate
    closed = [2027-01-26]            # holidays that the data does not know, or has wrong
    open = [2027-03-10]              # trading days, with ordinary hours, that the data has as holidays

    [[session]]                      # a session of its own: Muhurat, a Saturday, a late opening
    day = 2027-10-29
    opens = 18:15:00
    closes = 19:15:00
    segment = "derivatives"          # cash, cash_cas, derivatives, index; left out: all of them

TOML, or the same shape in JSON (dates and times as strings).
A day that is both closed and has a session is a holiday with a special session. What the file does not name
is left to the exchange's published list and, beyond it, to the estimate.
"""

import json
import tomllib
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from domain.errors import CalendarUnknown
from domain.instrument import Segment
from domain.operator_days import DayWord, OperatorDay, OperatorDays
from domain.segment_hours import Hours
from domain.session import SATURDAY


class OverridesUnreadable(CalendarUnknown):
    """The override file cannot be understood. No day is assumed to trade until it can be."""


class OverrideFile:
    """Reads the file again whenever it was replaced."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        # One value, replaced in one step: threads read it side by side.
        self._known: tuple[tuple[int, int, int] | None, OperatorDays] = (None, OperatorDays())

    def read(self) -> OperatorDays:
        """Return what the file says now. Raises `OverridesUnreadable` while it is missing or malformed."""
        seen, overrides = self._known
        if self._path is None:
            return overrides
        try:
            stat = self._path.stat()
            version = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if version != seen:
                overrides = _overrides(_table(self._path))
                self._known = version, overrides
        except (OSError, ValueError, TypeError, KeyError) as error:
            self._known = (None, OperatorDays())
            raise OverridesUnreadable(
                f"the calendar file {self._path} cannot be read ({_reason(error)}); correct it, or leave it "
                "out (STOPWATCH_CALENDAR_OVERRIDES)"
            ) from error
        return overrides


def _table(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    table = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    if not isinstance(table, dict):
        raise TypeError("it is not a table")
    if unknown := set(table) - {"closed", "open", "session", "last_day"}:
        raise ValueError(f"unknown entry {sorted(unknown)[0]!r}")
    return table


def _overrides(table: dict[str, Any]) -> OperatorDays:
    sessions: dict[tuple[date, Segment], Hours] = {}
    for row in table.get("session", []):
        hours = Hours(_time(row["opens"]), _time(row["closes"]))
        if hours.opens >= hours.closes:
            raise ValueError(f"the session of {row['day']} closes before it opens")
        segments = [Segment(row["segment"])] if "segment" in row else list(Segment)
        for segment in segments:
            if sessions.setdefault((_day(row["day"]), segment), hours) is not hours:
                raise ValueError(f"two sessions of {segment} on {row['day']}")
    last_day = table.get("last_day")
    closed, trading = (frozenset(_day(day) for day in table.get(name, [])) for name in ("closed", "open"))
    if both := closed & trading:
        raise ValueError(f"{min(both)} is both closed and open")
    return OperatorDays(
        closed=closed,
        open=trading,
        sessions=sessions,
        last_day=None if last_day is None else _day(last_day),
    )


def _day(value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    return date.fromisoformat(str(value))


def _time(value: object) -> time:
    moment = value if isinstance(value, time) else time.fromisoformat(str(value))
    if moment.tzinfo is not None:
        raise ValueError("times are exchange time and carry no zone")
    return moment


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"a session has no {error.args[0]!r}"
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def entries_of(said: OperatorDays, published_to: date, source: str) -> list[OperatorDay]:
    """Return what a file says as entries, each with this source.

    Of a file that is complete to its `last_day`, the weekdays that it does not name are entries, too.
    """
    entries = [OperatorDay(day, DayWord.CLOSED, source) for day in sorted(said.closed)]
    entries += [OperatorDay(day, DayWord.OPEN, source) for day in sorted(said.open)]
    entries += [
        OperatorDay(day, DayWord.HOURS, source, hours, segment)
        for (day, segment), hours in sorted(said.sessions.items())
    ]
    named = {entry.day for entry in entries}
    day = published_to + timedelta(days=1)
    while said.last_day is not None and day <= said.last_day:
        if day not in named and day.weekday() < SATURDAY:
            entries.append(OperatorDay(day, DayWord.OPEN, source))
        day += timedelta(days=1)
    return entries
