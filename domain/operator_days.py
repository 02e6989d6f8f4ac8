"""Holds what the operator says of the exchange's days: it outranks the published list and the estimate.

A day that is both closed and has hours is a holiday with a special session (Muhurat trading).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Self

from domain.instrument import Segment
from domain.segment_hours import Hours, HoursRule


class DayWord(StrEnum):
    """What is said of a day."""

    CLOSED = "closed"
    OPEN = "open"
    """A trading day with ordinary hours."""
    HOURS = "hours"
    """A session of its own: Muhurat, a Saturday, a late opening."""


@dataclass(frozen=True, slots=True)
class OperatorDay:
    """One entry. `hours` and `segment` (None: all) are of `HOURS` alone; `source` says how it is known."""

    day: date
    word: DayWord
    source: str
    hours: Hours | None = None
    segment: Segment | None = None

    def replaces(self, other: "OperatorDay") -> bool:
        """Tell whether this entry takes the place of another one: they cannot both be true."""
        if self.day != other.day:
            return False
        if DayWord.OPEN in (self.word, other.word):
            return True
        both = {self.word, other.word}
        return len(both) == 1 and self.segment in (other.segment, None)


@dataclass(frozen=True, slots=True)
class OperatorDays:
    """All entries, by day. `last_day`: up to there every day is named, and none is an estimate.

    `rules`: the hours of ordinary days, from the day on that each names.
    """

    closed: frozenset[date] = frozenset()
    open: frozenset[date] = frozenset()
    sessions: Mapping[tuple[date, Segment], Hours] = field(default_factory=dict)
    last_day: date | None = None
    rules: tuple[HoursRule, ...] = ()

    @classmethod
    def of(cls, entries: Iterable[OperatorDay], rules: Iterable[HoursRule] = ()) -> Self:
        """Sort entries; hours of one segment outrank those of all."""
        closed, trading, sessions = set[date](), set[date](), dict[tuple[date, Segment], Hours]()
        for entry in sorted(entries, key=lambda one: one.segment is not None):
            if entry.word is DayWord.CLOSED:
                closed.add(entry.day)
            elif entry.word is DayWord.OPEN:
                trading.add(entry.day)
            elif entry.hours is not None:
                segments = list(Segment) if entry.segment is None else [entry.segment]
                sessions |= {(entry.day, segment): entry.hours for segment in segments}
        return cls(frozenset(closed), frozenset(trading), sessions, rules=tuple(rules))


NO_WORD = OperatorDays()
