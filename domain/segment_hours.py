"""Holds the hours of ordinary trading days by segment, each with the day from which they are in force."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, time

from domain.instrument import Segment


@dataclass(frozen=True, slots=True)
class Hours:
    """Opening and closing time of day, exchange time."""

    opens: time
    closes: time


@dataclass(frozen=True, slots=True)
class HoursRule:
    """A segment's hours from `since` on, until a later rule. `source` says how they are known.

    `mis_cutoff` is when the broker squares intraday positions off.
    """

    since: date
    segment: Segment
    hours: Hours
    mis_cutoff: time
    source: str


def rule_of(day: date, segment: Segment, *layers: Iterable[HoursRule]) -> HoursRule:
    """Return the rule that is in force on a day; of two of one day the one of the later layer.

    Raises `LookupError` where none is: the first layer has to begin with the segment.
    """
    found: HoursRule | None = None
    for rule in (rule for layer in layers for rule in layer):
        if rule.segment is segment and rule.since <= day and (found is None or rule.since >= found.since):
            found = rule
    if found is None:
        raise LookupError(f"no hours of {segment} are known on {day}")
    return found
